"""Dagster's events told anew from the records beside the data, as after the loss of its database.

Each result gets one materialization with the tags that the run which made it would have written. What was made from
something that is another now points at an earlier version of that, so that it is stale as it was before; the earlier
version gets an event too, which says what it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import dagster as dg

from bioinfo_assets.assets.cohort import cohort, report_cohort
from bioinfo_assets.assets.result_metrics import metrics_of
from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.orchestration.internals import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    get_input_data_version_tag,
)
from bioinfo_assets.orchestration.metadata import Metadata, record_metadata
from bioinfo_assets.orchestration.partitions import set_samples
from bioinfo_assets.orchestration.provenance import (
    Provenance,
    UpstreamVersion,
    combined_version,
    provenance_at,
    version_of_asset,
    versions_of_partitions,
)
from bioinfo_assets.orchestration.source_observations import report_observations
from bioinfo_assets.pipeline.dry_run import PlannedResult
from bioinfo_assets.pipeline.graph import COHORT_SOURCE, GRAPH, OVER_SAMPLES, PER_SAMPLE, SHARED, SOURCES
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.recorded_versions import (
    PARTITIONED,
    CurrentState,
    Place,
    RecordedState,
    made_from,
    place_of,
)
from bioinfo_assets.provenance.lineage import Lineage, TracedJob
from bioinfo_assets.records.record import Observation, Record
from bioinfo_assets.records.record_set import ONE

AT_ONCE: Final = 500
"""Events that Dagster is asked for in one call."""


def batched(values: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Slices of `values`, of `size` each but the last."""
    return (values[start : start + size] for start in range(0, len(values), size))


@dataclass(frozen=True, slots=True)
class ProjectState:
    """What is known of a project without Dagster.

    Attributes:
        project: Which project.
        samples: Its samples.
        observations: What was seen of its sources.
        forecasts: Of all its results, in the order in which they are made.
        code_versions: Of all its assets.
    """

    project: Project
    samples: Sequence[str]
    observations: Mapping[Place, Observation]
    forecasts: Sequence[PlannedResult]
    code_versions: Mapping[str, str]


def sync(instance: dg.DagsterInstance, known: ProjectState) -> Iterator[Place]:
    """Tells Dagster what the records know and it does not; yields each result that is told."""
    set_samples(instance, known.samples)
    past = CurrentState.of_all(known.forecasts, known.observations, known.code_versions)
    yield from _Sync(instance, known, past).run()


