"""Dry runs (`run --explain`), runs without anything to do, which do without Dagster, and `status`."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.application import dagster_sync_marker
from bioinfo_assets.application.dagster_runs import open_instance
from bioinfo_assets.application.plan import all_reusable, plan_everything
from bioinfo_assets.genomics.adapters import TRUSEQ_1, TRUSEQ_2
from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets_tests.cli.commands import CommandResult, call, list_folders, write_pair

pytestmark = pytest.mark.xdist_group("explain")  # they share a project

READS = ("merged_reads", "trimmed_reads")
SELECTED = tuple(word for asset in READS for word in ("--select", asset))

ISOLATED = """
import sys
started = []
events = {"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"}
sys.addaudithook(lambda event, arguments: started.append(event) if event in events else None)
from bioinfo_assets.cli.main import app
try:
    app(sys.argv[1:])
except SystemExit as exit:
    imported = sorted(name for name in sys.modules if name.partition(".")[0].startswith("dagster"))
    print(exit.code, started, imported[:3], file=sys.stderr)
"""
"""A command that prints its exit code, the processes it started, and what it imported of Dagster."""


@dataclass(frozen=True)
class ReadsProject:
    """A project of two samples with a lane each, whose reads are merged and trimmed."""

    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def home(self) -> Path:
        return self.out / ".dagster"

    def run(self, *options: object) -> CommandResult:
        return call("run", "--output-path", self.out, *SELECTED, *options)

    def run_to_json(self, *options: object) -> dict[str, Any]:
        """Run successfully; return the JSON document."""
        result = self.run("--json", *options)
        assert result.exit_code == 0, result
        return dict(json.loads(result.stdout))

    def explain(self, *options: object) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the planned results of a dry run, by asset and scope."""
        result = self.run("--explain", "--json", *options)
        assert result.exit_code == 0, result
        return {(planned.pop("asset"), planned.pop("scope")): planned for planned in json.loads(result.stdout)}

    def states(self) -> dict[tuple[str, str], tuple[str, str | None]]:
        """Return state and reason of each result, as printed by `status`."""
        result = call("status", "--output-path", self.out, "--json")
        assert result.exit_code == 0, result
        statuses = [status for status in json.loads(result.stdout) if status["asset"] in READS]
        return {(status["asset"], status["scope"]): (status["state"], status["reason"]) for status in statuses}

    def run_isolated(self, *, env: Mapping[str, str]) -> CommandResult:
        """Run in a process that reports what it started and imported in the last line of stderr."""
        arguments = [sys.executable, "-c", ISOLATED, "run", "--output-path", str(self.out), *SELECTED]
        completed = subprocess.run(arguments, capture_output=True, text=True, check=False, env={**os.environ, **env})
        return CommandResult(completed.returncode, completed.stdout, completed.stderr)

    def fastq(self, sample: str, read: int = 1) -> Path:
        return self.folder / sample / f"{sample}_FC1_L1_{read}.fastq.gz"

    def record(self, asset: str, sample: str) -> dict[str, Any]:
        return dict(json.loads((self.out / sample / "records" / f"{asset}.json").read_text()))

    def outputs(self, asset: str, sample: str) -> list[Path]:
        """Return the files of a result, whose record names them relative to the output path."""
        return [self.out / file["uri"] for file in self.record(asset, sample)["outputs"]]

    def code_versions_in_dagster(self) -> dict[tuple[str, str], str]:
        """Return the code version of the last materialization of each result."""
        versions = {}
        with open_instance(self.home) as instance:
            for asset in READS:
                for sample in ("one", "two"):
                    materializations = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[sample])
                    for event in instance.fetch_materializations(materializations, limit=1).records:
                        assert event.asset_materialization is not None
                        versions[asset, sample] = (event.asset_materialization.tags or {})["dagster/code_version"]
        return versions


