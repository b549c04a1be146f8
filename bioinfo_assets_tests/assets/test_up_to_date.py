"""Dagit and `bioinfo-assets status` agree on what is out of date, whatever has changed and however many samples."""

import os
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.assets.check_events import are_left_to_sensor
from bioinfo_assets.assets.materialize_stale import materialize_stale
from bioinfo_assets.assets.quality_checks import quality
from bioinfo_assets.assets.up_to_date import (
    CHECK,
    CHECK_INTERVAL_S,
    check_job,
    check_up_to_date,
    outdated_results,
    report_up_to_date,
    states_by_asset,
    up_to_date,
)
from bioinfo_assets.cli.status import status
from bioinfo_assets.definitions import build_definitions
from bioinfo_assets.launch.backend_config import BackendConfig
from bioinfo_assets.orchestration.partitions import add_samples
from bioinfo_assets.pipeline.graph import ASSETS
from bioinfo_assets.pipeline.result_state import ResultState, State
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.settings import save
from bioinfo_assets.steps import duplicates, trimming
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cli.small_project import call_command, parse_json
from bioinfo_assets_tests.pipeline.fake_project import FakeProject, FakeTools, open_fake_project
from bioinfo_assets_tests.pipeline.test_released import CHAIN, release_results

MANY = 300
READS = ("merged_reads", "trimmed_reads")
OUT_OF_DATE = ("stale", "damaged")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


@pytest.fixture
def computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProject:
    return computed_project(tmp_path, monkeypatch, ["a", "b", "c"])


def computed_project(
    folder: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], assets: Collection[str] | None = None
) -> FakeProject:
    """A project with the results of samples; commands and checks see its tools instead of this machine's."""
    project = open_fake_project(folder, *names)
    project.run(assets)

    def open_backend(_: BackendConfig, *__: object) -> FakeTools:
        return FakeTools(folder / "scratch", project.versions)

    monkeypatch.setattr("bioinfo_assets.pipeline.result_state.open_backend", open_backend)
    return project


def stale_by_status(project: FakeProject) -> dict[tuple[str, str], str]:
    """By asset and scope, the reason of what is stale or damaged by `status`."""
    save(project.project.settings, project.folder / "out" / ".dagster")
    found = parse_json(call_command(status, "--output-path", project.folder / "out", "--json"))
    return {(item["asset"], item["scope"]): item["reason"] for item in found if item["state"] in OUT_OF_DATE}


def shown_in_dagit(project: FakeProject, instance: dg.DagsterInstance) -> dict[tuple[str, str], str]:
    """By asset and scope, the reason of what is out of date by the checks; compared with their counts and outcomes."""
    report_up_to_date(instance, project.project)
    shown: dict[tuple[str, str], str] = {}
    for asset in ASSETS:
        record = instance.get_latest_asset_check_evaluation_record(dg.AssetCheckKey(dg.AssetKey(asset), CHECK))
        assert record is not None
        assert record.evaluation is not None
        metadata = record.evaluation.metadata
        table = metadata["out_of_date"]
        assert isinstance(table, dg.TableMetadataValue)
        rows = {(asset, str(row.data["sample"])): str(row.data["why"]) for row in table.records}
        assert sum(int(str(metadata[state].value)) for state in OUT_OF_DATE) == len(rows)
        assert record.evaluation.passed is (not rows)
        assert record.evaluation.severity is dg.AssetCheckSeverity.WARN
        shown |= rows
    return shown


def change_fastq(project: FakeProject, _: pytest.MonkeyPatch) -> None:
    project.write_reads(project.samples[1], pairs=2)


def change_reference(project: FakeProject, _: pytest.MonkeyPatch) -> None:
    fasta = Path(project.settings["reference"])
    fasta.write_text(fasta.read_text().replace("ACGT", "ACGA", 1))


def change_parameter(project: FakeProject, _: pytest.MonkeyPatch) -> None:
    project.settings["quantized_quals"] = (10, 20)


def change_step_version(_: FakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "VERSION", "another")


def change_tool_version(project: FakeProject, _: pytest.MonkeyPatch) -> None:
    project.versions["samtools"] = "2"


def damage_a_file(project: FakeProject, _: pytest.MonkeyPatch) -> None:
    project.file("depth", project.samples[0], "summary").write_text("no longer what it was\n")


Change = Callable[[FakeProject, pytest.MonkeyPatch], None]
CHANGES: list[Change] = [
    damage_a_file,
    change_fastq,
    change_tool_version,
    change_step_version,
    change_parameter,
    change_reference,
]


def test_nothing_is_out_of_date_after_a_run(computed: FakeProject, instance: dg.DagsterInstance) -> None:
    assert shown_in_dagit(computed, instance) == stale_by_status(computed) == {}


