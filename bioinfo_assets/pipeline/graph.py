"""The graph of assets: what is computed, for whom, and what is upstream and downstream of it."""

from collections.abc import Mapping
from typing import Final

from bioinfo_assets.pipeline.asset_rows import ROWS
from bioinfo_assets.pipeline.asset_spec import AssetSpec
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import (
    COHORT,
    COHORT_SOURCE,
    KNOWN_SITES_SOURCE,
    RAW_READS,
    REFERENCE_SOURCE,
    REFERENCES,
    ResultKey,
)
from bioinfo_assets.retention_settings import NEVER
from bioinfo_assets.settings import Settings

SOURCES: Final = (RAW_READS, REFERENCE_SOURCE, KNOWN_SITES_SOURCE, COHORT_SOURCE)
"""What is observed, not computed: external files, and the set of samples that have results."""

GRAPH: Final[Mapping[str, AssetSpec]] = {spec.name: spec for spec in ROWS}
"""By name, in the order in which they are computed."""

ASSETS: Final = tuple(GRAPH)
"""The names of all assets."""

SHARED: Final = tuple(spec.name for spec in ROWS if spec.scope == REFERENCES)
"""Computed once for all samples, before them."""

PER_SAMPLE: Final = tuple(spec.name for spec in ROWS if spec.scope is None)
"""Computed for each sample."""

OVER_SAMPLES: Final = tuple(spec.name for spec in ROWS if spec.scope == COHORT)
"""Computed once, from the results of all samples."""

PARTITIONED: Final = frozenset({RAW_READS, *PER_SAMPLE})
"""The assets and sources that have a partition for each sample."""

SHARED_SCOPES_BY_ASSET: Final[Mapping[str, str]] = {
    REFERENCE_SOURCE: REFERENCES,
    KNOWN_SITES_SOURCE: REFERENCES,
    COHORT_SOURCE: COHORT,
    **{spec.name: spec.scope for spec in ROWS if spec.scope is not None},
}
"""The scope of each asset and source without partitions."""

REPORT_FILES: Final[Mapping[str, tuple[str, ...]]] = {
    spec.name: spec.report_files for spec in ROWS if spec.report_files
}
"""By asset, the keys of the files that MultiQC reads."""


def result_key(asset: str, sample: str) -> ResultKey:
    """The key of an asset or source for a sample; of one that samples share, whatever the sample."""
    return ResultKey(asset, SHARED_SCOPES_BY_ASSET.get(asset, sample))


def parents_of(asset: str) -> tuple[str, ...]:
    """The assets that an asset is computed from directly, without sources."""
    return tuple(name for name in GRAPH[asset].upstream if name in GRAPH)


def upstream_of(asset: str) -> frozenset[str]:
    """All assets that an asset is computed from, directly or not."""
    parents = frozenset(parents_of(asset))
    return parents.union(*map(upstream_of, parents))


def downstream_of(asset: str) -> frozenset[str]:
    """All assets that are computed from an asset, directly or not."""
    return frozenset(name for name in ASSETS if asset in upstream_of(name))


def enabled_assets(settings: Settings) -> tuple[str, ...]:
    """The assets that the settings ask for, in the order of the graph."""
    return tuple(spec.name for spec in GRAPH.values() if spec.enabled(settings))


def files_not_published(asset: str, settings: Settings) -> Mapping[str, frozenset[str]]:
    """The files of an asset that need not be published where all that read them run on the machine that made them.

    Returns:
        The assets that read them, by key of the file; none unless the retention of the asset is `never`.
    """
    if settings.retention.of(asset) != NEVER:
        return {}
    enabled = enabled_assets(settings)
    readers = frozenset(name for name in enabled if asset in parents_of(name) and GRAPH[name].scope is None)
    return dict.fromkeys(GRAPH[asset].bulk_files, readers)


def superseded_by_imports(records: Mapping[str, Record | None]) -> frozenset[str]:
    """The assets of a sample that nothing needs any more, because a later one was imported.

    What is computed from them alone, such as the quality of reads, cannot be computed any more.

    Args:
        records: The sample's records by asset.
    """
    imported = [asset for asset, record in records.items() if record is not None and record.imported]
    upstream = frozenset().union(*map(upstream_of, imported)).difference(SHARED)
    dependent = {asset for asset in PER_SAMPLE if asset not in imported and upstream.intersection(parents_of(asset))}
    return upstream | dependent
