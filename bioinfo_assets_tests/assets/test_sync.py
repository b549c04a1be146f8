"""Sync rebuilds from the records what Dagster has lost: the same results, and the same staleness."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.application.sync import last_observations
from bioinfo_assets.assets.sources import observe_upstream
from bioinfo_assets.assets.sync import ProjectState, sync
from bioinfo_assets.orchestration.job_updates import JobState
from bioinfo_assets.orchestration.partitions import add_samples, set_samples
from bioinfo_assets.pipeline.code_versions import code_versions
from bioinfo_assets.pipeline.graph import ASSETS, GRAPH, SHARED, SOURCES, enabled_assets
from bioinfo_assets.pipeline.project import Sources
from bioinfo_assets.result_key import COHORT, REFERENCES, ResultKey
from bioinfo_assets.settings import Settings
from bioinfo_assets_tests.assets.real_project import RealProject
from bioinfo_assets_tests.pipeline.fake_project import FakeProject, FakeTools, open_fake_project

pytestmark = pytest.mark.xdist_group("sync")  # all cases begin with one run of the whole graph

Place = tuple[str, str | None]

DEPTH = dg.AssetKey("depth")
NAMES = ("a", "b")
REPORT = ResultKey("multiqc_report", COHORT)
OPTIONAL = {"cram": "embedded", "read_quality": True, "haplotype_map": "map.txt"}
"""Settings by which optional assets are computed, too."""
OF_A_SAMPLE = tuple(
    asset
    for asset in enabled_assets(Settings(output_path="/out", known_sites=("sites.vcf.gz",)).model_copy(update=OPTIONAL))
    if GRAPH[asset].scope is None
)
ALL = {
    REPORT,
    *(ResultKey(asset, REFERENCES) for asset in SHARED),
    *(ResultKey(asset, name) for asset in OF_A_SAMPLE for name in NAMES),
}


@dataclass
class SyncedProject:
    """A project of the whole graph, and the Dagster instance of the run that computed its results."""

    fake: FakeProject
    dagster: dg.DagsterInstance

    def real(self, instance: dg.DagsterInstance | None = None) -> RealProject:
        return RealProject(self.fake.folder, instance or self.dagster, self.fake.project)

    def observe_sources(self) -> None:
        """Report to Dagster what its sensors observe."""
        set_samples(self.dagster, lambda: self.fake.samples)
        sources = Sources(self.fake.project)
        for sample in self.fake.samples:
            for event in observe_upstream(self.dagster, sources, SOURCES, sample):
                self.dagster.report_runless_asset_event(event)

    def sync(self, instance: dg.DagsterInstance) -> list[ResultKey]:
        project = self.fake.project
        with self.fake.dry_run() as trial:
            results = tuple(trial.planned_results())
            observations = last_observations(trial)
        state = ProjectState(project, self.fake.samples, observations, results, code_versions(project))
        return list(sync(instance, state))


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncedProject]:
    """The real assets, run by Dagster; only the tools are not called."""
    folder = tmp_path_factory.mktemp("sync")
    fake = open_fake_project(folder, *NAMES)
    (folder / "map.txt").write_text("@SQ\tSN:chrM\tLN:16\n")
    fake.settings |= OPTIONAL | {"haplotype_map": str(folder / "map.txt")}

    def open_backend(*_: object) -> FakeTools:
        return FakeTools(folder / "scratch", fake.versions)

    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setattr("bioinfo_assets.orchestration.launcher.open_backend", open_backend)
        patch.setattr("bioinfo_assets.pipeline.code_versions.open_backend", open_backend)
        patch.setattr("bioinfo_assets.assets.metrics_metadata.GRAPH", {})  # fake files have no metrics
        project = SyncedProject(fake, instance)
        add_samples(instance, NAMES)
        project.observe_sources()
        real = project.real()
        assert real.run(), real.failures()
        project.observe_sources()
        yield project


@pytest.fixture
def empty() -> Iterator[dg.DagsterInstance]:
    """A new Dagster instance, as after the loss of its database."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def mutable(computed: SyncedProject, tmp_path: Path) -> Iterator[SyncedProject]:
    """The project, whose inputs, settings and records are restored after the test."""
    with computed.fake.restored(tmp_path / "backup"):
        yield computed
    computed.observe_sources()
    assert computed.real().stale() == set(), "the project was not restored"


