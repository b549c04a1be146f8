"""Tells Dagster what was seen of external files, so that what was made from others before turns stale."""

from collections.abc import Iterator, Mapping

import dagster as dg

from bioinfo_assets.orchestration.internals import (
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
)
from bioinfo_assets.orchestration.metadata import files_table
from bioinfo_assets.orchestration.provenance import newest_versions
from bioinfo_assets.records.record import Observation
from bioinfo_assets.records.record_set import ONE


def report_observations(instance: dg.DagsterInstance, key: dg.AssetKey, seen: Mapping[str, Observation]) -> None:
    """Records observations of an external asset, by partition, that Dagster has not seen yet."""
    for event in unseen_observations(instance, key, seen):
        instance.report_runless_asset_event(event)


def unseen_observations(
    instance: dg.DagsterInstance, key: dg.AssetKey, seen: Mapping[str, Observation]
) -> Iterator[dg.AssetObservation]:
    """Dagster's events for the observations that tell it something new."""
    known = newest_versions(instance, key, seen)
    for partition, observation in seen.items():
        if known[partition] != observation.data_version:
            yield observation_event(key, partition, observation)


def observation_event(key: dg.AssetKey, partition: str, observation: Observation) -> dg.AssetObservation:
    """An observation as Dagster's event, its data version the digest of the files."""
    return dg.AssetObservation(
        asset_key=key,
        partition=None if partition == ONE else partition,
        metadata={
            "files": files_table(observation.files),
            "size_bytes": dg.MetadataValue.int(sum(file.size for file in observation.files)),
            **{name: dg.MetadataValue.text(note) for name, note in observation.notes.items()},
        },
        tags={DATA_VERSION_TAG: observation.data_version, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"},
    )
