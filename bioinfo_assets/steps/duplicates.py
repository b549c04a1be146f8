"""Duplicate marking, sorting, and the NM, MD and UQ tags."""

from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Input, Job, StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import canonical, resources
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import sample_output, sorted_bam_outputs
from bioinfo_assets.steps.reference import IndexedReference
from bioinfo_assets.steps.script import render

VERSION: Final = "3"

_METRICS: Final = "mark_dup.markdup.metrics.txt"


def mark_duplicates(
    sample: str,
    aligned: StoredFile,
    reference: IndexedReference,
    layout: OutputLayout,
    *,
    optical_distance: int,
    engine: Engine,
) -> Job:
    """Flag duplicates in the order of the aligner, then sort by coordinate and set NM, MD and UQ.

    Duplicates within `optical_distance` pixels are optical: one cluster that was read twice. MD is in upper case even
    if the FASTA is soft-masked. UMIs are not used to distinguish duplicates; the script warns of UMIs in read names. It
    fails with a message if the BAM does not have the reference's contigs. Fact: `records`.

    Raises:
        InputError: The distance is negative.
    """
    is_native = engine is Engine.NATIVE
    program = ("engine", "mark_duplicates_native") if is_native else ("java", "mark_duplicates")
    if optical_distance < 0:
        raise InputError(f"optical distance {optical_distance} is not valid: give 0 pixels or more")
    local, marked, metrics = (f"{sample}.{suffix}" for suffix in ("aln.bam", "mark_dup.bam", _METRICS))
    return Job(
        key=ResultKey("marked_bam", sample),
        version=VERSION,
        script=render(
            *("marked_facts", "bam", "umis", *program),
            sample=sample,
            aligned=local,
            fasta=reference.name,
            dictionary=reference.dictionary_name,
            optical_distance=optical_distance,
            marked=marked,
            metrics=metrics,
        ),
        inputs=(Input(local, aligned), *reference.inputs()),
        outputs=(
            *sorted_bam_outputs(layout, sample, "mark_dup.bam"),
            sample_output(layout, "metrics", sample, _METRICS, canonical.PICARD_METRICS),
        ),
        tools=("bioinfo-assets-engine" if is_native else "picard", "samtools", "bgzip"),
        parameters={"engine": engine.value, "optical_distance": optical_distance},
        resources=resources.for_duplicate_marking(aligned.size, reference.fasta.size),
    )
