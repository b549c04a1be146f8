"""Duplicate marking, sorting, and the NM, MD and UQ tags."""

from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Input, Job, Output, StoredFile
from bioinfo_assets.steps import canonical, resources
from bioinfo_assets.steps.files import followers
from bioinfo_assets.steps.layout import Layout
from bioinfo_assets.steps.reference import IndexedReference
from bioinfo_assets.steps.script import render

VERSION: Final = "1"

PATTERNED_FLOWCELL_PIXELS: Final = 2500
"""Distance of optical duplicates on patterned flow cells, as MarkDuplicates' documentation has it; 100 on others."""


def mark_duplicates(
    sample: str,
    aligned: StoredFile,
    reference: IndexedReference,
    layout: Layout,
    *,
    optical_distance: int = PATTERNED_FLOWCELL_PIXELS,
) -> Job:
    """Flag duplicates in the aligner's own order, then sort by coordinate and set NM, MD and UQ.

    Args:
        sample: The sample's name.
        aligned: The BAM of `align`.
        reference: What it was aligned to.
        layout: Where results are published.
        optical_distance: Pixels within which duplicates are one cluster seen twice.

    Raises:
        InputError: The distance is negative.
    """
    if optical_distance < 0:
        raise InputError(f"an optical distance of {optical_distance} pixels is not possible: give 0 or more")
    local, marked = f"{sample}.aln.bam", f"{sample}.mark_dup.bam"
    metrics = f"{sample}.mark_dup.markdup.metrics.txt"
    published = layout.sample(sample, "mark_dup.bam")
    return Job(
        step="marked_bam",
        version=VERSION,
        subject=sample,
        script=render(
            "mark_duplicates",
            "java",
            "bam",
            aligned=local,
            fasta=reference.name,
            optical_distance=optical_distance,
            marked=marked,
            metrics=metrics,
        ),
        inputs=(Input(local, aligned), *reference.staged()),
        outputs=(
            Output("bam", marked, published, canonical=canonical.BAM),
            *followers(marked, published),
            Output(
                "metrics",
                metrics,
                layout.sample(sample, "mark_dup.markdup.metrics.txt"),
                canonical=canonical.PICARD_METRICS,
            ),
        ),
        tools=("picard", "samtools", "bgzip"),
        parameters={"optical_distance": optical_distance},
        resources=resources.marking(aligned.size, reference.fasta.size),
    )
