"""Rebuilds Dagster's events from the records next to the data, as after the loss of its database.

Each result gets one materialization with the tags that the run which computed it would have written. A result whose
inputs have changed since points at an earlier version of them, so that it is stale as before; the earlier version gets
an event too, which names it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import dagster as dg

from bioinfo_assets.assets.metrics_metadata import metrics_metadata
from bioinfo_assets.assets.sources import report_cohort
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
    report_observations,
    version_of_asset,
    versions_of_partitions,
)
from bioinfo_assets.pipeline.dry_run import PlannedResult
from bioinfo_assets.pipeline.graph import (
    GRAPH,
    OVER_SAMPLES,
    PARTITIONED,
    PER_SAMPLE,
    SHARED,
    SOURCES,
    result_key,
)
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.recorded_versions import CurrentState, RecordedState, observable_parents
from bioinfo_assets.provenance.lineage import Lineage, TracedJob
from bioinfo_assets.records.record import Observation, Record
from bioinfo_assets.records.samples import sample_names
from bioinfo_assets.result_key import COHORT, COHORT_SOURCE, ResultKey

MAX_EVENTS_PER_QUERY: Final = 500

_COHORT_KEY: Final = dg.AssetKey(COHORT_SOURCE)
_EARLIER_VERSION: Final = {"note": "an earlier version, known from the record of a result that was computed from it"}


def batched(values: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Slices of `values` with `size` elements, the last one with the rest."""
    return (values[start : start + size] for start in range(0, len(values), size))


@dataclass(frozen=True, slots=True)
class ProjectState:
    """The state of a project according to its records.

    Attributes:
        project: The project.
        samples: Its samples.
        observations: The observations of its sources.
        results: A dry run of all its results, in the order of the graph.
        code_versions: Of all its assets.
    """

    project: Project
    samples: Sequence[str]
    observations: Mapping[ResultKey, Observation]
    results: Sequence[PlannedResult]
    code_versions: Mapping[str, str]


def sync(instance: dg.DagsterInstance, state: ProjectState) -> Iterator[ResultKey]:
    """Report to Dagster what only the records have; yields each reported result."""
    set_samples(instance, lambda: [*state.samples, *sample_names(state.project.ledger)])
    current = CurrentState.of_all(state.results, state.observations, state.code_versions)
    yield from _Sync(instance, state, current).run()


