"""The assets by name, told without Dagster, which takes seconds to import. A test holds this to `definitions`."""

from collections.abc import Mapping
from typing import Final

from bioinfo_assets.assets.project import COHORT, REFERENCES

SHARED: Final = ("reference_genome", "reference_index", "known_sites")
"""Made once for all samples, before them."""

PER_SAMPLE: Final = (
    "merged_reads",
    "trimmed_reads",
    "aligned_bam",
    "marked_bam",
    "recalibrated_bam",
    "alignment_metrics",
    "insert_size_metrics",
    "depth",
)

OVER_SAMPLES: Final = ("multiqc_report",)
"""Made once, of what the samples gave."""

ASSETS: Final = (*SHARED, *PER_SAMPLE, *OVER_SAMPLES)
"""All of them, in the order in which they are made."""

SUBJECTS: Final[Mapping[str, str]] = {**dict.fromkeys(SHARED, REFERENCES), **dict.fromkeys(OVER_SAMPLES, COHORT)}
"""The subject of the record, of assets that are not made per sample."""

ALIGNER: Final = "ALIGNER"
"""Stands for the command of the aligner, which is a setting."""

TOOLS: Final[Mapping[str, tuple[str, ...]]] = {
    "reference_genome": (),
    "reference_index": (ALIGNER, "samtools", "picard"),
    "known_sites": ("bgzip", "tabix"),
    "merged_reads": ("bgzip",),
    "trimmed_reads": ("cutadapt",),
    "aligned_bam": (ALIGNER, "samtools", "bgzip"),
    "marked_bam": ("picard", "samtools", "bgzip"),
    "recalibrated_bam": ("gatk", "samtools", "bgzip"),
    "alignment_metrics": ("picard",),
    "insert_size_metrics": ("picard", "Rscript"),
    "depth": ("samtools", "bgzip", "tabix", "mosdepth"),
    "multiqc_report": ("multiqc",),
}
"""The tools that each asset's job calls."""
