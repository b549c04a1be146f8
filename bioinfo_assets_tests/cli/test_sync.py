"""`sync` after the loss of Dagster's database, or in a home that never had one."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.application.dagster_runs import open_instance
from bioinfo_assets.application.sync import read_recorded_state, report_to_dagster
from bioinfo_assets.launch.backend_config import open_backend
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, listen
from bioinfo_assets.pipeline.asset_spec import ALIGNER
from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets.result_key import COHORT
from bioinfo_assets.settings import save
from bioinfo_assets_tests.cli.commands import CommandResult, call, call_process, list_folders, write_pair
from bioinfo_assets_tests.pipeline.fake_project import FakeProject, FakeTools, open_fake_project

ALL = 3 + 2 * 8 + 1
"""Results of two samples: three shared ones, eight per sample, and the report."""


def home(project: FakeProject) -> Path:
    return project.folder / "out" / ".dagster"


def sync(project: FakeProject, *options: object) -> CommandResult:
    return call("sync", "--output-path", project.folder / "out", *options)


def sync_to_json(project: FakeProject) -> dict[str, int]:
    return dict(json.loads(sync(project, "--json").stdout))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProject:
    """A project with all results, computed without Dagster by tools of the installed versions."""
    project = open_fake_project(tmp_path, "a", "b")
    settings = project.project.settings
    backend = open_backend(settings, settings.output_path, project.project.store, "none", "none")
    tools = {tool for spec in GRAPH.values() for tool in spec.tools_of(settings)} - {ALIGNER} | {"bwa"}
    project.versions |= backend.tool_versions(tuple(sorted(tools)))
    backend.close()
    monkeypatch.setattr("bioinfo_assets.assets.metrics_metadata.GRAPH", {})  # the fake files contain no metrics
    save(settings, home(project))
    assert len(project.run()) == ALL
    return project


def materialized(project: FakeProject, asset: str) -> set[str | None]:
    with open_instance(home(project)) as instance:
        records = instance.fetch_materializations(dg.AssetKey(asset), limit=10).records
    return {record.partition_key for record in records}


def run_to_json(project: FakeProject) -> dict[str, Any]:
    result = call("run", "--output-path", project.folder / "out", "--json")
    assert result.exit_code == 0, result
    return dict(json.loads(result.stdout))


def run_count(project: FakeProject) -> int:
    with open_instance(home(project)) as instance:
        return instance.get_runs_count()


def test_all_results_are_reported_once(project: FakeProject) -> None:
    first, second = sync(project), sync(project)

    assert first.exit_code == second.exit_code == 0
    assert first.stdout == f"{ALL} results were reported to Dagster\n"
    assert second.stdout == "Dagster already has all results\n"
    assert materialized(project, "depth") == {"a", "b"}
    assert materialized(project, "multiqc_report") == {None}


def test_json_is_one_document(project: FakeProject) -> None:
    assert sync_to_json(project) == {"synced": ALL, "results": ALL}
    assert sync_to_json(project) == {"synced": 0, "results": ALL}


def test_after_the_loss_of_the_database_all_results_are_reported_again(project: FakeProject) -> None:
    sync(project)
    shutil.rmtree(home(project) / "history")

    assert sync_to_json(project) == {"synced": ALL, "results": ALL}


def test_no_job_is_run(project: FakeProject) -> None:
    project.write_reads("b", pairs=3)
    before = project.record("merged_reads", "b")

    assert sync(project).exit_code == 0

    assert project.record("merged_reads", "b") == before
    assert run_count(project) == 0


def test_a_run_after_it_reuses_everything_without_dagster(project: FakeProject) -> None:
    sync(project)

    document = run_to_json(project)

    assert document["runs"] == []
    assert sum(row["cached"] for row in document["jobs"].values()) == ALL
    assert run_count(project) == 0


def test_a_run_after_a_change_uses_dagster(project: FakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was synced before the change is not taken for the current state."""
    sync(project)
    project.write_reads("b", pairs=3)
    backend = FakeTools(project.folder / "scratch", project.versions)
    monkeypatch.setattr("bioinfo_assets.orchestration.launcher.open_backend", lambda *_: backend)

    assert len(run_to_json(project)["runs"]) == 1
    assert {job.key.scope for job in backend.submitted} == {"b", "multiqc"}


