"""What differs between two results, and which of that explains the rest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

SHOWN: Final = 3
"""Results that are named where a cause is found in many."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not the same in two results.

    Attributes:
        kind: What it is: `step`, `origin`, `step version`, `parameter`, `tool`, `script`, `input` (a result that was
            read), `FASTQ`, `reference`, `known sites`, `file`, `outputs`, `contents`, `damage`, `imported file` or
            `result`.
        name: Which one, where there are several.
        before: What the first result has; empty where it has none.
        after: What the second has.
        note: What else is to be said.
        because: Why an input differs.
        follows: Whether it follows from another change of the same result, and is no cause of its own.
    """

    kind: str
    name: str = ""
    before: str = ""
    after: str = ""
    note: str = ""
    because: "Comparison | None" = None
    follows: bool = False

    def __str__(self) -> str:
        said = f"{self.kind} {self.name}".rstrip()
        if self.before or self.after:
            said += f": {self.before or 'none'} → {self.after or 'none'}"
            return f"{said}, {self.note}" if self.note else said
        return f"{said}: {self.note}" if self.note else said


@dataclass(frozen=True, slots=True)
class Cause:
    """A change that nothing upstream explains.

    Attributes:
        change: What changed.
        results: In the making of which results.
    """

    change: Change
    results: tuple[str, ...]

    def __str__(self) -> str:
        more = len(self.results) - SHOWN
        return f"{self.change} ({', '.join(self.results[:SHOWN])}{f' and {more} more' if more > 0 else ''})"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two results side by side.

    Attributes:
        name: Step and scopes, for people.
        changes: What is not the same.
        script: The difference of the scripts, as `diff -u` tells it.
        contents: By output, whether both results have the same content.
        images: The container images; they are no part of the result.
    """

    name: str
    changes: tuple[Change, ...]
    script: tuple[str, ...] = ()
    contents: Mapping[str, bool] = field(default_factory=dict)
    images: tuple[str, str] = ("", "")

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not self.changes

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The changes that led to all others, those furthest upstream first."""
        found: dict[tuple[str, str, str, str, str], tuple[Change, dict[str, None]]] = {}
        for change, result in _causes(self, set()):
            key = change.kind, change.name, change.before, change.after, change.note
            found.setdefault(key, (change, {}))[1][result] = None
        return tuple(Cause(change, tuple(results)) for change, results in found.values())


def _causes(comparison: Comparison, seen: set[int]) -> Iterator[tuple[Change, str]]:
    if id(comparison) in seen:
        return
    seen.add(id(comparison))
    for change in comparison.changes:
        if change.because is not None:
            yield from _causes(change.because, seen)
    for change in comparison.changes:
        if change.because is None and not change.follows:
            yield change, comparison.name
