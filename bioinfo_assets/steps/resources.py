"""CPUs and memory of each step, by the sizes of its inputs.

Minima are small, so that several small jobs can share a laptop; maxima are those of a human genome at 30 to 50 fold
coverage: some 3.1 GB of FASTA, 100 GB of FASTQ or BAM. Memory is in MiB, sizes are in bytes.
"""

from typing import Final

from bioinfo_assets.launch.job import Resources

MIB: Final = 1024 * 1024

MIN_MIB: Final = 1024
"""The memory of the smallest step: enough for a JVM and other programs in a pipe."""


def for_streaming(size: int) -> Resources:
    """For a step that reads and writes in one pass, such as merging or trimming FASTQs of this total size."""
    return Resources(cpus=_cpus(size, per_cpu=200 * MIB, max_cpus=8), memory_mib=MIN_MIB)


def for_indexing(fasta: int, memory_per_base: float) -> Resources:
    """For indexing a FASTA by an aligner that needs this many bytes a base and uses one thread."""
    return Resources(cpus=1, memory_mib=_memory_mib(MIN_MIB, memory_per_base * fasta, max_mib=128 * 1024))


def for_alignment(index: int, reads: int) -> Resources:
    """For alignment: memory for the index, and for three batches of 100 million bases with their records."""
    batches = min(8.0 * reads, 3072 * MIB)
    return Resources(
        cpus=_cpus(reads, per_cpu=50 * MIB, max_cpus=32),
        memory_mib=_memory_mib(512, 1.2 * index + batches, max_mib=65536),
    )


def for_duplicate_marking(bam: int, fasta: int) -> Resources:
    """For MarkDuplicates, sorting and tags: read ends beyond the heap are written to disk, a contig must fit."""
    return Resources(
        cpus=_cpus(bam, per_cpu=200 * MIB, max_cpus=4), memory_mib=_memory_mib(1536, bam / 4 + fasta, max_mib=20480)
    )


def for_single_jvm(bam: int, fasta: int, *, max_mib: int = 8192) -> Resources:
    """For one JVM that reads a sorted BAM in order."""
    return Resources(
        cpus=_cpus(bam, per_cpu=500 * MIB, max_cpus=2),
        memory_mib=_memory_mib(MIN_MIB, bam / 8 + fasta, max_mib=max_mib),
    )


def _memory_mib(base_mib: int, size: float, *, max_mib: int) -> int:
    return min(max(MIN_MIB, base_mib + round(size / MIB)), max_mib)


def _cpus(size: int, *, per_cpu: int, max_cpus: int) -> int:
    return min(1 + size // per_cpu, max_cpus)
