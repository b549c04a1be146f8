import pytest

from bioinfo_assets.launch.job import Resources
from bioinfo_assets.steps import resources

GIB = 1024**3
HUMAN_FASTA = 3_200_000_000
"""The size of GRCh38, with one byte a base."""


@pytest.mark.parametrize(
    "small",
    [
        resources.for_streaming(0),
        resources.for_indexing(17_000, 5.4),
        resources.for_alignment(30_000, 1_000_000),
        resources.for_single_jvm(1_000_000, 17_000),
    ],
)
def test_small_inputs_need_one_cpu_and_a_gibibyte(small: Resources) -> None:
    assert small == Resources(cpus=1, memory_mib=1024)


def test_marking_duplicates_of_a_small_bam_needs_at_most_two_gibibytes() -> None:
    assert resources.for_duplicate_marking(1_000_000, 17_000).memory_mib <= 2048


def test_a_human_genome_gets_the_memory_that_its_tools_need() -> None:
    # Indexing needs 5.37 times the genome by bwa's readme, 28 times by bwa-mem2's; bwa's index of GRCh38 has 5.4 GB.
    assert 16 * 1024 < resources.for_indexing(HUMAN_FASTA, 5.4).memory_mib < 20 * 1024
    assert 83 * 1024 < resources.for_indexing(HUMAN_FASTA, 28).memory_mib < 96 * 1024
    assert 8 * 1024 < resources.for_alignment(round(5.4 * GIB), 100 * GIB).memory_mib < 16 * 1024
    assert resources.for_alignment(round(5.4 * GIB), 100 * GIB).cpus == 32
    assert 8 * 1024 <= resources.for_duplicate_marking(100 * GIB, HUMAN_FASTA).memory_mib <= 20 * 1024
    assert 4 * 1024 <= resources.for_single_jvm(100 * GIB, HUMAN_FASTA).memory_mib <= 8 * 1024
