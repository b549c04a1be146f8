"""The order in which a step computes its results: each as soon as those that it is computed from are done.

>>> keys = {asset: [ResultKey(asset, "a"), ResultKey(asset, "b")] for asset in ("reads", "bam")}
>>> graph = ResultGraph(keys, {"bam": ["reads"]})
>>> [key.label for key in graph.pop_first(5)]
['reads of a', 'reads of b']
>>> [key.label for key in graph.finish(ResultKey("reads", "b"), is_done=True).ready]
['bam of b']
>>> [key.label for key in graph.finish(ResultKey("reads", "a"), is_done=False).skipped]
['bam of a']
"""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bioinfo_assets.result_key import ResultKey


@dataclass(slots=True)
class _Waiting:
    """A result whose parents are not all finished.

    Attributes:
        unfinished: How many of its parents are not finished.
        has_input: Whether one of them is done.
        takes_what_exists: Whether it is computed from those of its parents that are done, even if others failed.
    """

    unfinished: int
    has_input: bool = False
    takes_what_exists: bool = False


@dataclass(frozen=True, slots=True)
class Unblocked:
    """What the end of a result means for those computed from it.

    Attributes:
        ready: Can be started now.
        skipped: Will not be computed, because a result that they need was not.
        complete_samples: All results of these samples are finished or skipped.
    """

    ready: Sequence[ResultKey] = ()
    skipped: Sequence[ResultKey] = ()
    complete_samples: Sequence[str] = ()


class ResultGraph:
    """Which results can be started, as others end. Not thread-safe.

    A result of a sample needs those of the same sample and the shared ones. A shared result that is computed from
    per-sample ones, such as a report, waits for all samples and takes those that are done.

    Args:
        keys: The results to compute, by asset.
        parents: By asset, the assets that it is computed from; those that are not computed here are ignored.
    """

    def __init__(self, keys: Mapping[str, Sequence[ResultKey]], parents: Mapping[str, Collection[str]]) -> None:
        self._keys = {asset: tuple(own) for asset, own in keys.items() if own}
        self._shared = frozenset(asset for asset, own in self._keys.items() if own[0].partition_key is None)
        self._parents = {asset: [name for name in parents.get(asset, ()) if name in self._keys] for asset in self._keys}
        self._children = {
            name: [asset for asset, needed in self._parents.items() if name in needed] for name in self._keys
        }
        self._known = known = {key for own in self._keys.values() for key in own}
        self._unfinished = Counter(key.scope for key in known if key.partition_key is not None)
        self._waiting: dict[ResultKey, _Waiting] = {}
        for key in known:
            unfinished = sum(parent in known for parent in self._parents_of(key))
            if unfinished:
                takes_what_exists = key.asset in self._shared and not self._shared.issuperset(self._parents[key.asset])
                self._waiting[key] = _Waiting(unfinished, takes_what_exists=takes_what_exists)
        self._first = deque(key for own in self._keys.values() for key in own if key not in self._waiting)

    def __contains__(self, key: ResultKey) -> bool:
        """Whether a result is among those to compute."""
        return key in self._known

    @property
    def has_first(self) -> bool:
        """Whether `pop_first` has more."""
        return bool(self._first)

    def pop_first(self, limit: int) -> Sequence[ResultKey]:
        """Return the next of the results that wait for no other, at most `limit`; each is returned once."""
        return [self._first.popleft() for _ in range(min(limit, len(self._first)))]

    def blocked_by(self, keys: Sequence[ResultKey]) -> Sequence[ResultKey]:
        """The results of a sample that are computed from the last of these, and wait for these only.

        Shared ones are left out without a look: a report waits for the results of thousands of samples.

        Args:
            keys: Results of one sample, of which none has ended.
        """
        return [
            child
            for child in self._children_of(keys[-1])
            if child.partition_key is not None
            and child in self._waiting
            and self._waiting[child].unfinished == sum(parent in keys for parent in self._parents_of(child))
        ]

    def finish(self, key: ResultKey, *, is_done: bool) -> Unblocked:
        """Note the end of a result, which is done or has failed; return what becomes of those computed from it."""
        ready: list[ResultKey] = []
        skipped: list[ResultKey] = []
        ended = [(key, is_done)]
        while ended:
            parent, parent_is_done = ended.pop()
            for child in self._children_of(parent):
                waiting = self._waiting.get(child)
                if waiting is None:
                    continue  # skipped before
                waiting.unfinished -= 1
                waiting.has_input |= parent_is_done
                is_lost = not parent_is_done and not waiting.takes_what_exists
                if is_lost or (not waiting.unfinished and not waiting.has_input):
                    del self._waiting[child]
                    skipped.append(child)
                    ended.append((child, False))
                elif not waiting.unfinished:
                    del self._waiting[child]
                    ready.append(child)
        return Unblocked(ready, skipped, list(self._complete_samples([key, *skipped])))

    def _complete_samples(self, ended: Iterable[ResultKey]) -> Iterator[str]:
        for key in ended:
            if key.partition_key is not None:
                self._unfinished[key.scope] -= 1
                if not self._unfinished[key.scope]:
                    yield key.scope

    def _parents_of(self, key: ResultKey) -> Iterator[ResultKey]:
        for parent in self._parents[key.asset]:
            if parent in self._shared or key.asset in self._shared:
                yield from self._keys[parent]
            else:
                yield ResultKey(parent, key.scope)

    def _children_of(self, key: ResultKey) -> Iterator[ResultKey]:
        for asset in self._children[key.asset]:
            if asset in self._shared or key.asset in self._shared:
                yield from self._keys[asset]
            else:
                yield ResultKey(asset, key.scope)
