import pytest

from bioinfo_assets.launch.job import Resources
from bioinfo_assets.steps import resources
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.reference import Aligner

GIB = 1024**3
HUMAN_FASTA = 3_200_000_000
"""The size of GRCh38, with one byte a base."""
HUMAN_INDEX = {Aligner.BWA: 5_600_000_000, Aligner.BWA_MEM2: 17_300_000_000, Aligner.BWA_MEM3: 17_300_000_000}
"""The size of the aligner's index of GRCh38."""
HUMAN_READS, HUMAN_BAM = 60 * GIB, 50 * GIB


def indexing(fasta: int, aligner: Aligner) -> Resources:
    return resources.for_indexing(fasta, aligner.indexing_bytes_per_base, aligner.index_bytes_per_base)


def alignment(reads: int, aligner: Aligner) -> Resources:
    return resources.for_alignment(HUMAN_INDEX[aligner], reads, aligner.thread_mib)


@pytest.mark.parametrize(
    "small",
    [
        resources.for_fetching(17_000, is_gzipped=True),
        resources.for_known_sites(17_000),
        resources.for_merging(1_000_000),
        resources.for_trimming(1_000_000),
        indexing(17_000, Aligner.BWA),
        resources.for_alignment(30_000, 1_000_000, Aligner.BWA.thread_mib),
        resources.for_recalibration(1_000_000, 17_000, Engine.GATK),
        resources.for_recalibration(1_000_000, 17_000, Engine.NATIVE),
        resources.for_copying(1_000_000),
        resources.for_cram(1_000_000, 17_000),
        resources.for_picard_metrics(1_000_000, 17_000),
        resources.for_depth(1_000_000, 17_000, plain_text=True),
        resources.for_report(100_000, samples=1),
    ],
)
def test_small_inputs_need_one_cpu_a_gibibyte_and_little_disk(small: Resources) -> None:
    assert small.cpus == 1
    assert 1024 <= small.memory_mib <= 1100
    assert 64 <= small.disk_mib < 256


@pytest.mark.parametrize(("reads_mib", "cpus"), [(1, 1), (9, 1), (10, 2), (59, 2), (60, 3), (100_000, 32)])
def test_alignment_gets_cpus_by_the_size_of_the_reads(reads_mib: int, cpus: int) -> None:
    assert alignment(reads_mib * resources.MIB, Aligner.BWA).cpus == cpus


def test_alignment_gets_a_second_cpu_before_trimming() -> None:
    reads = 100 * resources.MIB
    assert resources.for_trimming(reads).cpus == 1 < alignment(reads, Aligner.BWA).cpus


def test_marking_duplicates_of_a_small_bam_needs_at_most_two_gibibytes() -> None:
    assert resources.for_duplicate_marking(1_000_000, 17_000).memory_mib <= 2048


def test_read_quality_gets_the_memory_of_fastp_whatever_the_number_of_reads() -> None:
    """fastp 0.23.2 took 1,690 MiB for 4,949,280 pairs, and as much for 1,767,600 (docs/reference/requirements.md)."""
    assert {resources.for_read_quality(size).memory_mib for size in (10**6, HUMAN_READS)} == {2048}
    assert resources.for_read_quality(HUMAN_READS).disk_mib > HUMAN_READS / resources.MIB


def test_a_human_genome_gets_the_memory_that_its_tools_need() -> None:
    # Indexing took 1.52 bytes a base of 128 Mb (docs/reference/requirements.md), and 28 by bwa-mem2's readme.
    assert (
        1.52 * HUMAN_FASTA / resources.MIB < indexing(HUMAN_FASTA, Aligner.BWA).memory_mib < resources.on_machine_of(8)
    )
    assert indexing(HUMAN_FASTA, Aligner.BWA_MEM2).memory_mib > 28 * HUMAN_FASTA / resources.MIB
    # mosdepth 0.3.3 took 9,733 MiB for unpaired reads on the 25 chromosomes (docs/reference/requirements.md).
    assert resources.for_depth(HUMAN_BAM, HUMAN_FASTA, plain_text=False).memory_mib > 9733
    # bwa-mem2's source (fastmap.cpp, macro.h) allocates 11.2 GB for 32 threads next to its index and batches of reads;
    # users report from 20 GB at 48 threads (bwa-mem2#267) to 30 GB and more at 36 (#115).
    assert alignment(HUMAN_READS, Aligner.BWA_MEM2).memory_mib > 45 * 1024


@pytest.mark.parametrize(
    ("job", "gib"),
    [
        (indexing(HUMAN_FASTA, Aligner.BWA), 8),
        (indexing(HUMAN_FASTA, Aligner.BWA_MEM2), 128),
        (alignment(HUMAN_READS, Aligner.BWA), 16),
        (alignment(HUMAN_READS, Aligner.BWA_MEM2), 64),
        (resources.for_duplicate_marking(HUMAN_BAM, HUMAN_FASTA), 16),
        (resources.for_recalibration(HUMAN_BAM, HUMAN_FASTA, Engine.GATK), 8),
        (resources.for_recalibration(HUMAN_BAM, HUMAN_FASTA, Engine.NATIVE), 2),
        (resources.for_picard_metrics(HUMAN_BAM, HUMAN_FASTA), 4),
        (resources.for_depth(HUMAN_BAM, HUMAN_FASTA, plain_text=False), 16),
    ],
)
def test_a_job_on_a_human_genome_fits_a_machine_with_a_part_left_for_the_agent(job: Resources, gib: int) -> None:
    """An 8 GiB machine registers 7,985 MiB with AWS Batch, and 5 % of that should be left to the agent."""
    assert job.memory_mib <= 0.95 * 7985 / 8 * gib
    assert job.memory_mib > 0.95 * 7985 / 8 * gib / 2


def test_every_step_asks_for_more_disk_than_its_own_inputs() -> None:
    assert resources.for_picard_metrics(HUMAN_BAM, 0).disk_mib > HUMAN_BAM / resources.MIB
    assert resources.for_copying(HUMAN_BAM).disk_mib > 2 * HUMAN_BAM / resources.MIB
    assert resources.for_duplicate_marking(HUMAN_BAM, HUMAN_FASTA).disk_mib > 3 * HUMAN_BAM / resources.MIB


def test_plain_text_of_depth_needs_more_disk() -> None:
    plain, compressed = (resources.for_depth(HUMAN_BAM, HUMAN_FASTA, plain_text=text) for text in (True, False))
    assert plain.memory_mib == compressed.memory_mib
    assert plain.disk_mib > compressed.disk_mib + 15 * HUMAN_FASTA / resources.MIB
