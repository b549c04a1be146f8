"""Samples as partitions, and the ranges of partitions that a run is given."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

import dagster as dg

from bioinfo_assets.orchestration.backfills import targeted_samples
from bioinfo_assets.orchestration.internals import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from bioinfo_assets.orchestration.run_liveness import NOT_OVER

samples: Final = dg.DynamicPartitionsDefinition(name="samples")
"""One partition per sample, in the order in which samples were added."""

_PARTITION_TAGS: Final = (PARTITION_NAME_TAG, ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG)


def add_samples(instance: dg.DagsterInstance, names: Sequence[str]) -> None:
    """Add a partition for each new sample."""
    known = set(instance.get_dynamic_partitions(str(samples.name)))
    new = [name for name in dict.fromkeys(names) if name not in known]
    if new:
        instance.add_dynamic_partitions(str(samples.name), new)


def set_samples(instance: dg.DagsterInstance, read_names: Callable[[], Sequence[str]]) -> Sequence[str]:
    """Make the partitions equal to a project's samples, and return these; events of removed ones stay in the event log.

    If there are no samples at all, the partitions stay: their folder may be a volume that is not mounted. So do those
    of a backfill that is not over, and those that name the partitions of such a run.

    Args:
        instance: Dagster's.
        read_names: Reads the names. It is called after the partitions are read: another run, which begins at the same
            moment, saves a sample before it adds its partition, so that this one does not take it for removed.
    """
    known = set(instance.get_dynamic_partitions(str(samples.name)))
    names = read_names()
    add_samples(instance, names)
    removed = known.difference(names)
    if names and removed:
        for name in removed - targeted_samples(instance) - _named_by_runs(instance):
            instance.delete_dynamic_partition(str(samples.name), name)
    return names


def _named_by_runs(instance: dg.DagsterInstance) -> set[str]:
    """The partitions that the tags of active runs name: Dagster looks for them again when such a run ends."""
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=list(NOT_OVER)))
    return {run.tags[tag] for run in runs for tag in _PARTITION_TAGS if tag in run.tags}


def ranges(all_keys: Sequence[str], selected: Collection[str]) -> Iterator[tuple[str, str]]:
    """The ranges, as first and last key, that cover the selected keys and no others.

    A run takes a range of partitions that is contiguous in the order in which they were added.

    >>> list(ranges(["a", "b", "c", "d"], {"a", "b", "d"}))
    [('a', 'b'), ('d', 'd')]
    """
    first = last = None
    for key in all_keys:
        if key in selected:
            first, last = first or key, key
        elif first is not None and last is not None:
            yield first, last
            first = last = None
    if first is not None and last is not None:
        yield first, last


def range_tags(first: str, last: str) -> dict[str, str]:
    """The tags of a run for a range of partitions."""
    return {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}
