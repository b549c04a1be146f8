"""Duplicate marking, sorting, and the NM, MD and UQ tags."""

from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Input, Job, StoredFile
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import canonical, resources
from bioinfo_assets.steps.layout import Layout
from bioinfo_assets.steps.reference import IndexedReference
from bioinfo_assets.steps.script import render

VERSION: Final = "2"

_METRICS: Final = "mark_dup.markdup.metrics.txt"

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

    `optical_distance` is in pixels: duplicates within it are one cluster that was seen twice. MD has the reference's
    letters in upper case, however its FASTA has them. UMIs are not used to tell duplicates apart: a warning says so
    where read names have them. The script fails with a sentence when the BAM's contigs are not the reference's. Fact:
    `records`.

    Raises:
        InputError: The distance is negative.
    """
    if optical_distance < 0:
        raise InputError(f"an optical distance of {optical_distance} pixels is not possible: give 0 or more")
    local, marked, metrics = (f"{sample}.{suffix}" for suffix in ("aln.bam", "mark_dup.bam", _METRICS))
    return Job(
        key=ResultKey("marked_bam", sample),
        version=VERSION,
        script=render(
            *("mark_duplicates", "java", "bam"),
            sample=sample,
            aligned=local,
            fasta=reference.name,
            dictionary=reference.dictionary_name,
            optical_distance=optical_distance,
            marked=marked,
            metrics=metrics,
        ),
        inputs=(Input(local, aligned), *reference.staged()),
        outputs=(
            *layout.sorted_bam(sample, "mark_dup.bam"),
            layout.output("metrics", sample, _METRICS, canonical.PICARD_METRICS),
        ),
        tools=("picard", "samtools", "bgzip"),
        parameters={"optical_distance": optical_distance},
        resources=resources.marking(aligned.size, reference.fasta.size),
    )
