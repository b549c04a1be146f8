"""The assets that this project makes: from what, with which tools, and which settings shape them.

Told without Dagster, which takes seconds to import; a test holds this to `definitions`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.steps import alignment, duplicates, known_sites, metrics, reads, recalibration, reference, report
from bioinfo_assets.steps import trimming as trimming_step

REFERENCES: Final = "references"
"""The scope of what all samples share."""

COHORT: Final = "multiqc"
"""The scope of the report over all samples."""

ALIGNER: Final = "ALIGNER"
"""Stands for the command of the aligner, which is a setting."""


@dataclass(frozen=True, slots=True)
class AssetSpec:
    """An asset that is made here.

    Attributes:
        name: What it is called.
        version: Of the step that makes it.
        upstream: The assets it is made from, and the sources.
        settings: The settings that shape it.
        tools: The tools that its job calls.
        scope: The scope of its record; None where there is one for each sample.
    """

    name: str
    version: str
    upstream: tuple[str, ...]
    settings: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    scope: str | None = None


RAW_READS: Final = "raw_reads"
REFERENCE_SOURCE: Final = "reference_source"
KNOWN_SITES_SOURCE: Final = "known_sites_source"
COHORT_SOURCE: Final = "cohort"
SOURCES: Final = (RAW_READS, REFERENCE_SOURCE, KNOWN_SITES_SOURCE, COHORT_SOURCE)
"""What is looked at and not made: what comes from outside, and which samples there are results of."""

_INDEXED: Final = ("reference_genome", "reference_index")

GRAPH: Final[Mapping[str, AssetSpec]] = {
    made.name: made
    for made in (
        AssetSpec("reference_genome", reference.FETCH_VERSION, (REFERENCE_SOURCE,), ("reference",), (), REFERENCES),
        AssetSpec(
            "reference_index",
            reference.INDEX_VERSION,
            (REFERENCE_SOURCE, "reference_genome"),
            ("aligner", "reference_alt"),
            (ALIGNER, "samtools", "picard"),
            REFERENCES,
        ),
        AssetSpec(
            "known_sites",
            known_sites.VERSION,
            (KNOWN_SITES_SOURCE, "reference_index"),
            ("known_sites",),
            ("bgzip", "tabix"),
            REFERENCES,
        ),
        AssetSpec("merged_reads", reads.VERSION, (RAW_READS,), ("platform",), ("bgzip",)),
        AssetSpec("trimmed_reads", trimming_step.VERSION, ("merged_reads",), ("trimming",), ("cutadapt",)),
        AssetSpec(
            "aligned_bam",
            alignment.VERSION,
            ("trimmed_reads", *_INDEXED),
            ("platform",),
            (ALIGNER, "samtools", "bgzip"),
        ),
        AssetSpec(
            "marked_bam",
            duplicates.VERSION,
            ("aligned_bam", *_INDEXED),
            ("optical_distance",),
            ("picard", "samtools", "bgzip"),
        ),
        AssetSpec(
            "recalibrated_bam",
            recalibration.VERSION,
            ("marked_bam", *_INDEXED, "known_sites"),
            ("known_sites", "quantized_quals"),
            ("gatk", "samtools", "bgzip"),
        ),
        AssetSpec(
            "alignment_metrics",
            metrics.ALIGNMENT_VERSION,
            ("recalibrated_bam", *_INDEXED),
            tools=("picard",),
        ),
        AssetSpec("insert_size_metrics", metrics.INSERT_SIZE_VERSION, ("recalibrated_bam",), (), ("picard", "Rscript")),
        AssetSpec(
            "depth",
            metrics.DEPTH_VERSION,
            ("recalibrated_bam",),
            ("depth_as_text",),
            ("samtools", "bgzip", "tabix", "mosdepth"),
        ),
        AssetSpec(
            "multiqc_report",
            report.VERSION,
            (
                "trimmed_reads",
                "marked_bam",
                "recalibrated_bam",
                "alignment_metrics",
                "insert_size_metrics",
                "depth",
                COHORT_SOURCE,
            ),
            tools=("multiqc",),
            scope=COHORT,
        ),
    )
}
"""By name, in the order in which they are made."""

ASSETS: Final = tuple(GRAPH)
"""All of them."""

SHARED: Final = tuple(made.name for made in GRAPH.values() if made.scope == REFERENCES)
"""Made once for all samples, before them."""

PER_SAMPLE: Final = tuple(made.name for made in GRAPH.values() if made.scope is None)

OVER_SAMPLES: Final = tuple(made.name for made in GRAPH.values() if made.scope == COHORT)
"""Made once, of what the samples gave."""

SCOPES: Final[Mapping[str, str]] = {made.name: made.scope for made in GRAPH.values() if made.scope is not None}
"""The scope of the record, of assets that are not made per sample."""


def upstream_of(asset: str) -> frozenset[str]:
    """All that an asset is made from, and that this project makes, directly or not."""
    parents = frozenset(name for name in GRAPH[asset].upstream if name in GRAPH)
    return parents.union(*map(upstream_of, parents))
