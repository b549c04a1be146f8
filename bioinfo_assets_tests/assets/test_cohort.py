"""The report is stale when a sample's result has changed, is new, or was removed: however many samples there are."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.assets.sensors import COHORT_INTERVAL_S, observe_cohort
from bioinfo_assets.assets.sources import cohort, cohort_observation, report_cohort
from bioinfo_assets.definitions import build_definitions
from bioinfo_assets.orchestration.provenance import provenance_at
from bioinfo_assets.pipeline.graph import REPORT_FILES
from bioinfo_assets.settings import Settings
from bioinfo_assets_tests.staleness import stale_results

pytestmark = pytest.mark.xdist_group("cohort")

REPORT = dg.AssetKey("multiqc_report")
DAGSTERS_LIMIT = 100
"""From this many partitions on, Dagster ignores a dependency on them when it decides what is stale."""


@dataclass
class Cohort:
    """Samples with results, and a report on all of them, as events of Dagster."""

    instance: dg.DagsterInstance
    definitions: dg.Definitions
    names: list[str]

    @property
    def is_report_stale(self) -> bool:
        """As Dagit shows it."""
        return bool(stale_results(self.instance, self.definitions, [("multiqc_report", None)]))

    def materialize(self, asset: str, name: str, version: str = "first") -> None:
        tags = {"dagster/data_version": f"{version} {asset} of {name}"}
        self.instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=name, tags=tags))

    def report(self) -> None:
        """Materialize a report on the current results, with the tags that its step writes."""
        node = self.definitions.resolve_asset_graph().get(REPORT)
        parents = {key: key != cohort.key for key in node.parent_keys}
        tags = provenance_at(self.instance, parents, [], str(node.code_version)).tags(None, "a report")
        self.instance.report_runless_asset_event(dg.AssetMaterialization(REPORT, tags=tags))

    def add(self, name: str) -> None:
        self.instance.add_dynamic_partitions("samples", [name])

    def remove(self, name: str) -> None:
        self.instance.delete_dynamic_partition("samples", name)


@pytest.fixture(scope="module", params=[DAGSTERS_LIMIT], ids=lambda count: f"{count} samples")
def shared_cohort(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cohort]:
    with dg.DagsterInstance.ephemeral() as instance:
        output_path = str(tmp_path_factory.mktemp("cohort") / "output")
        names = [f"sample{number:04d}" for number in range(request.param)]
        opened = Cohort(instance, build_definitions(Settings(output_path=output_path)), names)
        instance.add_dynamic_partitions("samples", names)
        for asset in REPORT_FILES:
            for name in names:
                opened.materialize(asset, name)
        report_cohort(instance)
        opened.report()
        yield opened


@pytest.fixture
def many(shared_cohort: Cohort) -> Cohort:
    """A cohort whose report is fresh, as each test has to leave it for the next."""
    assert not shared_cohort.is_report_stale
    return shared_cohort


def is_stale_after_observation(many: Cohort) -> bool:
    """Whether the report is stale once the sensor has observed the cohort."""
    report_cohort(many.instance)
    return many.is_report_stale


@pytest.mark.parametrize("asset", REPORT_FILES)
def test_a_changed_result_of_one_sample_makes_it_stale(many: Cohort, asset: str) -> None:
    many.materialize(asset, many.names[50], "second")

    assert is_stale_after_observation(many)
    many.materialize(asset, many.names[50])  # as in the report
    assert not is_stale_after_observation(many)


def test_a_new_sample_makes_it_stale_once_it_has_a_result(many: Cohort) -> None:
    many.add("new")

    assert not is_stale_after_observation(many)
    many.materialize("trimmed_reads", "new")
    assert is_stale_after_observation(many)
    many.remove("new")
    assert not is_stale_after_observation(many)


def test_a_removed_sample_makes_it_stale(many: Cohort) -> None:
    many.remove(many.names[7])

    assert is_stale_after_observation(many)
    many.add(many.names[7])  # now the last of them: their order does not matter
    assert not is_stale_after_observation(many)


def test_the_same_version_of_a_result_leaves_it_fresh(many: Cohort) -> None:
    many.materialize("depth", many.names[50])

    assert not is_stale_after_observation(many)


def test_a_result_that_the_report_does_not_read_leaves_it_fresh(many: Cohort) -> None:
    many.materialize("aligned_bam", many.names[50], "second")
    many.materialize("merged_reads", many.names[50], "second")

    assert not is_stale_after_observation(many)


@pytest.mark.parametrize("shared_cohort", [DAGSTERS_LIMIT - 1, DAGSTERS_LIMIT], indirect=True)
def test_dagster_alone_misses_a_change_from_a_hundred_samples_on(many: Cohort) -> None:
    """The reason for the cohort: once this fails, Dagster checks all partitions, and the cohort can go."""
    many.materialize("depth", many.names[50], "second")

    assert many.is_report_stale == (len(many.names) < DAGSTERS_LIMIT)
    many.materialize("depth", many.names[50])


def test_swapped_results_of_two_samples_make_it_stale(many: Cohort) -> None:
    """The digest covers samples with their results."""
    first, second = many.names[:2]
    for name, origin in ((first, second), (second, first)):
        tags = {"dagster/data_version": f"first depth of {origin}"}
        many.instance.report_runless_asset_event(dg.AssetMaterialization("depth", partition=name, tags=tags))

    assert is_stale_after_observation(many)
    many.materialize("depth", first)
    many.materialize("depth", second)
    assert not is_stale_after_observation(many)


@pytest.fixture
def few(tmp_path: Path) -> Iterator[Cohort]:
    with dg.DagsterInstance.ephemeral() as instance:
        opened = Cohort(instance, build_definitions(Settings(output_path=str(tmp_path / "output"))), ["a", "b"])
        instance.add_dynamic_partitions("samples", opened.names)
        yield opened


def test_the_sensor_reports_a_change_once(few: Cohort) -> None:
    few.materialize("depth", "a")

    first = observe_cohort(dg.build_sensor_context(instance=few.instance))
    assert isinstance(first, dg.SensorResult)
    (event,) = first.asset_events
    few.instance.report_runless_asset_event(event)
    second = observe_cohort(dg.build_sensor_context(instance=few.instance))

    assert event.asset_key == cohort.key
    assert event.metadata["samples"].value == 1
    assert isinstance(second, dg.SkipReason)


def test_the_sensor_runs_by_default(few: Cohort) -> None:
    sensor = few.definitions.resolve_sensor_def("observe_cohort")

    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == COHORT_INTERVAL_S <= 60


def test_the_digest_does_not_depend_on_the_order_of_results(tmp_path: Path, few: Cohort) -> None:
    few.materialize("depth", "a")
    few.materialize("marked_bam", "b")
    first = cohort_observation(few.instance)
    with dg.DagsterInstance.ephemeral() as other:
        reordered = Cohort(other, few.definitions, ["b", "a"])
        other.add_dynamic_partitions("samples", reordered.names)
        reordered.materialize("marked_bam", "b")
        reordered.materialize("depth", "a", "second")
        between = cohort_observation(other)
        reordered.materialize("depth", "a")
        last = cohort_observation(other)

    assert first is not None
    assert between is not None
    assert last is not None
    assert last.tags == first.tags
    assert between.tags != first.tags
