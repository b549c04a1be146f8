"""What Dagster derives lineage and staleness from: the tags of materializations, and observations of sources.

Dagster writes them itself for a run of one partition. For a range of partitions it would give all of them the same
tags, so they are written here, for each partition, in the form that Dagster reads:

- `dagster/code_version` and `dagster/data_version` of the result;
- for each upstream asset its version and the storage id of the event that reported it. The version of a partitioned
  upstream asset is the digest of the versions of its upstream partitions, joined in key order; staleness of partitions
  is decided by the storage id.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from threading import Lock

import dagster as dg

from bioinfo_assets.orchestration.internals import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    DEFAULT_DATA_VERSION,
    NULL_EVENT_POINTER,
    StepExecutionContext,
    extract_data_version_from_entry,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)
from bioinfo_assets.orchestration.metadata import files_table
from bioinfo_assets.orchestration.sqlite_storage import StoredIds
from bioinfo_assets.records.record import Observation


@dataclass(frozen=True, slots=True)
class UpstreamVersion:
    """The version of an upstream asset when a step began, and the storage id of the event that reported it."""

    data_version: str
    storage_id: int | None

    def tags(self, key: dg.AssetKey) -> dict[str, str]:
        """Its two tags."""
        return {
            get_input_data_version_tag(key): self.data_version,
            get_input_event_pointer_tag(key): str(self.storage_id) if self.storage_id else NULL_EVENT_POINTER,
        }


@dataclass(frozen=True, slots=True)
class Provenance:
    """The versions upstream of a result before its job was built.

    Attributes:
        code_version: Of the asset.
        shared: By upstream asset without partitions.
        by_partition: By upstream asset with partitions, then by partition.
    """

    code_version: str
    shared: Mapping[dg.AssetKey, UpstreamVersion]
    by_partition: Mapping[dg.AssetKey, Mapping[str, UpstreamVersion]]

    def tags(self, partition: str | None, data_version: str) -> dict[str, str]:
        """The tags of the materialization of one partition."""
        tags = {
            CODE_VERSION_TAG: self.code_version,
            DATA_VERSION_TAG: data_version,
            DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
        }
        for key, version in self.shared.items():
            tags |= version.tags(key)
        if partition is not None:
            for key, versions in self.by_partition.items():
                tags |= versions[partition].tags(key)
        return tags


def provenance_at(
    instance: dg.DagsterInstance, parents: Mapping[dg.AssetKey, bool], partitions: Sequence[str], code_version: str
) -> Provenance:
    """The current versions upstream of an asset.

    Args:
        instance: Dagster, whose events are read.
        parents: The assets upstream, and whether each has partitions.
        partitions: Of the asset; empty if it has none.
        code_version: Of the asset.
    """
    shared: dict[dg.AssetKey, UpstreamVersion] = {}
    by_partition: dict[dg.AssetKey, Mapping[str, UpstreamVersion]] = {}
    for parent, is_partitioned in sorted(parents.items()):
        if not is_partitioned:
            shared[parent] = version_of_asset(instance, parent)
        elif partitions:
            versions = versions_of_partitions(instance, parent, partitions)
            by_partition[parent] = {
                partition: UpstreamVersion(combined_version([versions[partition][0]]), versions[partition][1])
                for partition in partitions
            }
        else:
            shared[parent] = _version_of_all_partitions(instance, parent)
    return Provenance(code_version, shared, by_partition)


class UpstreamVersions:
    """The versions upstream of a step's results, each as it was when the result's job was built.

    Args:
        step_context: Of the step.
        assets: The assets that the step computes.
        partitions: Those of the step.
    """

    def __init__(
        self, step_context: StepExecutionContext, assets: Collection[dg.AssetKey], partitions: Sequence[str]
    ) -> None:
        self._instance = step_context.instance
        self._layer = step_context.job_def.asset_layer
        self._run_id = step_context.run_id
        self._known: dict[tuple[dg.AssetKey, str | None], UpstreamVersion] = {}
        self._reporting = Lock()
        parents = {parent for asset in assets for parent in self._layer.get(asset).parent_keys}
        for parent in parents.difference(assets):
            if self._layer.get(parent).is_partitioned and partitions:
                versions = versions_of_partitions(self._instance, parent, partitions)
                self._known |= {(parent, name): UpstreamVersion(*version) for name, version in versions.items()}

    def add(self, asset: dg.AssetKey, data_versions: Mapping[str | None, str], stored: StoredIds) -> None:
        """Add results of this step, by partition, once their materializations are stored.

        Args:
            asset: The asset.
            data_versions: Of the results, by partition.
            stored: The ids of the materializations, as far as they are known; others are looked up.
        """
        if None in data_versions:
            self._known[asset, None] = version_of_asset(self._instance, asset)
            return
        ids: dict[str, int | None] = {str(name): stored.get((asset, name)) for name in data_versions}
        unknown = {name for name, storage_id in ids.items() if storage_id is None}
        if unknown:
            ids |= self._instance.event_log_storage.get_latest_storage_id_by_partition(
                asset, dg.DagsterEventType.ASSET_MATERIALIZATION, unknown
            )
        for name, data_version in data_versions.items():
            self._known[asset, name] = UpstreamVersion(data_version, ids[str(name)])

    def report(self, observations: Iterable[dg.AssetObservation]) -> None:
        """Report those observations of sources to Dagster whose data version it does not have.

        One thread at a time: results that are checked at the same time may be computed from one source.
        """
        for event in observations:
            with self._reporting:
                known = self._version(event.asset_key, event.partition)
                if event.tags[DATA_VERSION_TAG] != known.data_version:
                    self._instance.report_runless_asset_event(event)
                    del self._known[event.asset_key, event.partition]

    def of(self, asset: dg.AssetKey, partition: str | None) -> Provenance:
        """The versions upstream of a result, an asset's partition or the asset if it has none."""
        node = self._layer.get(asset)
        shared: dict[dg.AssetKey, UpstreamVersion] = {}
        by_partition: dict[dg.AssetKey, Mapping[str, UpstreamVersion]] = {}
        for parent in sorted(node.parent_keys):
            if not self._layer.get(parent).is_partitioned:
                shared[parent] = self._version(parent, None)
            elif partition is not None:
                version = self._version(parent, partition)
                by_partition[parent] = {
                    partition: replace(version, data_version=combined_version([version.data_version]))
                }
            else:
                shared[parent] = _version_of_all_partitions(self._instance, parent)
        return Provenance(node.code_version or self._run_id, shared, by_partition)

    def _version(self, parent: dg.AssetKey, partition: str | None) -> UpstreamVersion:
        known = self._known.get((parent, partition))
        if known is None:
            known = (
                version_of_asset(self._instance, parent)
                if partition is None
                else UpstreamVersion(*versions_of_partitions(self._instance, parent, [partition])[partition])
            )
            self._known[parent, partition] = known
        return known


