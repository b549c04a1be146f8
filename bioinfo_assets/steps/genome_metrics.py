"""Metrics of a whole genome by Picard: coverage with what is left out of it, GC bias, and base qualities by cycle."""

from typing import Final

from bioinfo_assets.launch.job import Input, Job
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import canonical, resources
from bioinfo_assets.steps.files import IndexedBam, sample_output
from bioinfo_assets.steps.reference import IndexedReference
from bioinfo_assets.steps.script import render

VERSION: Final = "1"

_SUFFIXES: Final = {
    "wgs": "wgs_metrics.txt",
    "gc_summary": "gc_bias.summary_metrics.txt",
    "gc_detail": "gc_bias.detail_metrics.txt",
    "qualities": "quality_by_cycle_metrics.txt",
}


def genome_metrics(sample: str, bam: IndexedBam, reference: IndexedReference, layout: OutputLayout) -> Job:
    """Collect Picard's WGS metrics, GC bias and mean base quality by cycle, in two passes over the BAM.

    Of a sample without aligned reads, the tables of GC bias are empty.
    """
    local = f"{sample}.recalib.bam"
    files = {key: f"{sample}.{suffix}" for key, suffix in _SUFFIXES.items()}
    return Job(
        key=ResultKey("genome_metrics", sample),
        version=VERSION,
        script=render("genome_metrics", "java", bam=local, fasta=reference.name, **files),
        inputs=(Input(local, bam.bam), *reference.inputs()),
        outputs=tuple(
            sample_output(layout, key, sample, suffix, canonical.PICARD_METRICS) for key, suffix in _SUFFIXES.items()
        ),
        tools=("picard", "Rscript"),
        resources=resources.for_picard_metrics(bam.bam.size, reference.fasta.size),
    )