def of_samples(asset: str) -> set[Place]:
    return {(asset, name) for name in NAMES}


def change_nothing(project: SyncedProject) -> None:
    pass


def change_fastq(project: SyncedProject) -> None:
    project.fake.write_reads("b", pairs=3)


def change_reference(project: SyncedProject) -> None:
    (project.fake.folder / "genome.fa").write_text(">chrM\nTTTTACGTACGTACGT\n")


def change_parameter(project: SyncedProject) -> None:
    project.fake.settings["optical_distance"] = 100


def change_tool(project: SyncedProject) -> None:
    project.fake.versions["mosdepth"] = "2"


def remove_sample(project: SyncedProject) -> None:
    (project.fake.folder / "out" / "records" / "samples" / "b.json").unlink()


def add_sample(project: SyncedProject) -> None:
    project.fake.add("c")


CASES: Mapping[Callable[[SyncedProject], None], set[Place]] = {
    change_nothing: set(),
    change_fastq: {("merged_reads", "b")},
    change_reference: {("reference_genome", None), ("reference_index", None)},
    change_parameter: of_samples("marked_bam"),
    change_tool: of_samples("depth"),
    remove_sample: {("multiqc_report", None)},
    add_sample: set(),  # the report shows existing results, and this sample has none yet
}
"""By change: what Dagster considers stale; what is downstream becomes stale once that is computed."""


@pytest.mark.parametrize(("change", "stale"), CASES.items(), ids=[change.__name__ for change in CASES])
def test_the_same_results_are_stale_as_before_the_loss(
    mutable: SyncedProject, empty: dg.DagsterInstance, change: Callable[[SyncedProject], None], stale: set[Place]
) -> None:
    change(mutable)
    mutable.observe_sources()
    before = mutable.real().stale()

    reported = mutable.sync(empty)

    assert before == stale
    assert mutable.real(empty).stale() == before
    removed = {key for key in ALL if key.partition_key is not None and key.scope not in mutable.fake.samples}
    assert sorted(reported) == sorted(ALL - removed)
    assert mutable.sync(empty) == []


@pytest.mark.parametrize(("change", "stale"), CASES.items(), ids=[change.__name__ for change in CASES])
def test_nothing_is_reported_to_a_complete_dagster(
    mutable: SyncedProject, change: Callable[[SyncedProject], None], stale: set[Place]
) -> None:
    change(mutable)
    mutable.observe_sources()

    assert mutable.sync(mutable.dagster) == []
    assert mutable.real().stale() == stale


