"""`kill -9` of a run, or of what it starts, at random moments; the next run heals everything."""

import json
import shutil
import signal
from collections.abc import Collection
from pathlib import Path

import pytest

from bioinfo_assets_tests.faults.invariants import check_healed, finished_results
from bioinfo_assets_tests.faults.kills import Victim, random_strike, run_with
from bioinfo_assets_tests.faults.project import FaultProject, Inputs, write_inputs
from bioinfo_assets_tests.faults.seeds import fixed_seeds, random_of, random_seeds

pytestmark = pytest.mark.xdist_group("faults")  # they share the process that commands are forked from


OTHER_TRIMMING = "[trimming]\ntruseq = true\n"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory, inputs: Inputs) -> FaultProject:
    """A project with all results."""
    project = FaultProject(tmp_path_factory.mktemp("computed") / "project", inputs)
    assert project.run().exit_code == 0
    return project


@pytest.mark.parametrize("victim", [Victim.HOST, Victim.STARTER])
@pytest.mark.parametrize("seed", fixed_seeds(1))
def test_the_next_run_heals_what_a_kill_left(tmp_path: Path, inputs: Inputs, victim: Victim, seed: int) -> None:
    check_round(FaultProject(tmp_path / "project", inputs), victim, seed)


@pytest.mark.long
@pytest.mark.parametrize("victim", Victim)
@pytest.mark.parametrize("seed", random_seeds())
def test_the_next_run_heals_what_a_kill_left_at_any_moment(
    tmp_path: Path, inputs: Inputs, victim: Victim, seed: int
) -> None:
    check_round(FaultProject(tmp_path / "project", inputs), victim, seed)


@pytest.mark.long
@pytest.mark.parametrize("victim", [Victim.HOST, Victim.JOB])
@pytest.mark.parametrize("seed", random_seeds())
def test_results_that_are_being_replaced_are_old_or_new(
    tmp_path: Path, computed: FaultProject, victim: Victim, seed: int
) -> None:
    """The records of those that were replaced are kept."""
    shutil.copytree(computed.output, tmp_path / "project" / "out")
    outdated = {record.job_id for key, record in finished_results(computed).records.items() if "trimmed" in key.asset}
    project = FaultProject(tmp_path / "project", computed.inputs)
    with (project.home / "bioinfo-assets.toml").open("a") as settings:
        settings.write(OTHER_TRIMMING)
    check_round(project, victim, seed, outdated)
    past = [json.loads(file.read_bytes())["job_id"] for file in Path(project.output).glob("*/records/history/*.json")]
    assert sorted(past) == sorted(outdated)


def check_round(project: FaultProject, victim: Victim, seed: int, outdated: Collection[str] = ()) -> None:
    strike = random_strike(random_of(seed, victim.value), victim, project.output)
    print(strike)  # noqa: T201 - pytest shows it if the round fails
    struck = run_with(strike, project)
    assert struck.exit_code in ({0, -signal.SIGKILL} if victim is Victim.HOST else {0, 1}), struck
    if victim is not Victim.HOST:
        struck.check_it_ended_in_sentences()
    project.wait_until_idle()
    before = finished_results(project, outdated)
    check_healed(project, before, project.run())
    if not outdated:
        shutil.rmtree(project.folder)
