"""Comparison of texts of two samples' jobs that ignores the samples' names."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

PLACEHOLDER: Final = "SAMPLE"
"""Stands for both samples' names in the names of files."""

MAX_LISTED_ITEMS: Final = 2
"""Longer lists are shortened to their first item and the number of the others."""


@dataclass(frozen=True, slots=True)
class SamplePair:
    """The samples of two results, which may be the same sample.

    >>> SamplePair("a", "b").are_equivalent("sort a.bam > a.sorted.bam", "sort b.bam > b.sorted.bam")
    True
    """

    first: str
    second: str

    @property
    def are_same(self) -> bool:
        """Whether both results belong to the same sample."""
        return self.first == self.second

    def are_equivalent(self, first: object, second: object) -> bool:
        """Whether two texts, values or lists are equal except for the samples' names."""
        if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
            return len(first) == len(second) and all(map(self.are_equivalent, first, second))
        if first == second or self.are_same or not (isinstance(first, str) and isinstance(second, str)):
            return first == second
        return self._are_equivalent_texts(first, second)

    def align_lines(self, first: Sequence[str], second: Sequence[str]) -> list[str]:
        """The second text's lines, each replaced by the equivalent line of the first text if there is one."""
        if self.are_same:
            return list(second)
        in_second = set(second)
        only_first = list(dict.fromkeys(line for line in first if line not in in_second))
        known = set(first)
        return [
            line
            if line in known
            else next((candidate for candidate in only_first if self.are_equivalent(candidate, line)), line)
            for line in second
        ]

    def common_name(self, file_name: str, sample: str) -> str:
        """The name of one sample's file, with a placeholder for the sample's name if it begins with it."""
        is_own = not self.are_same and file_name.startswith(f"{sample}.")
        return f"{PLACEHOLDER}{file_name[len(sample) :]}" if is_own else file_name

    def render(self, first: object, second: object) -> tuple[str, str]:
        """Two values as texts; of two lists, only the items that differ.

        >>> SamplePair("a", "a").render([1, 2, 3], [1, 3, 4])
        ('[2]', '[4]')
        >>> SamplePair("a", "a").render([1], [2, 3, 4])
        ('[1]', '2 and 2 more')
        """
        if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
            # Most of ten thousand samples are equal, and only the others are compared in pairs.
            firsts, seconds = _without(first, second), _without(second, first)
            only_first = [item for item in firsts if not any(self.are_equivalent(item, other) for other in second)]
            only_second = [item for item in seconds if not any(self.are_equivalent(other, item) for other in first)]
            if only_first or only_second:
                return _render_list(only_first), _render_list(only_second)
        return _render_value(first), _render_value(second)

    def _are_equivalent_texts(self, first: str, second: str) -> bool:
        """Scan both texts in parallel: a word of a script may also be a sample's name, such as `bam` or `a`."""
        names = _whole_word(self.first), _whole_word(self.second)
        i = j = 0
        while i < len(first) and j < len(second):
            if names[0].match(first, i) and names[1].match(second, j):
                i, j = i + len(self.first), j + len(self.second)
            elif first[i] == second[j]:
                i, j = i + 1, j + 1
            else:
                return False
        return i == len(first) and j == len(second)


def _without(items: Sequence[object], others: Sequence[object]) -> list[object]:
    """The items that are not among others."""
    known = set(map(json.dumps, others))
    return [item for item in items if json.dumps(item) not in known]


def _render_list(items: list[object]) -> str:
    if len(items) <= MAX_LISTED_ITEMS:
        return _render_value(items)
    return f"{' '.join(_render_value(items[0]).split())} and {len(items) - 1} more"


def _render_value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@cache
def _whole_word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])")