def test_results_of_an_older_step_version_are_stale_as_before(
    mutable: SyncedProject, empty: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bioinfo_assets.steps.trimming.VERSION", "99")
    monkeypatch.setitem(GRAPH, "trimmed_reads", replace(GRAPH["trimmed_reads"], version="99"))

    reported = mutable.sync(empty)
    repeated = mutable.sync(empty)
    before, after = mutable.real().stale(), mutable.real(empty).stale()
    monkeypatch.undo()

    assert before == of_samples("trimmed_reads")
    assert after == before
    assert set(reported) == ALL
    assert repeated == []


def test_only_the_results_downstream_of_a_recomputed_one_are_stale(
    mutable: SyncedProject, empty: dg.DagsterInstance
) -> None:
    """As after an interrupted run: the merged reads of one sample are new, the results downstream are not."""
    change_fastq(mutable)
    mutable.fake.run(["merged_reads"], ["b"])

    reported = mutable.sync(empty)

    assert set(reported) == ALL
    assert mutable.real(empty).stale() == {("trimmed_reads", "b"), ("read_quality", "b")}
    assert mutable.sync(empty) == []


def test_a_result_newer_than_the_report_makes_the_report_stale(
    mutable: SyncedProject, empty: dg.DagsterInstance
) -> None:
    change_fastq(mutable)
    mutable.fake.run([asset for asset in ASSETS if asset != "multiqc_report"])

    mutable.sync(empty)

    assert mutable.real(empty).stale() == {("multiqc_report", None)}
    mutable.fake.run()
    assert mutable.sync(empty) == [REPORT]
    assert mutable.real(empty).stale() == set()


def test_only_results_that_dagster_lacks_are_reported(mutable: SyncedProject, empty: dg.DagsterInstance) -> None:
    mutable.sync(empty)
    change_fastq(mutable)
    recomputed = mutable.fake.run()

    reported = mutable.sync(empty)

    # Fake outputs are derived from their inputs, so that everything downstream has changed, too.
    assert set(reported) == {ResultKey(asset, scope) for asset, scope in recomputed}
    assert set(reported) == {REPORT, *(ResultKey(asset, "b") for asset in OF_A_SAMPLE)}
    assert mutable.real(empty).stale() == set()


def test_a_reverted_change_leaves_nothing_stale(mutable: SyncedProject, empty: dg.DagsterInstance) -> None:
    change_parameter(mutable)
    mutable.sync(empty)
    mutable.fake.settings.pop("optical_distance")

    mutable.sync(empty)

    assert mutable.real(empty).stale() == set()
    assert mutable.sync(empty) == []


def test_a_run_after_a_sync_reuses_results_and_leaves_nothing_stale(
    mutable: SyncedProject, empty: dg.DagsterInstance
) -> None:
    change_fastq(mutable)
    mutable.sync(empty)
    real = mutable.real(empty)

    assert real.run()

    computed = {update.key for update in real.updates if update.state is JobState.DONE}
    assert computed == {REPORT, *(ResultKey(asset, "b") for asset in OF_A_SAMPLE)}
    assert real.stale() == set()


def test_a_reference_with_an_alt_file_is_not_stale(
    computed: SyncedProject, empty: dg.DagsterInstance, tmp_path: Path
) -> None:
    """Each of the two reference jobs reads one of the two files; a missing result is not stale."""
    fake = open_fake_project(tmp_path, "a")
    (tmp_path / "genome.fa.alt").write_text("@SQ\tSN:chrM\tLN:16\n")
    fake.settings["reference_alt"] = str(tmp_path / "genome.fa.alt")
    fake.run()
    fake.file("reference_genome", REFERENCES, "fasta").unlink()
    project = SyncedProject(fake, empty)

    assert ResultKey("reference_index", REFERENCES) in project.sync(empty)

    assert project.real(empty).stale() == set()


def test_a_damaged_record_is_ignored(mutable: SyncedProject, empty: dg.DagsterInstance) -> None:
    (mutable.fake.folder / "out" / "b" / "records" / "unknown.json").write_bytes(b"{}")

    assert set(mutable.sync(empty)) == ALL
    assert mutable.real(empty).stale() == set()


def test_the_partitions_equal_the_samples(computed: SyncedProject, empty: dg.DagsterInstance) -> None:
    set_samples(empty, lambda: ["a", "removed"])

    computed.sync(empty)

    assert list(empty.get_dynamic_partitions("samples")) == ["a", "b"]


def test_events_of_a_removed_sample_are_kept(mutable: SyncedProject, empty: dg.DagsterInstance) -> None:
    mutable.sync(empty)
    remove_sample(mutable)

    mutable.sync(empty)

    assert list(empty.get_dynamic_partitions("samples")) == ["a"]
    records_of_b = dg.AssetRecordsFilter(dg.AssetKey("depth"), asset_partitions=["b"])
    (event,) = empty.fetch_materializations(records_of_b, limit=5).records
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["record"].value == mutable.fake.project.ledger.uri(
        ResultKey("depth", "b")
    )


def test_a_backfilled_materialization_has_the_metadata_of_the_original(
    computed: SyncedProject, empty: dg.DagsterInstance
) -> None:
    computed.sync(empty)

    for asset, sample in (("marked_bam", "b"), ("reference_index", None), ("multiqc_report", None)):
        original, backfilled = computed.real().metadata(asset, sample), computed.real(empty).metadata(asset, sample)
        assert backfilled.pop("backfilled_from_record") is True
        assert backfilled == original
    record, metadata = computed.fake.record("marked_bam", "b"), computed.real(empty).metadata("marked_bam", "b")
    assert column(metadata["files"], "file") == [file.uri for file in record.outputs]
    assert column(metadata["files"], "sha256") == [file.sha256 for file in record.outputs]
    assert column(metadata["inputs"], "file") == [item.uri for item in record.inputs]
    assert str(computed.fake.fastq("b")) in str(metadata["provenance"])


def column(table: object, name: str) -> list[object]:
    assert isinstance(table, dg.TableMetadataValue)
    return [row.data[name] for row in table.records]


def test_a_backfilled_materialization_has_the_tags_of_the_original(
    computed: SyncedProject, empty: dg.DagsterInstance
) -> None:
    computed.sync(empty)

    for key in sorted(ALL):
        original, backfilled = (_tags_without_pointers(instance, key) for instance in (computed.dagster, empty))
        assert backfilled == original, key


def _tags_without_pointers(instance: dg.DagsterInstance, key: ResultKey) -> dict[str, str]:
    partitions = [key.partition_key] if key.partition_key else None
    newest = dg.AssetRecordsFilter(dg.AssetKey(key.asset), asset_partitions=partitions)
    materialization = instance.fetch_materializations(newest, limit=1).records[0].asset_materialization
    assert materialization is not None
    return {name: value for name, value in (materialization.tags or {}).items() if "event_pointer" not in name}


def test_sources_are_reported_as_recorded(computed: SyncedProject, empty: dg.DagsterInstance) -> None:
    computed.sync(empty)

    recorded = computed.fake.project.ledger.read_observation(ResultKey("raw_reads", "b"))
    assert recorded is not None
    reads_of_b = dg.AssetRecordsFilter(dg.AssetKey("raw_reads"), asset_partitions=["b"])
    (event,) = empty.fetch_observations(reads_of_b, limit=5).records
    assert event.asset_observation is not None
    assert (event.asset_observation.tags or {})["dagster/data_version"] == recorded.data_version


def test_a_result_whose_files_are_missing_is_reported_from_its_record(
    mutable: SyncedProject, empty: dg.DagsterInstance
) -> None:
    """Reporting missing files is the task of `verify`."""
    mutable.fake.file("depth", "b", "summary").unlink()

    assert set(mutable.sync(empty)) == ALL
    assert mutable.real(empty).stale() == set()


def test_the_report_of_a_run_points_at_the_cohort_it_was_computed_from(computed: SyncedProject) -> None:
    """The cohort is observed after the samples' results and before the report, which is thus fresh in Dagit."""
    (report,) = computed.dagster.fetch_materializations(dg.AssetKey("multiqc_report"), limit=2).records
    assert report.asset_materialization is not None
    tags = report.asset_materialization.tags or {}

    pointer = int(tags["dagster/input_event_pointer/cohort"])
    by_storage_id = dg.AssetRecordsFilter(dg.AssetKey("cohort"), storage_ids=[pointer])
    (event,) = computed.dagster.fetch_observations(by_storage_id, limit=2).records

    assert pointer < report.storage_id
    assert event.asset_observation is not None
    assert tags["dagster/input_data_version/cohort"] == (event.asset_observation.tags or {})["dagster/data_version"]
    assert event.asset_observation.metadata["samples"].value == len(NAMES)
    depths = computed.dagster.fetch_materializations(DEPTH, limit=2).records
    assert len(depths) == len(NAMES)
    assert all(record.storage_id < pointer for record in depths)
