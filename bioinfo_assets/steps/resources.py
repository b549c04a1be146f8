"""CPUs, memory and scratch space of each step, by the sizes of its inputs.

Minima are small, so that several small jobs can share a laptop. Maxima are for a human genome at 30 to 50 fold
coverage and fit a machine: less than its size, because the system and the agent of AWS Batch need a part of it. Memory
and disk are in MiB, sizes of files in bytes. `docs/reference/requirements.md` shows them next to measured peaks.
"""

import math
from typing import Final

from bioinfo_assets.launch.job import Resources
from bioinfo_assets.steps.engine import Engine

MIB: Final = 1024 * 1024

HUMAN_FASTA: Final = 3_250_000_000
"""The size of GRCh38 with alternate contigs, decoys and HLA genes as FASTA."""

MIN_MIB: Final = 1024
"""The memory of the smallest step: enough for a JVM and other programs in a pipe."""

_SHARE: Final = 0.925
"""What jobs may ask for of a machine's memory: an 8 GiB machine registers 7,985 MiB with AWS Batch, whose documentation
(Compute resource memory management) advises to leave 5 % of that to the agent."""

_MIN_DISK_MIB: Final = 64
"""Scratch space for small files: scripts, logs, metrics, indexes of contigs, templates of reports."""

_DISK_MARGIN: Final = 1.05
"""For what a file system takes by itself."""

DISK_MIB_PER_CPU: Final = 55_000
"""Scratch space that a machine has for each CPU: the types that the template starts have 59 GB. AWS Batch places jobs
by CPUs and memory only, so that a job with much on disk asks for as many CPUs as hold its share of the disk."""


def on_machine_of(gib: int) -> int:
    """The most memory that a job can ask for to fit a machine of this size, in MiB."""
    return int(gib * 1024 * _SHARE)


def for_fetching(source: int, *, is_gzipped: bool) -> Resources:
    """For copying a FASTA: a genome is compressed to a quarter at best, with soft masking to a third."""
    return _resources(disk_mib=_disk_mib(source * (5.5 if is_gzipped else 2)))


def for_indexing(fasta: int, memory_per_base: float, index_per_base: float) -> Resources:
    """For indexing a FASTA by an aligner, which uses one thread.

    Args:
        fasta: The size of the FASTA.
        memory_per_base: Bytes of memory that the aligner needs for a base.
        index_per_base: Bytes of its index for a base.
    """
    return _resources(
        memory_mib=_memory_mib(MIN_MIB, memory_per_base * fasta, max_mib=on_machine_of(128)),
        disk_mib=_disk_mib(fasta * (1 + index_per_base)),
    )


def for_copying_index(fasta: int, index: int) -> Resources:
    """For indexing a FASTA without an aligner, whose files, of this total size, are copied."""
    return _resources(disk_mib=_disk_mib(fasta + 2 * index))


def for_known_sites(vcfs: int) -> Resources:
    """For copying and indexing VCFs of this total size."""
    return _resources(disk_mib=_disk_mib(2.1 * vcfs))


def for_merging(reads: int) -> Resources:
    """For merging FASTQs of this total size: lanes are recompressed, which adds to their size, and joined."""
    return _resources(
        cpus=_cpus(reads, per_cpu=200 * MIB, max_cpus=8), memory_mib=MIN_MIB, disk_mib=_disk_mib(3 * reads)
    )


def for_trimming(reads: int) -> Resources:
    """For trimming FASTQs of this total size."""
    return _resources(
        cpus=_cpus(reads, per_cpu=200 * MIB, max_cpus=8), memory_mib=MIN_MIB, disk_mib=_disk_mib(2.2 * reads)
    )


def for_read_quality(reads: int) -> Resources:
    """For fastp on FASTQs of this total size: it marks the reads that it has seen in a table of 1 GiB."""
    return _resources(memory_mib=2048, disk_mib=_disk_mib(reads))


def for_alignment(index: int, reads: int, thread_mib: int) -> Resources:
    """For alignment: memory for the index, for batches of 100 million bases with their records, and for threads.

    Args:
        index: The size of the index, all of which the aligner reads into memory.
        reads: The size of the FASTQs.
        thread_mib: Memory that the aligner needs for a thread.
    """
    # Half of a small sample's time is here, so that the second CPU comes before those of other steps.
    cpus = _cpus(reads + 40 * MIB, per_cpu=50 * MIB, max_cpus=32)
    batches = min(8.0 * reads, 3072 * MIB)
    return _resources(
        cpus=cpus,
        memory_mib=_memory_mib(512 + cpus * thread_mib, 1.1 * index + batches, max_mib=on_machine_of(64)),
        disk_mib=_disk_mib(2.5 * reads),
    )


