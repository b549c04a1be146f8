"""Alignment of a sample's reads by bwa, bwa-mem2 or bwa-mem3, to a BAM in the order of the reads."""

from collections.abc import Sequence
from typing import Final

from bioinfo_assets.genomics.read_group import ReadGroup, escape_for_bwa
from bioinfo_assets.launch.job import Input, Job
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import canonical, resources
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import ReadFiles, sample_output
from bioinfo_assets.steps.reads import sort_read_groups
from bioinfo_assets.steps.reference import IndexedReference
from bioinfo_assets.steps.script import render

VERSION: Final = "2"


def align(
    sample: str,
    reads: ReadFiles,
    read_groups: Sequence[ReadGroup],
    reference: IndexedReference,
    layout: OutputLayout,
    engine: Engine,
) -> Job:
    """Align read pairs, whose FASTQ comments assign them to the read groups.

    The BAM has the records of each read next to each other, as MarkDuplicates requires, and M5s in its header. The
    script fails with a message if the aligner treats reads as unpaired, loses reads, finds no contig of the `.alt`
    file, or leaves a read without a read group. Facts: `records`, `primary` and `mapped` (mapped primary records).

    samtools writes the BAM and counts its records, or the native engine does both in one pass.
    """
    is_native = engine is Engine.NATIVE
    scripts = ("engine", "aligned_by_engine") if is_native else ("aligned_by_samtools",)
    local1, local2, aligned = (
        f"{sample}.{suffix}" for suffix in ("cutadapt.1.fastq.gz", "cutadapt.2.fastq.gz", "aln.bam")
    )
    groups = sort_read_groups(sample, read_groups)
    return Job(
        key=ResultKey("aligned_bam", sample),
        version=VERSION,
        script=render(
            *("align", "bam", *scripts),
            sample=sample,
            aligner=reference.aligner,
            fasta=reference.name,
            dictionary=reference.dictionary_name,
            has_alt="alt" in reference.index,
            reads1=local1,
            reads2=local2,
            read_groups=[escape_for_bwa(group.header_line()) for group in groups],
            group_ids=[group.id for group in groups],
            aligned=aligned,
        ),
        inputs=(
            Input(local1, reads.reads1),
            Input(local2, reads.reads2),
            reference.dictionary_input(),
            *reference.index_inputs(),
        ),
        outputs=(sample_output(layout, "bam", sample, "aln.bam", canonical.BAM, size_share=1.0),),
        tools=(reference.aligner.value, *(("bioinfo-assets-engine",) if is_native else ()), "samtools", "bgzip"),
        parameters={
            "aligner": reference.aligner.value,
            "engine": engine.value,
            "read_groups": tuple(group.header_line() for group in groups),
        },
        resources=resources.for_alignment(
            sum(file.size for file in reference.index.values()), reads.size, reference.aligner.thread_mib
        ),
    )
