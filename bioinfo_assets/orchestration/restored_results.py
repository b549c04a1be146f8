"""Released results that a step computes again, and the results that wait for them because their jobs read the files."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from bioinfo_assets.result_key import ResultKey


@dataclass(slots=True)
class RestoredResults:
    """Which results are computed again, and for which others. Not thread-safe.

    >>> bam, depth = ResultKey("bam", "a"), ResultKey("depth", "a")
    >>> restored = RestoredResults()
    >>> restored.request(depth, [bam]) == [bam]
    True
    >>> [(reader.label, has_all) for reader, has_all in restored.finish(bam)]
    [('depth of a', True)]
    """

    _readers: dict[ResultKey, list[ResultKey]] = field(default_factory=dict)
    _missing: dict[ResultKey, int] = field(default_factory=dict)

    def request(self, reader: ResultKey, released: Collection[ResultKey]) -> Sequence[ResultKey]:
        """Note that a result waits for released ones; return those of them that nobody has requested before."""
        new = [key for key in released if key not in self._readers]
        for key in released:
            self._readers.setdefault(key, []).append(reader)
        self._missing[reader] = len(released)
        return new

    def reader_of(self, key: ResultKey) -> ResultKey | None:
        """A result that waits for this one; None if there is none."""
        return next(iter(self._readers.get(key, ())), None)

    def finish(self, key: ResultKey) -> Iterator[tuple[ResultKey, bool]]:
        """Yield those that waited for a result which has ended, each with whether it was the last that they need."""
        for reader in self._readers.pop(key, ()):
            self._missing[reader] -= 1
            yield reader, not self._missing[reader]
