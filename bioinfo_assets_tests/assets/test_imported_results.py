"""A run of everything, as Dagit starts it, computes what is after an imported result, and nothing before it."""

from pathlib import Path

import dagster as dg
import pytest

import bioinfo_assets.definitions
from bioinfo_assets.application.dagster_runs import open_instance, run_plan
from bioinfo_assets.application.plan import Plan
from bioinfo_assets.application.run_progress import RunProgress
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.orchestration.internals import InMemoryJob, execute_run_iterator
from bioinfo_assets.orchestration.partitions import add_samples, range_tags
from bioinfo_assets.pipeline.graph import ASSETS, enabled_assets
from bioinfo_assets.records.samples import save_sample
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.pipeline.fake_project import FakeProject, FakeTools, open_fake_project
from bioinfo_assets_tests.planned_results import planned_results

BEFORE = ("merged_reads", "trimmed_reads", "aligned_bam", "marked_bam")
AFTER = ("recalibrated_bam", "alignment_metrics", "insert_size_metrics", "depth")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProject:
    """Sample `a` has only an imported BAM, and sample `b` only FASTQs."""
    project = open_fake_project(tmp_path, "a", "b")
    project.run(samples=["a"])
    ledger = project.project.ledger
    for asset in BEFORE:
        ledger.withdraw(project.record(asset, "a"))
    ledger.write(project.record("recalibrated_bam", "a").model_copy(update={"imported": True}))
    save_sample(ledger, Sample(name="a", lanes=(), imported=True))
    monkeypatch.setattr("bioinfo_assets.orchestration.launcher.open_backend", lambda *_: FakeTools(tmp_path / "s", {}))
    monkeypatch.setattr("bioinfo_assets.assets.metrics_metadata.GRAPH", {})  # fake files have no metrics
    monkeypatch.setattr(bioinfo_assets.definitions, "code_versions", lambda _: dict.fromkeys(ASSETS, "1"))
    return project


def test_what_is_after_an_imported_result_is_materialized(project: FakeProject) -> None:
    with dg.instance_for_test() as instance:
        add_samples(instance, ["a", "b"])
        job = bioinfo_assets.definitions.build_definitions(project.project.settings).resolve_job_def("align_samples")
        run = instance.create_run_for_job(job_def=job, tags=range_tags("a", "b"))
        events = list(execute_run_iterator(InMemoryJob(job), run, instance))

    assert [event.message for event in events if event.is_failure] == []
    materialized = {
        (event.asset_key.path[-1], event.partition)
        for event in events
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key
    }
    assert materialized >= {*((asset, "a") for asset in AFTER), *((asset, "b") for asset in (*BEFORE, *AFTER))}
    assert not materialized & {(asset, "a") for asset in BEFORE}
    assert project.project.ledger.read(ResultKey("merged_reads", "a")) is None
    assert ("multiqc_report", None) in materialized


def test_the_command_line_plans_nothing_that_is_before_an_imported_result(project: FakeProject, tmp_path: Path) -> None:
    """If a run fails, Dagit shows as failed what was planned and is not materialized."""
    superseded = {"a": frozenset(BEFORE)}
    plan = Plan(
        project.project, tmp_path / "home", (), ("a", "b"), enabled_assets(project.project.settings), superseded
    )
    (tmp_path / "home").mkdir()
    progress = RunProgress({})

    result = run_plan(plan, progress)

    assert progress.failures == ()
    assert result is not None
    with open_instance(tmp_path / "home") as instance:
        planned = planned_results(instance, result.run_id)
        logs = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    materializations = [entry.asset_materialization for entry in logs]
    assert planned == {(key.asset, key.partition_key) for key in plan.result_keys()}
    assert planned == {(event.asset_key.path[-1], event.partition) for event in materializations if event}
    assert ("merged_reads", "b") in planned
    assert ("merged_reads", "a") not in planned
