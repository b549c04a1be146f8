"""Alignment of a sample's reads by bwa or bwa-mem2, to a BAM in the order of the reads."""

from collections.abc import Sequence
from typing import Final

from bioinfo_assets.genomics.read_group import ReadGroup, escape_for_bwa
from bioinfo_assets.launch.job import Input, Job
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import canonical, resources
from bioinfo_assets.steps.files import ReadFiles
from bioinfo_assets.steps.layout import Layout
from bioinfo_assets.steps.reads import in_order
from bioinfo_assets.steps.reference import IndexedReference
from bioinfo_assets.steps.script import render

VERSION: Final = "2"


def align(
    sample: str, reads: ReadFiles, read_groups: Sequence[ReadGroup], reference: IndexedReference, layout: Layout
) -> Job:
    """Align read pairs; each read's group is told by its FASTQ comment, the groups' lines by the header.

    The BAM has all records of a read together, as MarkDuplicates wants them, and the reference's contigs with their M5s
    in its header. The script fails with a sentence when the
    aligner took reads for single ones, lost any, knew no contig of the `.alt`, or left a read without a group. Facts:
    `records`, `primary` and `mapped` (primary records that are mapped).
    """
    local1, local2, aligned = (
        f"{sample}.{suffix}" for suffix in ("cutadapt.1.fastq.gz", "cutadapt.2.fastq.gz", "aln.bam")
    )
    groups = in_order(sample, read_groups)
    return Job(
        key=ResultKey("aligned_bam", sample),
        version=VERSION,
        script=render(
            "align",
            "bam",
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
            reference.staged_dictionary(),
            *reference.staged_index(),
        ),
        outputs=(layout.output("bam", sample, "aln.bam", canonical.BAM),),
        tools=(reference.aligner.value, "samtools", "bgzip"),
        parameters={"aligner": reference.aligner.value, "read_groups": tuple(group.header_line() for group in groups)},
        resources=resources.aligning(sum(file.size for file in reference.index.values()), reads.size),
    )
