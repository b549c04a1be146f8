"""The current results that depend on one version of a file, directly or not."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bioinfo_assets.provenance.catalog import Catalog, Result


@dataclass(frozen=True, slots=True)
class Downstream:
    """The results that depend on a file.

    Attributes:
        results: By id in the catalog.
        direct: The ids of those whose jobs read the file itself.
        consumers: By a result's id: the ids of the results whose jobs read its outputs.
    """

    results: Mapping[int, Result]
    direct: tuple[int, ...]
    consumers: Mapping[int, tuple[int, ...]]

    def inputs(self) -> dict[int, list[int]]:
        """By a result's id: the results among these that its job read; none if it read only the file itself."""
        inputs: dict[int, list[int]] = {id_: [] for id_ in self.results}
        for id_, consumers in self.consumers.items():
            for consumer in consumers:
                inputs[consumer].append(id_)
        return inputs


@dataclass(frozen=True, slots=True)
class Branch:
    """Results of one asset with the same inputs, and what depends on them.

    Attributes:
        results: In the order of scopes; one, or more than a tree should list.
        is_repeated: Whether all of them were shown before, with what depends on them.
        branches: What depends on them.
    """

    results: tuple[Result, ...]
    is_repeated: bool
    branches: "tuple[Branch, ...]"


def find_downstream(catalog: Catalog, uri: str, content: str | None) -> Downstream:
    """Find all current results that depend on one version of a file."""
    results = {result.id: result for result in catalog.consumers_of_file(uri, content)}
    direct = tuple(results)
    consumers: dict[int, tuple[int, ...]] = {}
    level = direct
    while level:
        edges: dict[int, list[int]] = {id_: [] for id_ in level}
        new: dict[int, Result] = {}
        for id_, consumer in catalog.consumers_of_results(level):
            edges[id_].append(consumer.id)
            if consumer.id not in results:
                new[consumer.id] = consumer
        consumers |= {id_: tuple(ids) for id_, ids in edges.items()}
        results |= new
        level = tuple(new)
    return Downstream(results, direct, consumers)


def downstream_tree(downstream: Downstream, max_siblings: int) -> tuple[Branch, ...]:
    """The results as a tree in which each is shown once.

    Args:
        downstream: The results.
        max_siblings: Up to so many results of one asset get a branch each; more of them share one branch.
    """
    return tuple(_branches(downstream, downstream.direct, max_siblings, set()))


def _branches(downstream: Downstream, ids: Iterable[int], max_siblings: int, shown: set[int]) -> Iterator[Branch]:
    by_asset: dict[str, list[Result]] = {}
    for result in sorted((downstream.results[id_] for id_ in ids), key=lambda result: (result.time, result.scope)):
        by_asset.setdefault(result.asset, []).append(result)
    for siblings in by_asset.values():
        in_order = tuple(sorted(siblings, key=lambda result: result.scope))
        groups = [in_order] if len(siblings) > max_siblings else [(result,) for result in in_order]
        for group in groups:
            new = [result.id for result in group if result.id not in shown]
            shown.update(new)
            consumers = dict.fromkeys(consumer for id_ in new for consumer in downstream.consumers[id_])
            branches = tuple(_branches(downstream, consumers, max_siblings, shown))
            yield Branch(group, is_repeated=not new, branches=branches)
