"""Dagster's staleness, through the two names of its test API that the product does not need."""

from collections.abc import Iterable

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest


def stale_results(
    instance: dg.DagsterInstance, definitions: dg.Definitions, results: Iterable[tuple[str, str | None]]
) -> set[tuple[str, str | None]]:
    """Those results, as asset and partition key, that Dagster considers stale."""
    graph = definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    return {
        (asset, partition)
        for asset, partition in results
        if resolver.get_status(dg.AssetKey(asset), partition).value == "STALE"
    }