def for_duplicate_marking(bam: int, fasta: int) -> Resources:
    """For MarkDuplicates, sorting and tags: read ends beyond the heap are written to disk, a contig must fit.

    On disk are the BAM, the sorted parts of it, the new BAM, and the reference in upper case.
    """
    return _resources(
        cpus=_cpus(bam, per_cpu=200 * MIB, max_cpus=4),
        memory_mib=_memory_mib(1536, bam / 4 + fasta, max_mib=on_machine_of(16)),
        disk_mib=_disk_mib(3.2 * bam + fasta),
    )


def for_recalibration(bam: int, fasta: int, engine: Engine) -> Resources:
    """For base recalibration: the BAM and the new one are on disk.

    The native engine has up to four contigs in memory: those of a human genome are a quarter of it.
    """
    if engine is Engine.NATIVE:
        return _resources(
            cpus=_cpus(bam, per_cpu=500 * MIB, max_cpus=4),
            memory_mib=_memory_mib(MIN_MIB, fasta / 4, max_mib=on_machine_of(8)),
            disk_mib=_disk_mib(2.5 * bam),
        )
    return _for_single_jvm(bam, fasta, max_mib=on_machine_of(8), disk=2.5 * bam)


def for_copying(bam: int) -> Resources:
    """For a copy of a BAM of this size with its index."""
    return _resources(disk_mib=_disk_mib(2.1 * bam))


def for_cram(bam: int, fasta: int) -> Resources:
    """For a CRAM of a BAM, and its comparison with it: samtools reads contigs of the reference as a whole.

    BAM and CRAM are on disk. A CRAM is smaller than its BAM, but for a reference within it, of two bits a base.
    """
    return _resources(
        cpus=_cpus(bam, per_cpu=200 * MIB, max_cpus=4),
        memory_mib=_memory_mib(MIN_MIB, fasta / 4, max_mib=on_machine_of(4)),
        disk_mib=_disk_mib(2.1 * bam + 0.3 * fasta),
    )


def for_picard_metrics(bam: int, fasta: int) -> Resources:
    """For a Picard tool that reads a BAM, and the reference if it is not 0, and writes a table."""
    return _for_single_jvm(bam, fasta, max_mib=on_machine_of(4), disk=bam)


def for_contamination(bam: int, sites: int) -> Resources:
    """For GATK on the reads at variants of a VCF of this size; it has all of their counts in memory."""
    return _for_single_jvm(bam, 0, max_mib=on_machine_of(4), disk=bam + 30 * sites)


def for_fingerprint(bam: int, fasta: int) -> Resources:
    """For Picard on the reads at the places of a haplotype map."""
    return _for_single_jvm(bam, fasta, max_mib=on_machine_of(4), disk=bam)


def for_depth(bam: int, genome: int, *, plain_text: bool) -> Resources:
    """For depth and coverage.

    mosdepth 0.3.3 needs up to 4 bytes for each base of all contigs with reads: it allocates an array for each contig,
    and frees few of them before its end.

    Args:
        bam: The size of the BAM.
        genome: The bases of its reference.
        plain_text: Whether depth is not compressed.
    """
    return _resources(
        cpus=_cpus(bam, per_cpu=200 * MIB, max_cpus=4),
        memory_mib=_memory_mib(MIN_MIB, 4 * genome, max_mib=on_machine_of(256)),
        disk_mib=_disk_mib(bam + (20 if plain_text else 3) * genome),
    )


def for_report(files: int, samples: int) -> Resources:
    """For a report on files of this total size of so many samples; MultiQC writes their values as JSON, twice."""
    return _resources(
        memory_mib=_memory_mib(MIN_MIB, MIB * samples + 2 * files, max_mib=on_machine_of(64)),
        disk_mib=_disk_mib(8 * files),
    )


def _for_single_jvm(bam: int, fasta: int, *, max_mib: int, disk: float) -> Resources:
    """For one JVM that reads a sorted BAM in order."""
    return _resources(
        cpus=_cpus(bam, per_cpu=500 * MIB, max_cpus=2),
        memory_mib=_memory_mib(MIN_MIB, bam / 8 + fasta, max_mib=max_mib),
        disk_mib=_disk_mib(disk),
    )


def _resources(*, disk_mib: int, cpus: int = 1, memory_mib: int = MIN_MIB) -> Resources:
    """Resources with enough CPUs for the disk space."""
    return Resources(max(cpus, math.ceil(disk_mib / DISK_MIB_PER_CPU)), memory_mib, disk_mib)


def _memory_mib(base_mib: int, size: float, *, max_mib: int) -> int:
    return min(max(MIN_MIB, base_mib + round(size / MIB)), max_mib)


def _disk_mib(size: float) -> int:
    return _MIN_DISK_MIB + round(_DISK_MARGIN * size / MIB)


def _cpus(size: int, *, per_cpu: int, max_cpus: int) -> int:
    return min(1 + size // per_cpu, max_cpus)
