"""What was made from a file: all present results that depend on this version of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bioinfo_assets.provenance.catalog import Catalog, Result


@dataclass(frozen=True, slots=True)
class Downstream:
    """The results that were made from a file, directly or not.

    Attributes:
        results: By number in the catalog.
        first: The numbers of those whose jobs read the file itself.
        made_from: By number: the numbers of the results that were made from one.
    """

    results: Mapping[int, Result]
    first: tuple[int, ...]
    made_from: Mapping[int, tuple[int, ...]]

    def sources_of(self) -> dict[int, list[int]]:
        """By number: the results among these that one was made from; none where its job read the file itself only."""
        sources: dict[int, list[int]] = {number: [] for number in self.results}
        for number, made in self.made_from.items():
            for one in made:
                sources[one].append(number)
        return sources


@dataclass(frozen=True, slots=True)
class Branch:
    """Results of one asset that were made from the same, and what was made from them.

    Attributes:
        results: In the order of scopes; one, or more than a tree should name.
        again: Whether they were all told before, with what was made from them.
        branches: What was made from them.
    """

    results: tuple[Result, ...]
    again: bool
    branches: "tuple[Branch, ...]"


def downstream(catalog: Catalog, uri: str, content: str | None) -> Downstream:
    """Finds what was made from one version of a file."""
    results = {one.id: one for one in catalog.readers(uri, content)}
    first = tuple(results)
    made_from: dict[int, tuple[int, ...]] = {}
    level = first
    while level:
        found: dict[int, list[int]] = {number: [] for number in level}
        new: dict[int, Result] = {}
        for source, made in catalog.made_from(level):
            found[source].append(made.id)
            if made.id not in results:
                new[made.id] = made
        made_from |= {source: tuple(made) for source, made in found.items()}
        results |= new
        level = tuple(new)
    return Downstream(results, first, made_from)


def branches(found: Downstream, most_alike: int) -> tuple[Branch, ...]:
    """What was made, as a tree in which every result is told once.

    Args:
        found: The results.
        most_alike: Results of one asset that become branches of their own; more become one branch together.
    """
    return tuple(_branches(found, found.first, most_alike, set()))


def _branches(found: Downstream, numbers: Iterable[int], most_alike: int, told: set[int]) -> Iterator[Branch]:
    by_asset: dict[str, list[Result]] = {}
    for one in sorted((found.results[number] for number in numbers), key=lambda one: (one.time, one.scope)):
        by_asset.setdefault(one.asset, []).append(one)
    for alike in by_asset.values():
        in_order = tuple(sorted(alike, key=lambda one: one.scope))
        together = [in_order] if len(alike) > most_alike else [(one,) for one in in_order]
        for results in together:
            new = [one.id for one in results if one.id not in told]
            told.update(new)
            made = dict.fromkeys(one for number in new for one in found.made_from[number])
            yield Branch(results, again=not new, branches=tuple(_branches(found, made, most_alike, told)))