@pytest.mark.parametrize("change", CHANGES)
def test_checks_and_status_agree(
    computed: FakeProject, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    change(computed, monkeypatch)
    shown = shown_in_dagit(computed, instance)
    assert shown
    assert shown == stale_by_status(computed)


def test_a_check_describes_how_many_which_and_why(computed: FakeProject, instance: dg.DagsterInstance) -> None:
    computed.write_reads("b", pairs=2)
    report_up_to_date(instance, computed.project)

    def description(asset: str) -> str | None:
        record = instance.get_latest_asset_check_evaluation_record(dg.AssetCheckKey(dg.AssetKey(asset), CHECK))
        assert record is not None
        assert record.evaluation is not None
        return record.evaluation.description

    assert description("depth") == "1 of 3 out of date: b (after merged_reads of b)"
    assert description("reference_index") == "up to date"
    assert description("recalibrated_cram") == "not computed with these settings"


def test_a_check_is_reported_again_only_if_it_has_changed(computed: FakeProject, instance: dg.DagsterInstance) -> None:
    def evaluations(asset: str) -> int:
        key = dg.AssetCheckKey(dg.AssetKey(asset), CHECK)
        return len(instance.event_log_storage.get_asset_check_execution_history(key, limit=10))

    report_up_to_date(instance, computed.project)
    report_up_to_date(instance, computed.project)
    assert evaluations("depth") == 1
    # A materialization that is newer than the check: Dagit would no longer show the check.
    instance.report_runless_asset_event(dg.AssetMaterialization("depth", partition="a"))
    report_up_to_date(instance, computed.project)
    assert (evaluations("depth"), evaluations("marked_bam")) == (2, 1)


def test_a_check_that_a_run_has_planned_is_left_to_it_until_it_ends(
    computed: FakeProject, instance: dg.DagsterInstance
) -> None:
    """A result from outside would be the newest, and hide the one that the run reports."""
    definitions = build_definitions(computed.project.settings)
    job = definitions.resolve_job_def("align_samples")
    run = instance.create_run_for_job(job, asset_selection={dg.AssetKey("multiqc_report")})
    report_up_to_date(instance, computed.project)
    key = dg.AssetCheckKey(dg.AssetKey("multiqc_report"), CHECK)

    def is_evaluated() -> bool:
        record = instance.get_latest_asset_check_evaluation_record(key)
        assert record is not None
        return isinstance(record.evaluation, dg.AssetCheckEvaluation)

    assert not is_evaluated()
    instance.report_run_failed(run)
    report_up_to_date(instance, computed.project)
    assert is_evaluated()


def tick_after_a_run(project: FakeProject, instance: dg.DagsterInstance) -> dg.SensorResult | dg.SkipReason:
    """The sensor's tick after a run that ended since its first tick; without one there is nothing to check."""
    resources = {"project": project.project}
    first = check_up_to_date(dg.build_sensor_context(instance, resources=resources))
    assert isinstance(first, dg.SensorResult)
    again = check_up_to_date(dg.build_sensor_context(instance, cursor=first.cursor, resources=resources))
    assert isinstance(again, dg.SkipReason)

    @dg.job
    def empty() -> None: ...

    instance.create_run_for_job(empty, status=dg.DagsterRunStatus.SUCCESS)
    after = check_up_to_date(dg.build_sensor_context(instance, cursor=first.cursor, resources=resources))
    assert isinstance(after, dg.SensorResult | dg.SkipReason)
    return after


def test_the_sensor_reports_after_a_run_and_otherwise_at_intervals(
    computed: FakeProject, instance: dg.DagsterInstance
) -> None:
    assert isinstance(tick_after_a_run(computed, instance), dg.SensorResult)
    assert check_up_to_date.minimum_interval_seconds == CHECK_INTERVAL_S <= 60


def test_quality_is_checked_although_no_run_has_ended(computed: FakeProject, instance: dg.DagsterInstance) -> None:
    """A limit may have changed, a sample may have been accepted, or the history was synced into a new home."""
    check_up_to_date(dg.build_sensor_context(instance, resources={"project": computed.project}))
    assert instance.get_latest_asset_check_evaluation_record(dg.AssetCheckKey(dg.AssetKey("depth"), "coverage"))


def test_a_check_that_takes_long_is_not_made_after_each_of_many_runs(
    computed: FakeProject, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bioinfo_assets.assets.up_to_date.MAX_LOAD_AFTER_RUNS", 100_000)
    after = tick_after_a_run(computed, instance)
    assert isinstance(after, dg.SkipReason)
    assert after.skip_message == "the last check was a short time ago, and took long"


def test_files_of_stale_results_in_a_copied_project_are_read_once(
    computed: FakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy has other times: whether the bytes are the same has to be found out, but not at each look."""
    computed.versions["bwa"] = "2"
    bams = list((computed.folder / "out").rglob("*.aln.bam"))
    for bam in bams:
        os.utime(bam, (1, 1))
    read: list[str] = []
    digest = Store.digest

    def note(store: Store, uri: str, *rest: Any) -> str:
        read.append(uri)
        return digest(store, uri, *rest)

    monkeypatch.setattr(Store, "digest", note)
    assert {state.state for state in states_by_asset(computed.project)["aligned_bam"]} == {State.STALE}
    assert {str(bam) for bam in bams} <= set(read)
    read.clear()
    assert {state.state for state in states_by_asset(computed.project)["aligned_bam"]} == {State.STALE}
    assert not [uri for uri in read if uri.endswith(".aln.bam")]


def test_the_sensor_leaves_many_samples_to_a_run(
    computed: FakeProject, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster ends the evaluation of a sensor after a minute; a run of the checks does not start another one."""
    monkeypatch.setattr("bioinfo_assets.assets.up_to_date.MAX_SAMPLES_IN_TICK", 2)
    resources = {"project": computed.project}
    first = check_up_to_date(dg.build_sensor_context(instance, resources=resources))
    assert isinstance(first, dg.SensorResult)
    assert len(first.run_requests or ()) == 1

    @dg.job(name=check_job.name)
    def checks() -> None: ...

    instance.create_run_for_job(checks, status=dg.DagsterRunStatus.SUCCESS)
    again = check_up_to_date(dg.build_sensor_context(instance, cursor=first.cursor, resources=resources))
    assert isinstance(again, dg.SkipReason)
    instance.create_run_for_job(checks, status=dg.DagsterRunStatus.STARTED)
    due = check_up_to_date(dg.build_sensor_context(instance, resources=resources))
    assert isinstance(due, dg.SkipReason)
    assert due.skip_message == "a run of checks is queued or running"


def test_the_check_can_be_executed_by_itself(computed: FakeProject, instance: dg.DagsterInstance) -> None:
    computed.write_reads("b", pairs=2)
    definitions = dg.Definitions(asset_checks=[up_to_date], resources={"project": computed.project})
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
    outcome = {item.asset_key.path[-1]: item.passed for item in result.get_asset_check_evaluations()}
    assert set(outcome) == set(ASSETS)
    assert not outcome["depth"]
    assert outcome["reference_index"]


def test_a_run_that_computes_something_leaves_the_checks_of_many_samples_to_the_sensor(
    computed: FakeProject, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backfill of some samples may be a hundred runs, each of which would read the records of all."""
    monkeypatch.setattr("bioinfo_assets.assets.check_events.MAX_SAMPLES_IN_RUN", 2)

    @dg.asset
    def depth() -> None: ...

    definitions = dg.Definitions([depth], asset_checks=[up_to_date, quality], resources={"project": computed.project})
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("depth")])
    assert result.success
    assert not result.get_asset_check_evaluations()
    report_up_to_date(instance, computed.project)
    checked = instance.get_latest_asset_check_evaluation_record(dg.AssetCheckKey(dg.AssetKey("depth"), CHECK))
    assert checked is not None
    assert isinstance(checked.evaluation, dg.AssetCheckEvaluation)

    for run in (
        dg.DagsterRun(check_job.name),
        dg.DagsterRun("__ASSET_JOB", asset_selection=set(), asset_check_selection={checked.evaluation.asset_check_key}),
    ):
        assert not are_left_to_sensor(run, computed.project)


@pytest.mark.parametrize(
    ("assets", "expected"),
    [
        ([], {"merged_reads", "trimmed_reads", "aligned_bam", "marked_bam", "recalibrated_bam", "alignment_metrics",
              "insert_size_metrics", "depth", "multiqc_report"}),
        (["marked_bam"], {"merged_reads", "trimmed_reads", "aligned_bam", "marked_bam"}),
    ],
    ids=["everything", "one asset"],
)  # fmt: skip
def test_the_job_requests_exactly_what_is_out_of_date(
    computed: FakeProject, instance: dg.DagsterInstance, assets: list[str], expected: set[str]
) -> None:
    add_samples(instance, computed.samples)
    computed.write_reads("b", pairs=2)
    result = materialize_stale.execute_in_process(
        instance=instance,
        resources={"project": computed.project},
        run_config={"ops": {"request_stale_results": {"config": {"assets": assets}}}},
    )
    assert result.success
    (backfill,) = instance.get_backfills()
    assert backfill.asset_backfill_data is not None
    target = backfill.asset_backfill_data.target_subset
    requested = {(item.asset_key.path[-1], item.partition_key) for item in target.iterate_asset_partitions()}
    assert requested == {(asset, None if asset == "multiqc_report" else "b") for asset in expected}


def test_the_job_requests_released_results_that_others_are_computed_from(
    computed: FakeProject, instance: dg.DagsterInstance
) -> None:
    add_samples(instance, computed.samples)
    release_results(computed, *CHAIN)
    computed.settings["quantized_quals"] = (10, 20)
    assert materialize_stale.execute_in_process(instance=instance, resources={"project": computed.project}).success
    (backfill,) = instance.get_backfills()
    assert backfill.asset_backfill_data is not None
    target = backfill.asset_backfill_data.target_subset
    requested = {(item.asset_key.path[-1], item.partition_key) for item in target.iterate_asset_partitions()}
    assert {asset for asset, sample in requested if sample == "a"} >= {*CHAIN, "recalibrated_bam", "depth"}
    assert not {asset for asset, sample in requested if sample == "b"} & {*CHAIN}


def test_a_damaged_sample_does_not_keep_the_checks_from_the_others(
    computed: FakeProject, instance: dg.DagsterInstance
) -> None:
    ledger = computed.project.ledger
    ledger.store.write_bytes(ledger.layout.sample_file("bad"), b"{}")
    computed.write_reads("b", pairs=2)
    by_asset = states_by_asset(computed.project)
    assert {state.key.scope for state in by_asset["depth"] if state.is_out_of_date} == {"b"}


def test_the_job_requests_nothing_twice(computed: FakeProject, instance: dg.DagsterInstance) -> None:
    """As of genomes that take longer than the day between two runs of its schedule."""
    add_samples(instance, computed.samples)
    for changed, titles in (("b", 1), ("b", 1), ("c", 2)):
        computed.write_reads(changed, pairs=2)
        assert materialize_stale.execute_in_process(instance=instance, resources={"project": computed.project}).success
        assert len(instance.get_backfills()) == titles
    (last, _) = instance.get_backfills()
    assert last.asset_backfill_data is not None
    subsets = last.asset_backfill_data.target_subset.partitions_subsets_by_asset_key
    assert {name for own in subsets.values() for name in own.get_partition_keys()} == {"c"}
    # The report follows the samples of each: Dagster knows no order between two backfills.
    assert last.asset_backfill_data.target_subset.non_partitioned_asset_keys == {dg.AssetKey("multiqc_report")}


def test_the_job_requests_nothing_if_all_is_up_to_date(computed: FakeProject, instance: dg.DagsterInstance) -> None:
    assert materialize_stale.execute_in_process(instance=instance, resources={"project": computed.project}).success
    assert instance.get_backfills() == []


def test_a_misspelt_asset_is_refused(computed: FakeProject, instance: dg.DagsterInstance) -> None:
    config = {"ops": {"request_stale_results": {"config": {"assets": ["dept"]}}}}
    with pytest.raises(dg.Failure, match="there is no asset dept: did you mean depth"):
        materialize_stale.execute_in_process(
            instance=instance, resources={"project": computed.project}, run_config=config
        )


def test_checks_and_status_agree_on_many_samples(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of their reads only: all results of 300 samples take a minute to write."""
    monkeypatch.setattr("bioinfo_assets.assets.up_to_date.MAX_ROWS", sys.maxsize)
    project = computed_project(tmp_path, monkeypatch, [f"s{number:03}" for number in range(MANY)], READS)
    change_fastq(project, monkeypatch)
    project.file("merged_reads", project.samples[0], "reads1").write_text("no longer what it was\n")
    shown = shown_in_dagit(project, instance)
    assert {scope for _, scope in shown} == {project.samples[0], project.samples[1]}
    assert shown == stale_by_status(project)
    project.settings["trimming"] = {"max_n": 0.2}
    project.versions["bgzip"] = "2"
    monkeypatch.setattr(trimming, "VERSION", "another")
    shown = shown_in_dagit(project, instance)
    assert len(shown) == len(READS) * MANY
    assert shown == stale_by_status(project)


def test_released_results_are_computed_again_for_results_that_are_out_of_date_and_not_for_missing_ones() -> None:
    """These are computed when somebody asks for them; a nightly backfill for them would find nothing to do."""

    def states(reader: State) -> dict[str, list[ResultState]]:
        merged = ResultState(ResultKey("merged_reads", "a"), State.RELEASED, is_needed_again=True)
        return {"merged_reads": [merged], "read_quality": [ResultState(ResultKey("read_quality", "a"), reader)]}

    assert outdated_results(states(State.MISSING)) == {}
    assert outdated_results(states(State.STALE)).keys() == {"merged_reads", "read_quality"}