def replace_report(project: FakeProject) -> None:
    """Replace the report by one of another content, as another process does."""
    record = project.record("multiqc_report", COHORT)
    others = tuple(replace(file, content="0" * 64) for file in record.outputs)
    project.project.ledger.write(record.model_copy(update={"outputs": others}))


def test_a_result_that_is_replaced_meanwhile_is_left_to_whoever_replaces_it(project: FakeProject) -> None:
    """Its event would come after that of the newer one, and hide it."""
    state = read_recorded_state(str(project.folder / "out"))
    replace_report(project)
    assert report_to_dagster(state, lambda *_: None) == ALL - 1
    assert materialized(project, "multiqc_report") == set()
    assert len(run_to_json(project)["runs"]) == 1  # the state of that moment is not taken for the current one
    assert materialized(project, "multiqc_report") == {None}


def test_a_result_that_is_replaced_while_a_run_reuses_it_is_reported_by_the_next_run(project: FakeProject) -> None:
    def replace(update: JobUpdate) -> None:
        if (update.key.asset, update.state) == ("multiqc_report", JobState.CACHED):
            replace_report(project)

    with listen(replace):
        assert len(run_to_json(project)["runs"]) == 1
    assert len(run_to_json(project)["runs"]) == 1
    assert sync_to_json(project)["synced"] == 0
    assert run_to_json(project)["runs"] == []


def test_samples_without_results_become_partitions(tmp_path: Path) -> None:
    write_pair(tmp_path / "reads")
    samples, output = list_folders(tmp_path / "samples.txt", tmp_path / "reads"), tmp_path / "out"
    assert call_process("samples", "add", samples, "--output-path", output).exit_code == 0

    assert call_process("sync", "--output-path", output).exit_code == 0

    with open_instance(output / ".dagster") as instance:
        assert instance.get_dynamic_partitions("samples") == ["expt"]


def test_an_output_path_without_results_is_rejected_and_left_unchanged(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    fasta = tmp_path / "genome.fa"
    fasta.write_text(">chrM\nACGT\n")
    (tmp_path / "out" / "bioinfo-assets.toml").write_text(f'reference = "{fasta}"\nknown_sites = []\n')

    result = call_process("sync", "--output-path", tmp_path / "out")

    assert result.exit_code == 2
    assert "there are no results" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "out" / ".dagster").exists()


def test_results_of_real_tools_are_reported_with_their_metrics(tmp_path: Path) -> None:
    """The project has a part of the graph only; its reference cannot be reached, and is not needed for that part."""
    write_pair(tmp_path / "expt")
    samples = list_folders(tmp_path / "samples.txt", tmp_path / "expt")
    run = call_process(
        *("run", "--output-path", tmp_path / "out", "--samples-file", samples),
        *("--reference", "http://127.0.0.1:9/genome.fa", "--no-known-sites"),
        *("--select", "merged_reads", "--select", "trimmed_reads"),
    )
    assert run.exit_code == 0, run
    shutil.rmtree(tmp_path / "out" / ".dagster" / "history")

    first, second = (call_process("sync", "--output-path", tmp_path / "out", "--json") for _ in range(2))

    assert first.exit_code == 0, first
    assert json.loads(first.stdout) == {"synced": 2, "results": 2}
    assert json.loads(second.stdout) == {"synced": 0, "results": 2}
    assert "Traceback" not in first.stderr
    with open_instance(tmp_path / "out" / ".dagster") as instance:
        key = dg.AssetRecordsFilter(dg.AssetKey("trimmed_reads"), asset_partitions=["expt"])
        (record,) = instance.fetch_materializations(key, limit=5).records
    assert record.asset_materialization is not None
    metadata = record.asset_materialization.metadata
    assert metadata["backfilled_from_record"].value is True
    assert metadata.keys() >= {"files", "inputs", "provenance", "record", "pairs_in"}
