"""Backfills: how one is requested for some partitions of some assets, and what became of its assets."""

import textwrap
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import dagster as dg

from bioinfo_assets.orchestration.internals import (
    AssetGraphSubset,
    BulkActionsFilter,
    BulkActionStatus,
    DefaultPartitionsSubset,
    PartitionBackfill,
    make_new_backfill_id,
)

FAILED_BACKFILLS: Final = (BulkActionStatus.COMPLETED_FAILED,)
"""The states of a backfill that is over and of which something failed; not of one that was cancelled."""

_MAX_TITLE: Final = 100
"""Characters of a backfill's title; Dagster refuses more (`check_valid_title`)."""


def request_backfill(
    instance: dg.DagsterInstance, partitions: Mapping[str, Sequence[str | None]], *, title: str
) -> str:
    """Request a backfill, which Dagster's daemon then launches; returns its id.

    Args:
        instance: Dagster.
        partitions: By asset the partitions; only None for an asset without partitions.
        title: Of the backfill, for people; a long one is cut.
    """
    names = {dg.AssetKey(asset): {name for name in keys if name is not None} for asset, keys in partitions.items()}
    subset = AssetGraphSubset(  # type: ignore[call-arg] # a NamedTuple whose decorator hides its fields
        partitions_subsets_by_asset_key={key: DefaultPartitionsSubset(own) for key, own in names.items() if own},
        non_partitioned_asset_keys={key for key, own in names.items() if not own},
    )
    backfill_id = make_new_backfill_id()
    instance.add_backfill(
        PartitionBackfill.from_asset_graph_subset(
            backfill_id=backfill_id,
            backfill_timestamp=time.time(),
            tags={},
            dynamic_partitions_store=instance,
            asset_graph_subset=subset,
            title=textwrap.shorten(title, _MAX_TITLE, placeholder=" …"),
            description=None,
            run_config=None,
        )
    )
    return backfill_id


def pending_partitions(instance: dg.DagsterInstance) -> dict[str, set[str | None]]:
    """By asset, the partitions that backfills have yet to compute; None for an asset without partitions."""
    pending: dict[str, set[str | None]] = defaultdict(set)
    for backfill in instance.get_backfills(filters=BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])):
        data = backfill.asset_backfill_data
        if data is None:
            continue
        subset = data.target_subset - data.materialized_subset - data.failed_and_downstream_subset
        for key in subset.non_partitioned_asset_keys:
            pending[key.path[-1]].add(None)
        for key, own in subset.partitions_subsets_by_asset_key.items():
            pending[key.path[-1]].update(own.get_partition_keys())
    return pending


def not_pending(
    instance: dg.DagsterInstance, partitions: Mapping[str, Sequence[str | None]]
) -> dict[str, list[str | None]]:
    """The partitions that no backfill has yet to compute, by asset.

    Assets without partitions stay, as long as there is a partition to compute: Dagster waits only for what a backfill
    itself computes, and would start samples before another one has made the reference.
    """
    pending = pending_partitions(instance)
    missing = {asset: [key for key in keys if key not in pending.get(asset, ())] for asset, keys in partitions.items()}
    if not any(missing.values()):
        return {}
    shared: dict[str, list[str | None]] = {asset: [None] for asset, keys in partitions.items() if None in keys}
    return {asset: keys for asset, keys in (missing | shared).items() if keys}


def targeted_samples(instance: dg.DagsterInstance) -> set[str]:
    """The partitions of backfills that are not over: Dagster fails a backfill of which a partition is deleted."""
    targeted: set[str] = set()
    for backfill in instance.get_backfills(filters=BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])):
        if backfill.asset_backfill_data is not None:
            subset = backfill.asset_backfill_data.target_subset
            for own in subset.partitions_subsets_by_asset_key.values():
                targeted.update(own.get_partition_keys())
    return targeted


def was_left_out(backfill: PartitionBackfill, key: dg.AssetKey) -> bool:
    """Whether an asset without partitions belongs to a backfill, and no run was requested for it."""
    data = backfill.asset_backfill_data
    return (
        data is not None
        and key in data.target_subset.non_partitioned_asset_keys
        and key not in data.requested_subset.non_partitioned_asset_keys
    )
