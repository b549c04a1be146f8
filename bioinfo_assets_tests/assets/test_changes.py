"""A change makes stale what depends on it, and nothing else; bad input fails only its sample."""

import gzip
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.api import execute_run

from bioinfo_assets.assets import observe_sources as module
from bioinfo_assets.assets.observe_sources import observe_sources
from bioinfo_assets.assets.up_to_date import states_by_asset
from bioinfo_assets.definitions import build_definitions
from bioinfo_assets.orchestration.internals import DATA_VERSION_TAG, InMemoryJob
from bioinfo_assets.orchestration.job_updates import JobState
from bioinfo_assets.orchestration.provenance import versions_of_partitions
from bioinfo_assets.pipeline.code_versions import code_version
from bioinfo_assets.pipeline.graph import ASSETS, GRAPH, SOURCES
from bioinfo_assets.pipeline.result_state import State
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.retention_settings import RetentionSettings
from bioinfo_assets.settings import save
from bioinfo_assets_tests.assets.real_project import RealProject, open_real_project, write_reads

READS = ("merged_reads", "trimmed_reads")


@pytest.fixture
def two_samples(project: RealProject) -> RealProject:
    for sample, lane in (("a", 1), ("a", 2), ("b", 1)):
        write_reads(project.folder / "fastq", sample, lane)
    project.add([project.folder / "fastq"])
    return project


def test_a_changed_fastq_makes_only_its_sample_stale(two_samples: RealProject) -> None:
    assert two_samples.run(READS)
    write_reads(two_samples.folder / "fastq", "b", 1, pairs=7)

    two_samples.observe_reads()

    assert two_samples.stale() == {("merged_reads", "b")}
    assert two_samples.run(READS)
    assert {update.key.scope for update in two_samples.updates if update.state is JobState.DONE} == {"b"}
    assert two_samples.stale() == set()


def test_a_fastq_rewritten_with_the_same_bytes_makes_nothing_stale(two_samples: RealProject) -> None:
    assert two_samples.run(READS)
    write_reads(two_samples.folder / "fastq", "b", 1)

    two_samples.observe_reads()

    assert two_samples.stale() == set()


def test_a_recompressed_fastq_is_merged_again_and_changes_nothing_downstream(two_samples: RealProject) -> None:
    """Other bytes, the same reads: the lanes are merged again, and nothing downstream is computed."""
    assert two_samples.run(READS)
    for file in (two_samples.folder / "fastq").glob("b_*"):
        file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()), compresslevel=1, mtime=5))

    assert two_samples.run(READS)

    states = two_samples.states()
    assert states["merged_reads", "b"] is JobState.DONE
    assert states["trimmed_reads", "b"] is JobState.CACHED


def test_a_changed_parameter_makes_its_step_stale(two_samples: RealProject) -> None:
    assert two_samples.run(READS)

    changed = open_real_project(two_samples.folder, two_samples.instance, trimming={"max_n": 0.2})

    assert changed.stale() == {("trimmed_reads", "a"), ("trimmed_reads", "b")}
    assert changed.run(READS)
    assert changed.record("trimmed_reads", "a").parameters["max_n"] == 0.2


@pytest.mark.parametrize(
    ("setting", "assets"),
    [
        ({"platform": "ELEMENT"}, {"merged_reads", "aligned_bam"}),
        ({"optical_distance": 100}, {"marked_bam"}),
        ({"quantized_quals": (10, 20)}, {"recalibrated_bam"}),
        ({"depth_as_text": True}, {"depth"}),
        ({"cram": "embedded"}, {"recalibrated_cram"}),
        ({"retention": RetentionSettings(marked_bam="until_used")}, set()),
        ({"cpus": 1, "memory_mib": 4096, "scratch": "/scratch"}, set()),
    ],
    ids=lambda value: next(iter(value), "none") if isinstance(value, dict) else "",
)
def test_a_setting_changes_the_code_version_of_the_assets_it_shapes(
    project: RealProject, setting: dict[str, object], assets: set[str]
) -> None:
    before = project.project.settings
    after = before.model_copy(update=setting)
    assert {asset for asset in ASSETS if code_version(asset, before, {}) != code_version(asset, after, {})} == assets


def test_a_truncated_fastq_fails_only_its_sample(two_samples: RealProject) -> None:
    reads, _ = write_reads(two_samples.folder / "fastq", "b", 1, pairs=20_000)
    reads.write_bytes(reads.read_bytes()[:-200])

    assert not two_samples.run(READS)

    sentence = two_samples.failures()
    assert sentence.startswith("merged_reads of b: ")
    assert reads.name in sentence
    assert two_samples.record("trimmed_reads", "a")
    assert two_samples.project.ledger.read(ResultKey("merged_reads", "b")) is None
    assert not (two_samples.folder / "output" / "b" / "b.1.fastq.gz").exists()


def test_a_missing_fastq_is_named_in_the_failure(two_samples: RealProject) -> None:
    fastq, _ = write_reads(two_samples.folder / "fastq", "b", 1)
    fastq.unlink()

    assert not two_samples.run(["merged_reads"])

    assert str(fastq) in two_samples.failures()
    assert two_samples.record("merged_reads", "a")