def newest_versions(
    instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Iterable[str | None]
) -> dict[str | None, str]:
    """The newest data version of an asset by partition key, which is None for an asset without partitions."""
    names = [partition for partition in partitions if partition is not None]
    versions: dict[str | None, str] = {
        name: version for name, (version, _) in versions_of_partitions(instance, key, names).items()
    }
    return versions | {None: version_of_asset(instance, key).data_version}


def version_of_asset(instance: dg.DagsterInstance, key: dg.AssetKey) -> UpstreamVersion:
    """The newest version of an asset without partitions."""
    record = instance.get_latest_data_version_record(key)
    if record is None:
        return UpstreamVersion(DEFAULT_DATA_VERSION.value, None)
    version = extract_data_version_from_entry(record.event_log_entry) or DEFAULT_DATA_VERSION
    return UpstreamVersion(version.value, record.storage_id)


def _version_of_all_partitions(instance: dg.DagsterInstance, key: dg.AssetKey) -> UpstreamVersion:
    by_partition = versions_of_partitions(instance, key, None)
    versions = [version for _, (version, _) in sorted(by_partition.items())]
    storage_ids = [storage_id for _, storage_id in by_partition.values() if storage_id is not None]
    return UpstreamVersion(combined_version(versions), max(storage_ids, default=None))


def versions_of_partitions(
    instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Sequence[str] | None
) -> dict[str, tuple[str, int | None]]:
    """By partition: its data version, and the storage id of its newest event.

    In a run of a selection, assets outside of it count as external, so both kinds of events are read: a partition's
    materialization takes precedence over its observation.
    """
    names = None if partitions is None else list(partitions)
    versions: dict[str, tuple[str, int | None]] = dict.fromkeys(names or (), (DEFAULT_DATA_VERSION.value, None))
    storage = instance.event_log_storage
    for kind in (dg.DagsterEventType.ASSET_OBSERVATION, dg.DagsterEventType.ASSET_MATERIALIZATION):
        tags = storage.get_latest_tags_by_partition(key, kind, [DATA_VERSION_TAG], asset_partitions=names)
        ids = storage.get_latest_storage_id_by_partition(key, kind, None if names is None else set(names))
        versions |= {
            name: (tags.get(name, {}).get(DATA_VERSION_TAG, DEFAULT_DATA_VERSION.value), storage_id)
            for name, storage_id in ids.items()
        }
    return versions


def combined_version(versions: Sequence[str]) -> str:
    """The version of a partitioned upstream asset: Dagster's digest of its partitions' versions in key order."""
    return sha256("".join(versions).encode()).hexdigest()


def report_observations(instance: dg.DagsterInstance, observations: Collection[Observation]) -> None:
    """Report those observations of one source that are new to Dagster."""
    for event in new_observations(instance, observations):
        instance.report_runless_asset_event(event)


def new_observations(
    instance: dg.DagsterInstance, observations: Collection[Observation]
) -> Iterator[dg.AssetObservation]:
    """Dagster's events for those observations of one source whose data version it does not have."""
    for asset in sorted({observation.asset for observation in observations}):
        source = [observation for observation in observations if observation.asset == asset]
        partitions = [observation.key.partition_key for observation in source]
        known = newest_versions(instance, dg.AssetKey(asset), partitions)
        yield from (
            observation_event(observation)
            for observation in source
            if known[observation.key.partition_key] != observation.data_version
        )


def observation_event(observation: Observation) -> dg.AssetObservation:
    """An observation as Dagster's event; its data version is the digest of the files."""
    return dg.AssetObservation(
        asset_key=dg.AssetKey(observation.asset),
        partition=observation.key.partition_key,
        metadata={
            "files": files_table(observation.files),
            "size_bytes": dg.MetadataValue.int(sum(file.size for file in observation.files)),
            **{name: dg.MetadataValue.text(note) for name, note in observation.notes.items()},
        },
        tags={DATA_VERSION_TAG: observation.data_version, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"},
    )
