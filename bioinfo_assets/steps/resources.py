"""CPUs and memory of each step, from the sizes of what it reads.

Floors are small, so that several small jobs share a laptop; caps are what a whole human genome at 30 to 50 fold needs,
some 3.1 GB of FASTA, 100 GB of FASTQ or BAM. Memory is in MiB, sizes in bytes.
"""

from typing import Final

from bioinfo_assets.launch.job import Resources

MIB: Final = 1024 * 1024

FLOOR_MIB: Final = 1024
"""What any step gets: a JVM and its neighbours in a pipe do with it."""


def streaming(size: int) -> Resources:
    """For a step that reads and writes in one pass, such as merging or trimming of FASTQs of this size in all."""
    return Resources(cpus=_cpus(size, per_cpu=200 * MIB, most=8), memory_mib=_memory(FLOOR_MIB, 0, FLOOR_MIB))


def indexing(fasta: int, memory_per_base: float) -> Resources:
    """For indexing a FASTA, by an aligner that needs so many bytes a base; one thread is all that it uses."""
    return Resources(cpus=1, memory_mib=_memory(FLOOR_MIB, memory_per_base * fasta, 128 * 1024))


def aligning(index: int, reads: int) -> Resources:
    """For aligning: the index lies in memory, and beside it three batches of 100 million bases with their records."""
    batches = min(8.0 * reads, 3072 * MIB)
    return Resources(
        cpus=_cpus(reads, per_cpu=50 * MIB, most=32), memory_mib=_memory(512, 1.2 * index + batches, 65536)
    )


def marking(bam: int, fasta: int) -> Resources:
    """For MarkDuplicates, sorting and tags: read ends spill to disk beyond the heap, a contig must fit."""
    return Resources(cpus=_cpus(bam, per_cpu=200 * MIB, most=4), memory_mib=_memory(1536, bam / 4 + fasta, 20480))


def walking(bam: int, fasta: int, *, most_mib: int = 8192) -> Resources:
    """For one JVM that walks along a sorted BAM."""
    return Resources(
        cpus=_cpus(bam, per_cpu=500 * MIB, most=2), memory_mib=_memory(FLOOR_MIB, bam / 8 + fasta, most_mib)
    )


def _memory(least_mib: int, wanted: float, most_mib: int) -> int:
    return min(max(FLOOR_MIB, least_mib + round(wanted / MIB)), most_mib)


def _cpus(size: int, *, per_cpu: int, most: int) -> int:
    return min(1 + size // per_cpu, most)