def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    result = observe_sources(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_a_damaged_sample_does_not_keep_the_sensor_from_the_others(
    two_samples: RealProject, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = two_samples.project.ledger
    ledger.store.write_bytes(ledger.layout.sample_file("bad"), b"{}")
    context = dg.build_sensor_context(instance=two_samples.instance, resources={"project": two_samples.project})
    result = evaluate(context)
    assert "bad" in two_samples.instance.get_dynamic_partitions("samples")
    assert "a" in {event.partition for event in result.asset_events}


def test_the_sensor_observes_the_files_that_the_settings_name_now(
    two_samples: RealProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagit has the settings from when it was started, and somebody has chosen another reference since."""
    chosen = tmp_path / "chosen.fa"
    chosen.write_text(">chr1\nACGT\n")
    save(two_samples.project.settings.model_copy(update={"reference": str(chosen)}), tmp_path / "home")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    context = dg.build_sensor_context(instance=two_samples.instance, resources={"project": two_samples.project})
    events = [event for event in evaluate(context).asset_events if isinstance(event, dg.AssetObservation)]
    (version,) = (event.tags[DATA_VERSION_TAG] for event in events if event.asset_key.path == ["reference_source"])
    ledger = two_samples.project.ledger
    observed = ledger.read_observation(ResultKey("reference_source", "references"))
    assert observed is not None
    assert [file.uri for file in observed.files] == [str(chosen)]
    assert version == observed.data_version


def test_the_sensor_adds_partitions_and_observes_new_files_once(two_samples: RealProject) -> None:
    context = dg.build_sensor_context(instance=two_samples.instance, resources={"project": two_samples.project})
    write_reads(two_samples.folder / "fastq", "c", 1)
    two_samples.save_samples([two_samples.folder / "fastq"])

    first = evaluate(context)
    for event in first.asset_events:
        two_samples.instance.report_runless_asset_event(event)
    second = evaluate(context)

    assert two_samples.instance.get_dynamic_partitions("samples") == ["a", "b", "c"]
    observed = [(event.asset_key.path[-1], event.partition) for event in first.asset_events]
    assert sorted(observed, key=str) == [("known_sites_source", None)] + [("raw_reads", name) for name in "abc"]
    assert not second.asset_events


@pytest.fixture
def no_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if each file had more than a gigabyte."""
    monkeypatch.setattr(module, "MAX_BYTES_IN_TICK", 0)


@pytest.mark.usefixtures("no_budget")
def test_files_too_large_for_a_tick_are_read_by_one_run(two_samples: RealProject) -> None:
    instance = two_samples.instance
    context = dg.build_sensor_context(instance=instance, resources={"project": two_samples.project})
    job = two_samples.definitions.resolve_job_def("read_sources")

    first = evaluate(context)
    run = instance.create_run_for_job(job_def=job)
    while_it_waits = evaluate(context)
    execute_run(InMemoryJob(job), run, instance)
    after = evaluate(context)

    assert [len(tick.run_requests or ()) for tick in (first, while_it_waits, after)] == [1, 0, 0]
    assert "raw_reads" not in {event.asset_key.path[-1] for event in first.asset_events}
    versions = versions_of_partitions(instance, dg.AssetKey("raw_reads"), None)
    assert sorted(versions) == ["a", "b"]
    assert not after.asset_events


def test_a_project_of_many_samples_is_observed_by_a_run_each_hour(
    two_samples: RealProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its partitions do not wait for that."""
    monkeypatch.setattr(module, "MAX_SAMPLES_IN_TICK", 2)
    write_reads(two_samples.folder / "fastq", "c", 1)
    two_samples.save_samples([two_samples.folder / "fastq"])

    def tick(cursor: str | None) -> dg.SensorResult:
        resources = {"project": two_samples.project}
        return evaluate(dg.build_sensor_context(two_samples.instance, cursor=cursor, resources=resources))

    first = tick(None)
    assert two_samples.instance.get_dynamic_partitions("samples") == ["a", "b", "c"]
    hour_ago = str(float(first.cursor or 0) - module.LONG_INTERVAL_S)
    assert [len(tick(cursor).run_requests or ()) for cursor in (first.cursor, hour_ago)] == [0, 1]
    assert (len(first.run_requests or ()), first.asset_events) == (1, [])


@pytest.mark.usefixtures("no_budget")
def test_results_of_files_that_are_not_read_yet_count_as_before(two_samples: RealProject) -> None:
    """The check does not read them either; it sees what has changed once the run has read them."""
    assert two_samples.run(READS)
    write_reads(two_samples.folder / "fastq", "b", 1, pairs=7)
    states = states_by_asset(two_samples.project, module.budget_of_tick())
    assert {state.state for state in states["merged_reads"]} == {State.CURRENT}
    assert [state.reason for state in states["merged_reads"] if state.reason] == [
        "files of raw_reads of b are new or were rewritten, and have not been read yet"
    ]

    two_samples.observe_reads()

    states = states_by_asset(two_samples.project, module.budget_of_tick())
    assert [state.key.scope for state in states["merged_reads"] if state.state is State.STALE] == ["b"]


def test_assets_that_the_settings_leave_out_are_shown_and_cannot_be_materialized(project: RealProject) -> None:
    """A backfill of everything that the page offers would wait for them, and fail."""
    graph = build_definitions(project.project.settings).resolve_asset_graph()
    left_out = set(ASSETS) - set(project.assets)
    assert left_out
    assert {key.path[-1] for key in graph.materializable_asset_keys} == set(project.assets)
    for asset in left_out:
        assert GRAPH[asset].how_to_enable in (graph.get(dg.AssetKey(asset)).description or "")


def test_every_asset_has_a_description_a_group_and_kinds(project: RealProject) -> None:
    nodes = list(build_definitions(project.project.settings).resolve_asset_graph().asset_nodes)
    assert {asset.key.path[-1] for asset in nodes} == {*ASSETS, *SOURCES, "resource_usage"}
    for asset in nodes:
        assert asset.description, asset.key
        assert asset.group_name != "default"
        assert asset.kinds
