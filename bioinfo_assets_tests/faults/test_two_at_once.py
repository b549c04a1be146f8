"""Two commands at once on one project, at random moments: each works or refuses, and results stay consistent."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Final

import pytest

from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import REFERENCES, ResultKey
from bioinfo_assets_tests.faults.invariants import check_digests, check_healed, finished_results
from bioinfo_assets_tests.faults.kills import MAX_DELAY_S
from bioinfo_assets_tests.faults.project import PER_SAMPLE, RESULTS, SAMPLES, FaultProject, Inputs, write_inputs
from bioinfo_assets_tests.faults.seeds import fixed_seeds, random_of, random_seeds
from bioinfo_assets_tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("faults")  # they share the process that commands are forked from

MAX_OFFSET_S: Final = 3.0
READ_GROUP: Final = r"@RG\tID:FC1.3\tSM:c\tLB:l\tPL:ILLUMINA\tPU:FC1.3"
OTHER_TRIMMING: Final = "[trimming]\ntruseq = true\n"

COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "collects garbage": ("gc", "EXTRA"),
    "lists garbage": ("gc", "--dry-run"),
    "verifies": ("verify", "--deep"),
    "imports": ("import", "FASTQ1", "FASTQ2", "--sample", "c", "--as", "trimmed_reads", "--read-group", READ_GROUP),
    "imports in place of a result": (
        *("import", "FASTQ1", "FASTQ2", "--sample", "c", "--as", "trimmed_reads", "--read-group", READ_GROUP),
        "--replace",
    ),
    "renames": ("samples", "rename", "c", "d"),
    "removes": ("samples", "remove", "c"),
    "syncs": ("sync",),
    "shows the state": ("status",),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory, inputs: Inputs) -> FaultProject:
    """A project with all results."""
    project = FaultProject(tmp_path_factory.mktemp("computed") / "project", inputs)
    assert project.run().exit_code == 0
    return project


@pytest.mark.parametrize("seed", fixed_seeds(1))
def test_two_runs_of_one_project(tmp_path: Path, inputs: Inputs, seed: int) -> None:
    check_two_runs(FaultProject(tmp_path / "project", inputs), random_of(seed, "two runs"))


@pytest.mark.long
@pytest.mark.parametrize("seed", random_seeds())
def test_two_runs_of_one_project_at_any_moment(tmp_path: Path, inputs: Inputs, seed: int) -> None:
    check_two_runs(FaultProject(tmp_path / "project", inputs), random_of(seed, "two runs"))


def check_two_runs(project: FaultProject, rng: Random) -> None:
    first = project.start()
    time.sleep(rng.uniform(0, MAX_OFFSET_S))
    second = project.start()
    ended = [first.wait(), second.wait()]
    print(ended)  # noqa: T201 - pytest shows it if the round fails
    assert [run.exit_code for run in ended] == [0, 0]
    before = finished_results(project)
    assert len(before.records) == len(RESULTS)
    check_healed(project, before, project.run())
    assert set(project.starts_by_name().values()) == {1}
    past = list(Path(project.output).glob("*/records/history/*"))
    assert past == []  # neither has replaced a result of the other


@pytest.mark.long
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("seed", random_seeds())
@pytest.mark.parametrize("is_new", [True, False], ids=["new", "replaced"])
def test_a_run_while_another_command(
    tmp_path: Path, computed: FaultProject, name: str, seed: int, *, is_new: bool
) -> None:
    """The run computes results that do not exist yet, or replaces them."""
    rng = random_of(seed, f"a run while another command {name}")
    if not is_new:
        shutil.copytree(computed.output, tmp_path / "project" / "out")
    project = FaultProject(tmp_path / "project", computed.inputs)
    if not is_new:
        with (project.home / "bioinfo-assets.toml").open("a") as settings:
            settings.write(OTHER_TRIMMING)
    run = project.start()
    after_starts = rng.randint(1, len(RESULTS) if is_new else len(SAMPLES))
    wait_until(lambda: len(project.starts()) >= after_starts or not run.is_alive, what="a job to start")
    words = dict(zip(("EXTRA", "FASTQ1", "FASTQ2"), map(str, prepare(project, computed, tmp_path)), strict=True))
    time.sleep(rng.uniform(0, MAX_DELAY_S))
    other = project.call(*(words.get(word, word) for word in COMMANDS[name]))
    ended = run.wait()
    print(ended, other)  # noqa: T201 - pytest shows it if the round fails
    ended.check_it_ended_in_sentences()
    other.check_it_ended_in_sentences()
    check_consistent(project)


def prepare(project: FaultProject, computed: FaultProject, folder: Path) -> Iterator[Path]:
    """Write a file that no record names, and copies of a result's two files elsewhere."""
    extra = Path(project.output) / "a" / "extra.txt"
    extra.parent.mkdir(exist_ok=True)
    extra.write_text("of nobody\n")
    yield extra
    for read in (1, 2):
        fastq = folder / f"elsewhere_{read}.fastq.gz"
        shutil.copyfile(Path(computed.output) / "c" / f"c.{read}.fastq.gz", fastq)
        yield fastq


def check_consistent(project: FaultProject) -> None:
    """A run of the samples that the project has now finishes, and files, records and Dagster agree."""
    select = [word for asset in ("reference_genome", *PER_SAMPLE) for word in ("--select", asset)]
    assert project.call("run", *select).exit_code == 0
    for record in records_of(project):
        check_digests(project, record)
    states = json.loads(project.call("status", "--json").text)
    selected = [state for state in states if state["asset"] in {"reference_genome", *PER_SAMPLE}]
    assert {state["state"] for state in selected} == {"up to date"}
    assert json.loads(project.call("sync", "--json").text.splitlines()[-1])["synced"] == 0
    project.wait_until_idle()


def records_of(project: FaultProject) -> Iterator[Record]:
    """All results that have a record."""
    for scope in (REFERENCES, *SAMPLES, "d"):
        for asset in ("reference_genome", *PER_SAMPLE):
            record = project.ledger.read(ResultKey(asset, scope))
            if record is not None:
                yield record
