"""Reports observations of sources to Dagster, so that what was computed from earlier versions becomes stale."""

from collections.abc import Collection, Iterator

import dagster as dg

from bioinfo_assets.orchestration.internals import (
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
)
from bioinfo_assets.orchestration.metadata import files_table
from bioinfo_assets.orchestration.provenance import newest_versions
from bioinfo_assets.records.record import Observation


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
