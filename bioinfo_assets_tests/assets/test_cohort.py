"""The report is stale when a sample's result changed, is new, or was removed: however many samples there are."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.assets.cohort import cohort_observation, report_cohort
from bioinfo_assets.assets.sensors import observe_cohort
from bioinfo_assets.assets.sources import cohort
from bioinfo_assets.definitions import build_definitions
from bioinfo_assets.orchestration.internals import CachingStaleStatusResolver, LoadingContextForTest
from bioinfo_assets.orchestration.provenance import provenance_at
from bioinfo_assets.pipeline.jobs import REPORTED
from bioinfo_assets.settings import Settings

pytestmark = pytest.mark.xdist_group("cohort")  # six thousand events are what the largest cases begin with

REPORT = dg.AssetKey("multiqc_report")
DAGSTERS_LIMIT = 100
"""Dependencies on partitions that Dagster leaves out when it tells what is stale: this many, or more."""


@dataclass
class Cohort:
    """Samples whose results were made, and a report on all of them, as Dagster's events tell."""

    instance: dg.DagsterInstance
    definitions: dg.Definitions
    names: list[str]

    @property
    def is_report_stale(self) -> bool:
        """By Dagster itself, as Dagit shows it."""
        graph = self.definitions.resolve_asset_graph()
        resolver = CachingStaleStatusResolver(self.instance, graph, LoadingContextForTest(self.instance))
        return resolver.get_status(REPORT).value == "STALE"

    def make(self, asset: str, name: str, version: str = "first") -> None:
        tags = {"dagster/data_version": f"{version} {asset} of {name}"}
        self.instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=name, tags=tags))

    def report(self) -> None:
        """A report on what there is, with the tags that a step gives it."""
        node = self.definitions.resolve_asset_graph().get(REPORT)
        parents = {key: key != cohort.key for key in node.parent_keys}
        tags = provenance_at(self.instance, parents, [], str(node.code_version)).tags("", "a report")
        self.instance.report_runless_asset_event(dg.AssetMaterialization(REPORT, tags=tags))

    def add(self, name: str) -> None:
        self.instance.add_dynamic_partitions("samples", [name])

    def remove(self, name: str) -> None:
        self.instance.delete_dynamic_partition("samples", name)


@pytest.fixture(scope="module", params=[99, 100, 1000], ids=lambda count: f"{count} samples")
def of_many(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cohort]:
    with dg.DagsterInstance.ephemeral() as instance:
        place = tmp_path_factory.mktemp("cohort") / "output"
        names = [f"sample{number:04d}" for number in range(request.param)]
        opened = Cohort(instance, build_definitions(Settings(output_path=str(place))), names)
        instance.add_dynamic_partitions("samples", names)
        for asset in REPORTED:
            for name in names:
                opened.make(asset, name)
        report_cohort(instance)
        opened.report()
        yield opened


@pytest.fixture
def many(of_many: Cohort) -> Cohort:
    """As each test leaves it to the next: a report that is fresh."""
    assert not of_many.is_report_stale
    return of_many


def told(many: Cohort) -> bool:
    """Whether the report is stale after the sensor has looked."""
    report_cohort(many.instance)
    return many.is_report_stale


@pytest.mark.parametrize("asset", REPORTED)
def test_a_changed_result_of_one_sample_makes_it_stale(many: Cohort, asset: str) -> None:
    many.make(asset, many.names[50], "second")

    assert told(many)
    many.make(asset, many.names[50])  # as it was in the report
    assert not told(many)


def test_a_new_sample_makes_it_stale_as_soon_as_there_is_a_result_of_it(many: Cohort) -> None:
    many.add("new")

    assert not told(many)
    many.make("trimmed_reads", "new")
    assert told(many)
    many.remove("new")
    assert not told(many)


def test_a_removed_sample_makes_it_stale(many: Cohort) -> None:
    many.remove(many.names[7])

    assert told(many)
    many.add(many.names[7])  # now the last of them: their order says nothing
    assert not told(many)


def test_a_result_that_is_made_again_as_it_was_leaves_it_fresh(many: Cohort) -> None:
    many.make("depth", many.names[50])

    assert not told(many)


def test_a_result_that_it_does_not_show_leaves_it_fresh(many: Cohort) -> None:
    many.make("aligned_bam", many.names[50], "second")
    many.make("merged_reads", many.names[50], "second")

    assert not told(many)


def test_dagster_alone_misses_it_from_a_hundred_samples_on(many: Cohort) -> None:
    """Why there is a cohort. Once this fails, Dagster looks at all partitions, and it is no longer needed."""
    many.make("depth", many.names[50], "second")

    assert many.is_report_stale == (len(many.names) < DAGSTERS_LIMIT)
    many.make("depth", many.names[50])


def test_two_samples_whose_results_are_exchanged_make_it_stale(many: Cohort) -> None:
    """The digest is of results with their samples: which is whose matters in a report."""
    one, other = many.names[:2]
    for name, version in ((one, other), (other, one)):
        tags = {"dagster/data_version": f"first depth of {version}"}
        many.instance.report_runless_asset_event(dg.AssetMaterialization("depth", partition=name, tags=tags))

    assert told(many)
    many.make("depth", one)
    many.make("depth", other)
    assert not told(many)


@pytest.fixture
def few(tmp_path: Path) -> Iterator[Cohort]:
    with dg.DagsterInstance.ephemeral() as instance:
        opened = Cohort(instance, build_definitions(Settings(output_path=str(tmp_path / "output"))), ["a", "b"])
        instance.add_dynamic_partitions("samples", opened.names)
        yield opened


def test_the_sensor_tells_of_a_change_once(few: Cohort) -> None:
    few.make("depth", "a")

    first = observe_cohort(dg.build_sensor_context(instance=few.instance))
    assert isinstance(first, dg.SensorResult)
    (event,) = first.asset_events
    few.instance.report_runless_asset_event(event)
    again = observe_cohort(dg.build_sensor_context(instance=few.instance))

    assert event.asset_key == cohort.key
    assert event.metadata["samples"].value == 1
    assert isinstance(again, dg.SkipReason)


def test_the_sensor_is_on_without_being_asked(few: Cohort) -> None:
    sensor = few.definitions.resolve_sensor_def("observe_cohort")

    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds <= 60


def test_the_digest_depends_on_results_and_not_on_their_order(tmp_path: Path, few: Cohort) -> None:
    few.make("depth", "a")
    few.make("marked_bam", "b")
    first = cohort_observation(few.instance)
    with dg.DagsterInstance.ephemeral() as other:
        again = Cohort(other, few.definitions, ["b", "a"])
        other.add_dynamic_partitions("samples", again.names)
        again.make("marked_bam", "b")
        again.make("depth", "a", "second")
        between = cohort_observation(other)
        again.make("depth", "a")
        last = cohort_observation(other)

    assert first is not None
    assert between is not None
    assert last is not None
    assert last.tags == first.tags
    assert between.tags != first.tags