def new_project(folder: Path) -> ReadsProject:
    for sample in ("one", "two"):
        write_pair(folder / sample, sample)
    list_folders(folder / "samples.txt", folder / "one", folder / "two")
    return ReadsProject(folder)


@pytest.fixture
def new(tmp_path: Path) -> ReadsProject:
    """A project without results and, as yet, without samples."""
    return new_project(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> ReadsProject:
    """A project with all results, which tests do not change."""
    project = new_project(tmp_path_factory.mktemp("shared"))
    assert counts(project.run_to_json("--samples-file", project.folder / "samples.txt")) == {"done": 4}
    return project


@pytest.fixture
def mutable(shared: ReadsProject, tmp_path: Path) -> Iterator[ReadsProject]:
    """The same project, which is restored after the test, with the modification times of its files."""
    shutil.copytree(shared.folder, tmp_path / "backup")
    yield shared
    shutil.rmtree(shared.folder)
    shutil.copytree(tmp_path / "backup", shared.folder)


def counts(document: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of jobs in each final state, from a run's JSON document."""
    rows = document["jobs"].values()
    totals = {state: sum(row[state] for row in rows) for row in rows for state in row if state != "total"}
    return {state: count for state, count in totals.items() if count}


def actions(plan: Mapping[tuple[str, str], Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    return {place: planned["action"] for place, planned in plan.items()}


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return the bytes and modification time of every file and folder in a folder."""
    return {
        str(path): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
def test_a_dry_run_of_a_new_project_writes_nothing(new: ReadsProject, options: tuple[str, ...]) -> None:
    before = files(new.folder)
    result = new.run("--samples-file", new.folder / "samples.txt", "--explain", *options)
    assert result.exit_code == 0
    assert files(new.folder) == before


def test_a_dry_run_of_a_new_project_lists_all_results(new: ReadsProject) -> None:
    result = new.run("--samples-file", new.folder / "samples.txt", "--explain")
    lines = result.stdout.splitlines()
    assert [line for line in lines if line] == [
        "one  merged_reads  run: not computed yet",
        "two  merged_reads  run: not computed yet",
        "one  trimmed_reads  run: not computed yet",
        "two  trimmed_reads  run: not computed yet",
        "run: 4",
    ]


def test_a_dry_run_of_a_new_project_does_not_read_the_reference(new: ReadsProject) -> None:
    """Its address cannot be reached."""
    result = call(
        *("run", "--output-path", new.out, "--samples-file", new.folder / "samples.txt", "--explain"),
        *("--reference", "http://127.0.0.1:9/genome.fa", "--known-sites", "http://127.0.0.1:9/sites.vcf.gz"),
    )
    assert result.exit_code == 0, result
    assert result.stdout.splitlines()[-1] == f"run: {3 + 2 * 8 + 1}"


def test_a_dry_run_rejects_bad_input_as_a_run_does(new: ReadsProject) -> None:
    before = files(new.folder)
    for options in (("--samples-file", new.folder / "none.txt"), ("--samples", "three"), ("--platform", "PAPER")):
        result = new.run("--explain", *options)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.strip()
        assert "Traceback" not in result.stderr
    assert files(new.folder) == before


def test_existing_results_would_be_reused(shared: ReadsProject) -> None:
    before = files(shared.folder)
    assert shared.explain() == {
        (asset, sample): {
            "action": "reuse",
            "reason": None,
            "fingerprint": shared.record(asset, sample)["fingerprint"],
        }
        for asset in READS
        for sample in ("one", "two")
    }
    assert shared.run("--explain").stdout.splitlines()[-1] == "reuse: 4"
    assert files(shared.folder) == before


def test_a_dry_run_does_not_save_settings(shared: ReadsProject) -> None:
    before = files(shared.folder)
    plan = shared.explain("--max-n", 0.25)
    assert actions(plan) == {
        ("merged_reads", "one"): "reuse",
        ("merged_reads", "two"): "reuse",
        ("trimmed_reads", "one"): "run",
        ("trimmed_reads", "two"): "run",
    }
    assert plan["trimmed_reads", "one"]["reason"] == "changed: parameters (max_n), script"
    assert files(shared.folder) == before
    assert set(actions(shared.explain()).values()) == {"reuse"}


def test_a_run_after_changes_does_what_the_dry_run_predicted(mutable: ReadsProject) -> None:
    write_pair(mutable.folder / "two", "two", pairs=30)
    mutable.outputs("trimmed_reads", "one")[0].unlink()
    plan = mutable.explain()
    assert actions(plan) == {
        ("merged_reads", "one"): "reuse",
        ("merged_reads", "two"): "run",
        ("trimmed_reads", "one"): "run",
        ("trimmed_reads", "two"): "depends on upstream",
    }
    assert "inputs" in plan["merged_reads", "two"]["reason"]
    assert plan["trimmed_reads", "one"]["reason"].endswith(" is missing")
    assert plan["trimmed_reads", "two"] == {
        "action": "depends on upstream",
        "reason": "after merged_reads of two",
        "fingerprint": None,
    }
    assert counts(mutable.run_to_json()) == {"cached": 1, "done": 3}


def test_a_missing_fastq_blocks_its_results_in_a_dry_run(mutable: ReadsProject) -> None:
    mutable.fastq("two").unlink()
    result = mutable.run("--explain")
    assert f"two  merged_reads  blocked: {mutable.fastq('two')}" in result.stdout
    assert result.stdout.splitlines()[-1] == "reuse: 2, blocked: 2"
    assert result.exit_code == 3


def test_a_run_without_anything_to_do_neither_imports_dagster_nor_starts_a_process(mutable: ReadsProject) -> None:
    """The first run of a user with a new home directory reads the versions of tools."""
    env = {"HOME": str(mutable.folder / "user")}
    assert "subprocess.Popen" in mutable.run_isolated(env=env).stderr.splitlines()[-1]
    before = files(mutable.folder)
    result = mutable.run_isolated(env=env)
    assert result.stderr.splitlines()[-1] == "0 [] []"
    assert ["ALL", "0", "0", "0", "4", "0", "4"] in [line.split() for line in result.stdout.splitlines()]
    assert {path: data for path, (data, _) in files(mutable.folder).items()} == {
        path: data for path, (data, _) in before.items()
    }


def test_the_json_of_a_run_without_anything_to_do(shared: ReadsProject) -> None:
    document = shared.run_to_json()
    assert document["success"]
    assert (document["runs"], document["log"], document["failures"]) == ([], None, [])
    assert counts(document) == {"cached": 4}
    assert document["jobs"]["trimmed_reads"]["total"] == 2
    uris = set(map(str, shared.outputs("trimmed_reads", "one")))
    assert set(document["samples"]["one"]["trimmed_reads"]) <= uris
    assert document["samples"]["one"]["trimmed_reads"]


def test_a_run_of_fewer_samples_uses_dagster_once(mutable: ReadsProject) -> None:
    """The marker of the last sync covers both samples; the first run replaces it."""
    assert mutable.run_to_json("--samples", "one")["runs"]
    assert mutable.run_to_json("--samples", "one")["runs"] == []


def test_the_records_of_results_that_are_all_up_to_date_are_held_without_scripts(shared: ReadsProject) -> None:
    """Those of ten thousand samples take more than a gigabyte with them."""
    results = all_reusable(replace(plan_everything(str(shared.out)), assets=READS))
    assert results is not None
    records = [result.record for result in results if result.record is not None]
    assert len(records) == 4
    assert not any(record.script or record.inputs for record in records)


def test_results_are_reported_to_dagster_if_the_marker_is_missing(mutable: ReadsProject) -> None:
    (mutable.home / "history" / "last-synced").unlink()
    document = mutable.run_to_json()
    assert counts(document) == {"cached": 4}
    assert len(document["runs"]) == 1
    assert Path(document["log"]).exists()
    assert mutable.run_to_json()["runs"] == []


def test_results_are_reported_again_after_a_release_with_another_graph(
    mutable: ReadsProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise Dagit would call them stale for their new upstream, and no run would ever change that."""
    other = replace(GRAPH["trimmed_reads"], upstream=(*GRAPH["trimmed_reads"].upstream, "known_sites"))
    monkeypatch.setattr(dagster_sync_marker, "GRAPH", {**GRAPH, other.name: other})
    document = mutable.run_to_json()
    assert counts(document) == {"cached": 4}
    assert len(document["runs"]) == 1
    assert mutable.run_to_json()["runs"] == []


@pytest.mark.parametrize("lost", [".", "history"], ids=["home", "database"])
def test_a_run_reports_all_results_again_after_a_loss(mutable: ReadsProject, lost: str) -> None:
    before = mutable.code_versions_in_dagster()
    assert set(before) == {(asset, sample) for asset in READS for sample in ("one", "two")}
    shutil.rmtree(mutable.home / lost)
    assert mutable.code_versions_in_dagster() == {}
    assert counts(mutable.run_to_json()) == {"cached": 4}
    assert mutable.code_versions_in_dagster() == before


@pytest.mark.parametrize(("chosen", "wiped"), [("trimmed_reads", {"trimmed_reads"}), ("--all", set(READS))])
def test_a_run_after_a_wipe_reports_again_what_was_wiped(mutable: ReadsProject, chosen: str, wiped: set[str]) -> None:
    """By Dagster's own command. Files and records are as they were, so that no job runs."""
    assert mutable.run_to_json()["runs"] == []
    before = mutable.code_versions_in_dagster()
    command = [str(Path(sys.executable).with_name("dagster")), "asset", "wipe", "--noprompt", chosen]
    subprocess.run(command, env={**os.environ, "DAGSTER_HOME": str(mutable.home)}, capture_output=True, check=True)
    assert set(mutable.code_versions_in_dagster()) == {place for place in before if place[0] not in wiped}

    assert counts(mutable.run_to_json()) == {"cached": 4}

    assert mutable.code_versions_in_dagster() == before
    assert mutable.run_to_json()["runs"] == []


def test_a_damaged_database_is_reported_in_a_sentence_and_can_be_moved_away(mutable: ReadsProject) -> None:
    """A run with nothing to do does not answer from its marker alone."""
    (mutable.home / "history" / "runs" / "index.db").write_bytes(b"not a database" * 100)
    result = mutable.run("--json")
    assert result.exit_code == 2
    assert result.stderr == (
        f"bioinfo-assets: Dagster's database in {mutable.home} is damaged: move its folders history and schedules "
        "away, and the next run, or `sync`, reports all results again\n"
    )
    for folder in ("history", "schedules"):
        (mutable.home / folder).rename(mutable.folder / folder)
    assert counts(mutable.run_to_json()) == {"cached": 4}


def test_a_cache_that_cannot_be_written_is_reported_at_the_end(mutable: ReadsProject) -> None:
    """With the number of results that others cannot copy; the run itself succeeds."""
    (mutable.folder / "file").touch()
    cache = mutable.folder / "file" / "cache"
    result = mutable.run("--cache", cache)
    assert result.exit_code == 0
    assert f"4 results are not in the shared cache {cache}, which could not be read or written" in result.stdout


def test_the_run_after_a_failed_one_uses_dagster(mutable: ReadsProject) -> None:
    original = mutable.fastq("two").read_bytes()
    mutable.fastq("two").unlink()
    assert mutable.run("--json").exit_code != 0
    mutable.fastq("two").write_bytes(original)
    document = mutable.run_to_json()
    assert counts(document) == {"cached": 4}
    assert mutable.run_to_json()["runs"] == []


def test_a_fastq_with_a_new_modification_time_is_still_cached(mutable: ReadsProject) -> None:
    os.utime(mutable.fastq("one"), (1e9, 1e9))
    assert counts(mutable.run_to_json()) == {"cached": 4}
    assert mutable.run_to_json()["runs"] == []


def test_a_fastq_that_was_changed_and_restored_is_reported_to_dagster(mutable: ReadsProject) -> None:
    """Meanwhile another process, such as Dagit's sensor, may have reported the changed one."""
    original = mutable.fastq("one").read_bytes()
    mutable.fastq("one").write_bytes(gzip.compress(gzip.decompress(original), 1, mtime=7))
    assert mutable.states()["merged_reads", "one"][0] == "stale"
    mutable.fastq("one").write_bytes(original)
    document = mutable.run_to_json()
    assert counts(document) == {"cached": 4}
    assert document["runs"]
    assert mutable.run_to_json()["runs"] == []


def test_a_changed_fastq_is_detected(mutable: ReadsProject) -> None:
    assert mutable.run_to_json()["runs"] == []
    mutable.fastq("one").write_bytes(gzip.compress(gzip.decompress(mutable.fastq("one").read_bytes()), 1, mtime=7))
    assert counts(mutable.run_to_json()) == {"done": 1, "cached": 3}


def test_a_setting_that_changes_no_result_is_reported_to_dagster(mutable: ReadsProject) -> None:
    """TruSeq adapters given as sequences are another setting, but the same adapters."""
    assert counts(mutable.run_to_json("--truseq")) == {"cached": 2, "done": 2}
    before = mutable.code_versions_in_dagster()
    as_sequences = ("--no-truseq", "--adapter-3p-1", TRUSEQ_1, "--adapter-3p-2", TRUSEQ_2)

    assert set(actions(mutable.explain(*as_sequences)).values()) == {"reuse"}
    document = mutable.run_to_json(*as_sequences)

    assert counts(document) == {"cached": 4}
    assert document["runs"]
    after = mutable.code_versions_in_dagster()
    assert {place for place in after if after[place] != before[place]} == {
        ("trimmed_reads", "one"),
        ("trimmed_reads", "two"),
    }
    assert mutable.run_to_json()["runs"] == []


def test_status_of_a_complete_project(shared: ReadsProject) -> None:
    assert set(shared.states().values()) == {("up to date", None)}


def test_status_shows_stale_results_and_the_reason(mutable: ReadsProject) -> None:
    write_pair(mutable.folder / "two", "two", pairs=30)
    states = mutable.states()
    assert states["merged_reads", "one"] == states["trimmed_reads", "one"] == ("up to date", None)
    state, reason = states["merged_reads", "two"]
    assert (state, str(reason).startswith("changed: inputs (")) == ("stale", True)
    assert states["trimmed_reads", "two"] == ("stale", "after merged_reads of two")


def test_status_shows_damaged_results(mutable: ReadsProject) -> None:
    missing = mutable.outputs("merged_reads", "one")[0]
    missing.unlink()
    states = mutable.states()
    assert states.pop(("merged_reads", "one")) == ("damaged", f"{missing} is missing")
    assert set(states.values()) == {("up to date", None)}
    result = call("status", "--output-path", mutable.out)
    assert f"merged_reads of one: {missing} is missing; run again to recompute it" in result.stdout.splitlines()


def test_status_shows_missing_results_and_what_blocks_them(mutable: ReadsProject) -> None:
    write_pair(mutable.folder / "three", "three")
    more = list_folders(mutable.folder / "more.txt", mutable.folder / "three")
    assert call("samples", "add", more, "--output-path", mutable.out).exit_code == 0
    assert mutable.states()["trimmed_reads", "three"] == ("missing", None)
    mutable.fastq("two").unlink()
    states = mutable.states()
    assert states["merged_reads", "two"][0] == "up to date"  # the result exists, and no other reads were observed
    assert str(mutable.fastq("two")) in str(states["merged_reads", "two"][1])