@dataclass(slots=True)
class _Sync:
    instance: dg.DagsterInstance
    state: ProjectState
    current: CurrentState
    _missing: dict[ResultKey, RecordedState] = field(default_factory=dict)
    _superseded: dict[ResultKey, str] = field(default_factory=dict)
    _earlier_events: dict[ResultKey, UpstreamVersion] = field(default_factory=dict)

    def run(self) -> Iterator[ResultKey]:
        for asset in (*SHARED, *PER_SAMPLE):
            self._find_missing(asset)
        self._report_sources()
        for asset in (*SHARED, *PER_SAMPLE):
            yield from self._report_results(asset)
        for asset in OVER_SAMPLES:
            self._report_cohort(asset)
            yield from self._report_results(asset)

    def _find_missing(self, asset: str) -> None:
        """Note which results of an asset Dagster does not have, and which earlier versions must precede them."""
        results = [result for result in self.state.results if result.key.asset == asset and result.record is not None]
        latest = self._latest_tags(asset, [result.key for result in results])
        for result in results:
            recorded = self.current.recorded(result)
            if recorded is not None and not self._is_reported(recorded, latest.get(result.key.partition_key, {})):
                self._missing[result.key] = recorded
                self._superseded.update(recorded.superseded_inputs)

    def _latest_tags(self, asset: str, keys: Sequence[ResultKey]) -> Mapping[str | None, Mapping[str, str]]:
        """By partition key, the tags of the newest materialization that Dagster has."""
        key, storage = dg.AssetKey(asset), self.instance.event_log_storage
        if asset not in PARTITIONED:
            event = self.instance.get_latest_materialization_event(key)
            materialization = event.asset_materialization if event else None
            return {None: dict(materialization.tags or {})} if materialization else {}
        partitions = {result.partition_key for result in keys if result.partition_key is not None}
        newest = storage.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION, partitions)
        tags: dict[str | None, Mapping[str, str]] = {}
        for ids in batched(sorted(newest.values()), MAX_EVENTS_PER_QUERY):
            filter_ = dg.AssetRecordsFilter(key, storage_ids=list(ids))
            for event_record in self.instance.fetch_materializations(filter_, limit=MAX_EVENTS_PER_QUERY).records:
                if event_record.asset_materialization is not None:
                    tags[event_record.partition_key] = event_record.asset_materialization.tags or {}
        return tags

    def _is_reported(self, recorded: RecordedState, tags: Mapping[str, str]) -> bool:
        key = recorded.planned.key
        if tags.get(DATA_VERSION_TAG) != recorded.record.data_version:
            return False
        current_code = self.state.code_versions[key.asset]
        if (tags.get(CODE_VERSION_TAG) == current_code) != (recorded.code_version == current_code):
            return False
        if key.asset in OVER_SAMPLES:
            reported = tags.get(get_input_data_version_tag(_COHORT_KEY))
            is_fresh = reported == version_of_asset(self.instance, _COHORT_KEY).data_version
            return reported is not None and is_fresh == (not recorded.superseded_inputs)
        for parent in observable_parents(key.asset):
            parent_key = result_key(parent, key.scope)
            version = self.current.versions.get(parent_key)
            if version is None:
                continue
            expected = combined_version([version]) if parent in PARTITIONED else version
            is_same = tags.get(get_input_data_version_tag(dg.AssetKey(parent))) == expected
            if is_same == (parent_key in recorded.superseded_inputs):
                return False
        return True

    def _report_sources(self) -> None:
        for source in SOURCES:
            if source == COHORT_SOURCE:
                continue
            superseded = self._superseded_of(source)
            for key, version in superseded.items():
                self.instance.report_runless_asset_event(
                    dg.AssetObservation(
                        dg.AssetKey(source), partition=key.partition_key, tags=_tags(version), metadata=_EARLIER_VERSION
                    )
                )
            self._note_events(source, list(superseded))
            observations = [item for key, item in self.state.observations.items() if key.asset == source]
            report_observations(self.instance, observations)

    def _report_results(self, asset: str) -> Iterator[ResultKey]:
        """Report the results of an asset, after those earlier versions of it that others were computed from."""
        superseded = self._superseded_of(asset)
        for key, version in superseded.items():
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    dg.AssetKey(asset), partition=key.partition_key, tags=_tags(version), metadata=_EARLIER_VERSION
                )
            )
        self._note_events(asset, list(superseded))
        results = {
            result.key: result
            for result in self.state.results
            if result.key.asset == asset
            and result.record is not None
            and (result.key in self._missing or result.key in superseded)
        }
        if not results:
            return
        parents = {dg.AssetKey(parent): parent in PARTITIONED for parent in GRAPH[asset].upstream}
        partitions = [key.partition_key for key in results if key.partition_key is not None]
        provenance = provenance_at(self.instance, parents, partitions, self.state.code_versions[asset])
        for key, result in results.items():
            # A result that Dagster has is reported again after an event of an earlier version of it.
            recorded = self._missing.get(key) or self.current.recorded(result)
            if recorded is not None and self._is_current(recorded.record):
                self.instance.report_runless_asset_event(self._materialization(key, recorded, provenance))
                yield key

    def _is_current(self, record: Record) -> bool:
        """Whether a result is still the one that was read; a run that has replaced it meanwhile reports it itself."""
        current = self.state.project.ledger.read(record.key)
        return current is not None and current.data_version == record.data_version

    def _report_cohort(self, asset: str) -> None:
        """Report the cohort, all of whose results Dagster has by now; before it, what a stale report was made of."""
        report_cohort(self.instance)
        self._find_missing(asset)
        key = ResultKey(COHORT_SOURCE, COHORT)
        superseded = self._superseded.get(key)
        if superseded is not None:
            observation = dg.AssetObservation(_COHORT_KEY, tags=_tags(superseded), metadata=_EARLIER_VERSION)
            self.instance.report_runless_asset_event(observation)
            self._note_events(COHORT_SOURCE, [key])
            report_cohort(self.instance)

    def _superseded_of(self, asset: str) -> dict[ResultKey, str]:
        return {key: version for key, version in self._superseded.items() if key.asset == asset}

    def _note_events(self, asset: str, keys: list[ResultKey]) -> None:
        """Note the events of earlier versions, before those of the current ones follow."""
        asset_key = dg.AssetKey(asset)
        if not keys:
            return
        if asset not in PARTITIONED:
            self._earlier_events[keys[0]] = version_of_asset(self.instance, asset_key)
            return
        versions = versions_of_partitions(self.instance, asset_key, [key.scope for key in keys])
        for name, (version, storage_id) in versions.items():
            self._earlier_events[ResultKey(asset, name)] = UpstreamVersion(combined_version([version]), storage_id)

    def _materialization(
        self, key: ResultKey, recorded: RecordedState, provenance: Provenance
    ) -> dg.AssetMaterialization:
        partition = key.partition_key
        by_partition = {}
        if partition is not None:
            by_partition = {
                parent: {partition: self._upstream_version(recorded, parent, versions[partition])}
                for parent, versions in provenance.by_partition.items()
            }
        own = replace(
            provenance,
            code_version=recorded.code_version,
            shared={
                parent: self._upstream_version(recorded, parent, version)
                for parent, version in provenance.shared.items()
            },
            by_partition=by_partition,
        )
        return dg.AssetMaterialization(
            asset_key=dg.AssetKey(key.asset),
            partition=partition,
            metadata=self._metadata(recorded.record),
            tags=own.tags(partition, recorded.record.data_version),
        )

    def _upstream_version(
        self, recorded: RecordedState, parent: dg.AssetKey, current: UpstreamVersion
    ) -> UpstreamVersion:
        key = result_key(parent.path[-1], recorded.planned.key.scope)
        return self._earlier_events.get(key, current) if key in recorded.superseded_inputs else current

    def _metadata(self, record: Record) -> Metadata:
        ledger = self.state.project.ledger
        try:
            metrics = metrics_metadata(ledger, record)
        except BioinfoAssetsError:  # a damaged result: its record is all there is to show
            metrics = {}
        return {
            **metrics,
            **record_metadata(_trace(Lineage(ledger), record), reused=False),
            "backfilled_from_record": dg.MetadataValue.bool(True),
        }


def _trace(lineage: Lineage, record: Record) -> TracedJob:
    try:
        return lineage.of_record(record)
    except BioinfoAssetsError:  # a record upstream cannot be read: this one is reported all the same
        return lineage.without_upstream(record)


def _tags(version: str) -> dict[str, str]:
    return {DATA_VERSION_TAG: version, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"}
