"""Texts of two samples' jobs compared without regard to which sample each is of."""

import json
import re
from dataclasses import dataclass
from typing import Final

STAND_IN: Final = "SAMPLE"
"""Stands for either sample's name where texts of both are shown."""


@dataclass(frozen=True, slots=True)
class TwoNames:
    """The samples that two results are of, which may be one.

    >>> TwoNames("a", "b").alike("sort a.bam > a.sorted.bam", "sort b.bam > b.sorted.bam")
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
        # A sample may have the name of a word that scripts are made of, such as `bam`: the other sample tells then.
        return (
            _renamed(one, self.one, self.other) == other
            or _renamed(other, self.other, self.one) == one
            or self.neutral(one, self.one) == self.neutral(other, self.other)
        )

    def neutral(self, text: str, name: str) -> str:
        """A text of a sample, with its name replaced where two samples are compared."""
        return text if self.are_same else _renamed(text, name, STAND_IN)

    def file(self, local: str, name: str) -> str:
        """The name of a file of a sample, which begins with the sample's, so replaced."""
        begins = not self.are_same and local.startswith(f"{name}.")
        return f"{STAND_IN}{local[len(name) :]}" if begins else local

    def told(self, one: object, other: object) -> tuple[str, str]:
        """Two values as texts; of lists, what only one of them has.

        >>> TwoNames("a", "a").told([1, 2, 3], [1, 3, 4])
        ('[2]', '[4]')
        """
        if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
            own = [item for item in one if not any(self.alike(item, its) for its in other)]
            its = [item for item in other if not any(self.alike(item, mine) for mine in one)]
            if own or its:
                return _text(own), _text(its)
        return _text(one), _text(other)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _renamed(text: str, name: str, to: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", lambda _: to, text)
