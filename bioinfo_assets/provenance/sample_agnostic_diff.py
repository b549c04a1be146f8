"""Texts of two samples' jobs compared without regard to which sample each is of."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

PLACEHOLDER: Final = "SAMPLE"
"""Stands for either sample's name where a file of both is named."""

SHORT: Final = 2
"""Items of a list that are all told."""


@dataclass(frozen=True, slots=True)
class SamplePair:
    """The samples that two results are of, which may be one.

    >>> SamplePair("a", "b").alike("sort a.bam > a.sorted.bam", "sort b.bam > b.sorted.bam")
    True
    """

    one: str
    other: str

    @property
    def are_same(self) -> bool:
        """Whether both results are of one sample."""
        return self.one == self.other

    def alike(self, one: object, other: object) -> bool:
        """Whether two texts, values or lists say the same, each of its sample."""
        if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
            return len(one) == len(other) and all(map(self.alike, one, other))
        if one == other or self.are_same or not (isinstance(one, str) and isinstance(other, str)):
            return one == other
        return self._alike(one, other)

    def matched(self, lines: Sequence[str], others: Sequence[str]) -> list[str]:
        """The lines of the second text; each that is alike to one of the first in that one's words."""
        own = list(dict.fromkeys(line for line in lines if line not in set(others)))
        known = set(lines)
        return [
            line if line in known else next((mine for mine in own if self.alike(mine, line)), line) for line in others
        ]

    def file(self, local: str, name: str) -> str:
        """The name of a file of a sample, which begins with the sample's, so replaced."""
        begins = not self.are_same and local.startswith(f"{name}.")
        return f"{PLACEHOLDER}{local[len(name) :]}" if begins else local

    def _alike(self, one: str, other: str) -> bool:
        """Goes through both texts side by side: words of scripts may be names of samples too, such as `bam` or `a`."""
        names = _name(self.one), _name(self.other)
        at = of_other = 0
        while at < len(one) and of_other < len(other):
            if names[0].match(one, at) and names[1].match(other, of_other):
                at, of_other = at + len(self.one), of_other + len(self.other)
            elif one[at] == other[of_other]:
                at, of_other = at + 1, of_other + 1
            else:
                return False
        return at == len(one) and of_other == len(other)

    def told(self, one: object, other: object) -> tuple[str, str]:
        """Two values as texts; of lists, what only one of them has.

        >>> SamplePair("a", "a").told([1, 2, 3], [1, 3, 4])
        ('[2]', '[4]')
        >>> SamplePair("a", "a").told([1], [2, 3, 4])
        ('[1]', '2 and 2 more')
        """
        if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
            own = [item for item in one if not any(self.alike(item, its) for its in other)]
            its = [item for item in other if not any(self.alike(mine, item) for mine in one)]
            if own or its:
                return _listed(own), _listed(its)
        return _text(one), _text(other)


def _listed(items: list[object]) -> str:
    """A list as text; of more than two items, such as the read groups of many lanes, the first and how many more."""
    if len(items) <= SHORT:
        return _text(items)
    return f"{' '.join(_text(items[0]).split())} and {len(items) - 1} more"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@cache
def _name(name: str) -> re.Pattern[str]:
    """A name that stands alone."""
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])")
