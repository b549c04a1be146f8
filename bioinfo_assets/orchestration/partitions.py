"""Samples as partitions, and how a run is given some of them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class PartitionChoice:
    """How a run is given its partitions, wherever they are among all of them.

    Attributes:
        tags: The run's tags for the shortest range that has them all; Dagster knows one range for a run.
        partitions: Those that are meant, if the range has others too: an option of the launcher.
    """

    tags: Mapping[str, str]
    partitions: tuple[str, ...] = ()


def choose_partitions(all_keys: Sequence[str], selected: Collection[str]) -> PartitionChoice:
    """Choose partitions for a run, of all partitions in the order in which they were added.

    >>> choose_partitions(["a", "b", "c", "d"], {"b", "c"}).partitions
    ()
    >>> choose_partitions(["a", "b", "c", "d"], {"b", "d"}).partitions
    ('b', 'd')
    """
    places = [place for place, key in enumerate(all_keys) if key in selected]
    if not places:
        return PartitionChoice({})
    first, last = places[0], places[-1]
    has_others = last - first + 1 != len(places)
    chosen = tuple(all_keys[place] for place in places)
    return PartitionChoice(range_tags(all_keys[first], all_keys[last]), chosen if has_others else ())


def range_tags(first: str, last: str) -> dict[str, str]:
    """The tags of a run for a range of partitions."""
    return {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}
