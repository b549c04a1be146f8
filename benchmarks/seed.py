"""The seed's commands of SEED.md, each step as a plain bash script in one folder.

Where its table leaves a choice, the one in the seed's favour is taken: GATK and Picard are started by this project's
wrappers, with their archive of loaded classes; JVM heaps have Java's default size; the two metrics of `picard` run by
Picard's own main, which exits immediately, unlike GATK's. bwa is used instead of bwa-mem2, as in our chain.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.reads import Reads

_SCRIPTS: Final[Mapping[str, str]] = {
    "reference": """
if [[ $source == *.gz ]]; then gunzip -c "$source" > "$fasta"; else cp "$source" "$fasta"; fi
bwa index "$fasta"
samtools faidx "$fasta"
gatk CreateSequenceDictionary --REFERENCE "$fasta"
""",
    "merge": """
cat "${reads1[@]}" > "$sample.1.fastq.gz"
cat "${reads2[@]}" > "$sample.2.fastq.gz"
""",
    "trim": """
cutadapt --pair-filter=any --max-n 0.1 -o "$sample.cutadapt.1.fastq.gz" -p "$sample.cutadapt.2.fastq.gz" \\
    "$sample.1.fastq.gz" "$sample.2.fastq.gz" | tee "$sample.cutadapt.log"
""",
    "align": """
bwa mem -R "@RG\\tID:$sample\\tSM:$sample\\tPL:illumina" "$fasta" \\
    "$sample.cutadapt.1.fastq.gz" "$sample.cutadapt.2.fastq.gz" > "$sample.aln.sam"
samtools view -b -o "$sample.aln.bam" "$sample.aln.sam"
""",
    "duplicates, sort, tags": """
gatk SortSam --INPUT "$sample.aln.bam" --OUTPUT /dev/stdout --SORT_ORDER coordinate |
    gatk SetNmMdAndUqTags --INPUT /dev/stdin --OUTPUT "$sample.aln.sorted.settag.bam" \\
        --REFERENCE_SEQUENCE "$fasta" --CREATE_INDEX true --CREATE_MD5_FILE true
gatk MarkDuplicates --INPUT "$sample.aln.sorted.settag.bam" --OUTPUT "$sample.mark_dup.bam" \\
    --METRICS_FILE "$sample.mark_dup.markdup.metrics.txt" --OPTICAL_DUPLICATE_PIXEL_DISTANCE 2500 \\
    --ASSUME_SORT_ORDER queryname --VALIDATION_STRINGENCY SILENT --CREATE_MD5_FILE true
""",
    "recalibrate": """
gatk BaseRecalibrator --input "$sample.mark_dup.bam" --reference "$fasta" "${known_sites[@]}" \\
    --use-original-qualities --output "$sample.recalib.recal.table"
gatk ApplyBQSR --input "$sample.mark_dup.bam" --reference "$fasta" --output "$sample.recalib.bam" \\
    --bqsr-recal-file "$sample.recalib.recal.table" --static-quantized-quals 10 --static-quantized-quals 20 \\
    --static-quantized-quals 30 --add-output-sam-program-record --create-output-bam-md5 --use-original-qualities
samtools index "$sample.recalib.bam"
""",
    "alignment metrics": """
picard CollectAlignmentSummaryMetrics --INPUT "$sample.recalib.bam" --OUTPUT "$sample.alignment_metrics.txt" \\
    --REFERENCE_SEQUENCE "$fasta"
""",
    "insert metrics": """
picard CollectInsertSizeMetrics --INPUT "$sample.recalib.bam" --OUTPUT "$sample.insert_metrics.txt" \\
    --Histogram_FILE "$sample.insert_size_histogram.pdf"
""",
    "depth": """
samtools depth -a "$sample.recalib.bam" > "$sample.depth.txt"
""",
}


def scripts(reads: Reads, fasta: Path) -> Mapping[str, str]:
    """The script of each step, preceded by its values as quoted assignments.

    Args:
        reads: The reads of the sample.
        fasta: The path to write the reference to.
    """
    known_sites = [word for vcf in reads.known_sites for word in ("--known-sites", str(vcf))]
    values = "\n".join(
        [
            f"sample={shlex.quote(reads.sample.name)}",
            f"source={shlex.quote(str(reads.reference))}",
            f"fasta={shlex.quote(str(fasta))}",
            f"reads1=({shlex.join(lane.read1 for lane in reads.sample.lanes)})",
            f"reads2=({shlex.join(lane.read2 for lane in reads.sample.lanes)})",
            f"known_sites=({shlex.join(known_sites)})",
        ]
    )
    return {step: f"{values}\n{text}" for step, text in _SCRIPTS.items()}