@dataclass(slots=True)
class _Sync:
    instance: dg.DagsterInstance
    known: ProjectState
    past: CurrentState
    _to_tell: dict[Place, RecordedState] = field(default_factory=dict)
    _earlier: dict[Place, str] = field(default_factory=dict)
    _events: dict[Place, UpstreamVersion] = field(default_factory=dict)

    def run(self) -> Iterator[Place]:
        for asset in (*SHARED, *PER_SAMPLE):
            self._decide(asset)
        self._tell_sources()
        for asset in (*SHARED, *PER_SAMPLE):
            yield from self._tell(asset)
        for asset in OVER_SAMPLES:
            self._tell_cohort(asset)
            yield from self._tell(asset)

    def _decide(self, asset: str) -> None:
        """Notes which results of an asset Dagster does not know, and what must be told before them."""
        found = [one for one in self.known.forecasts if one.asset == asset and one.record is not None]
        latest = self._latest(asset, [one.partition for one in found])
        for forecast in found:
            told = self.past.of(forecast)
            if told is not None and not self._is_known(told, latest.get(forecast.partition, {})):
                self._to_tell[asset, forecast.partition] = told
                self._earlier.update(told.earlier)

    def _latest(self, asset: str, partitions: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """By partition, the tags of the newest materialization that Dagster knows."""
        key, storage = dg.AssetKey(asset), self.instance.event_log_storage
        if asset not in PARTITIONED:
            event = self.instance.get_latest_materialization_event(key)
            made = event.asset_materialization if event else None
            return {ONE: dict(made.tags or {})} if made else {}
        newest = storage.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION, set(partitions)
        )
        tags: dict[str, Mapping[str, str]] = {}
        for ids in batched(sorted(newest.values()), AT_ONCE):
            wanted = dg.AssetRecordsFilter(key, storage_ids=list(ids))
            for found in self.instance.fetch_materializations(wanted, limit=AT_ONCE).records:
                if found.asset_materialization is not None:
                    tags[found.partition_key or ONE] = found.asset_materialization.tags or {}
        return tags

    def _is_known(self, told: RecordedState, tags: Mapping[str, str]) -> bool:
        if tags.get(DATA_VERSION_TAG) != told.record.data_version:
            return False
        current = self.known.code_versions[told.forecast.asset]
        if (tags.get(CODE_VERSION_TAG) == current) != (told.code_version == current):
            return False
        if told.forecast.asset in OVER_SAMPLES:
            seen = tags.get(get_input_data_version_tag(cohort.key))
            is_fresh = seen == version_of_asset(self.instance, cohort.key).data_version
            return seen is not None and is_fresh == (not told.earlier)
        for parent in made_from(told.forecast.asset):
            place = place_of(parent, told.forecast.partition)
            version = self.past.versions.get(place)
            if version is None:
                continue
            expected = combined_version([version]) if parent in PARTITIONED else version
            same = tags.get(get_input_data_version_tag(dg.AssetKey(parent))) == expected
            if same == (place in told.earlier):
                return False
        return True

    def _tell_sources(self) -> None:
        for source in SOURCES:
            if source == COHORT_SOURCE:
                continue
            key = dg.AssetKey(source)
            earlier = {place[1]: version for place, version in self._earlier.items() if place[0] == source}
            for partition, version in earlier.items():
                self.instance.report_runless_asset_event(
                    dg.AssetObservation(key, partition=partition or None, tags=_tags(version), metadata=_EARLIER)
                )
            self._note(source, list(earlier))
            seen = {place[1]: one for place, one in self.known.observations.items() if place[0] == source}
            report_observations(self.instance, key, seen)

    def _tell(self, asset: str) -> Iterator[Place]:
        """Tells the results of an asset, after the earlier versions of it that others were made from."""
        key = dg.AssetKey(asset)
        earlier = {place[1]: version for place, version in self._earlier.items() if place[0] == asset}
        for partition, version in earlier.items():
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(key, partition=partition or None, tags=_tags(version), metadata=_EARLIER)
            )
        self._note(asset, list(earlier))
        forecasts = (one for one in self.known.forecasts if one.asset == asset and one.record is not None)
        places = [(asset, one.partition) for one in forecasts]
        wanted = [place for place in places if place in self._to_tell or place[1] in earlier]
        if not wanted:
            return
        parents = {dg.AssetKey(parent): parent in PARTITIONED for parent in GRAPH[asset].upstream}
        partitions = [partition for _, partition in wanted if partition != ONE]
        found = provenance_at(self.instance, parents, partitions, self.known.code_versions[asset])
        for place in wanted:
            self.instance.report_runless_asset_event(self._event(place, found))
            yield place

    def _tell_cohort(self, asset: str) -> None:
        """Tells what the samples gave, all of which Dagster knows by now; and before it what a report was made of."""
        report_cohort(self.instance)
        self._decide(asset)
        earlier = self._earlier.get((COHORT_SOURCE, ONE))
        if earlier is not None:
            seen = dg.AssetObservation(cohort.key, tags=_tags(earlier), metadata=_EARLIER)
            self.instance.report_runless_asset_event(seen)
            self._note(COHORT_SOURCE, [ONE])
            report_cohort(self.instance)

    def _note(self, asset: str, partitions: list[str]) -> None:
        """Notes the events of earlier versions, before they are followed by those of now."""
        if not partitions:
            return
        key = dg.AssetKey(asset)
        if asset not in PARTITIONED:
            self._events[asset, ONE] = version_of_asset(self.instance, key)
            return
        for name, (version, storage_id) in versions_of_partitions(self.instance, key, partitions).items():
            self._events[asset, name] = UpstreamVersion(combined_version([version]), storage_id)

    def _event(self, place: Place, found: Provenance) -> dg.AssetMaterialization:
        asset, partition = place
        told = self._to_tell.get(place) or self._again(place)
        provenance = replace(
            found,
            code_version=told.code_version,
            shared={key: self._upstream(told, key.path[-1], version) for key, version in found.shared.items()},
            by_partition={
                key: {partition: self._upstream(told, key.path[-1], versions[partition])}
                for key, versions in found.by_partition.items()
            },
        )
        return dg.AssetMaterialization(
            asset_key=dg.AssetKey(asset),
            partition=None if partition == ONE else partition,
            metadata=self._metadata(told.record),
            tags=provenance.tags(partition, told.record.data_version),
        )

    def _upstream(self, told: RecordedState, parent: str, now: UpstreamVersion) -> UpstreamVersion:
        place = place_of(parent, told.forecast.partition)
        return self._events.get(place, now) if place in told.earlier else now

    def _again(self, place: Place) -> RecordedState:
        """A result that Dagster knew, and that is told again since an earlier version of it was told after it."""
        forecast = next(one for one in self.known.forecasts if (one.asset, one.partition) == place)
        told = self.past.of(forecast)
        if told is None:
            raise RuntimeError(f"{place} has no record")
        return told

    def _metadata(self, record: Record) -> Metadata:
        ledger = self.known.project.ledger
        try:
            figures = metrics_of(ledger.store, record)
        except BioinfoAssetsError:  # a damaged result: its record is all there is to show
            figures = {}
        return {
            **figures,
            **record_metadata(_traced(Lineage(ledger), record), reused=False),
            "told_from_record": dg.MetadataValue.bool(True),
        }


def _traced(lineage: Lineage, record: Record) -> TracedJob:
    try:
        return lineage.of_record(record)
    except BioinfoAssetsError:  # a record upstream cannot be read: what this one tells is told all the same
        return lineage.alone(record)


_EARLIER: Final = {"note": "an earlier version, known from the record of what was made from it"}


def _tags(version: str) -> dict[str, str]:
    return {DATA_VERSION_TAG: version, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"}
