import pytest

from bioinfo_assets.launch.job import Resources
from bioinfo_assets.steps import resources

GIB = 1024**3
HUMAN_FASTA = 3_200_000_000
"""GRCh38, a byte a base."""


@pytest.mark.parametrize(
    "needed",
    [
        resources.streaming(0),
        resources.indexing(17_000, 5.4),
        resources.aligning(30_000, 1_000_000),
        resources.walking(1_000_000, 17_000),
    ],
)
def test_small_input_asks_for_one_cpu_and_a_gibibyte(needed):
    assert needed == Resources(cpus=1, memory_mib=1024)


def test_marking_duplicates_of_small_input_leaves_room_for_two_on_a_laptop():
    assert resources.marking(1_000_000, 17_000).memory_mib <= 2048


def test_a_human_genome_fits_what_its_tools_are_known_to_need():
    # bwa's readme: 5.37 times the genome to index; its index of GRCh38 is 5.4 GB in memory. bwa-mem2's: 28 times.
    assert 16 * 1024 < resources.indexing(HUMAN_FASTA, 5.4).memory_mib < 20 * 1024
    assert 83 * 1024 < resources.indexing(HUMAN_FASTA, 28).memory_mib < 96 * 1024
    assert 8 * 1024 < resources.aligning(round(5.4 * GIB), 100 * GIB).memory_mib < 16 * 1024
    assert resources.aligning(round(5.4 * GIB), 100 * GIB).cpus == 32
    assert 8 * 1024 <= resources.marking(100 * GIB, HUMAN_FASTA).memory_mib <= 20 * 1024
    assert 4 * 1024 <= resources.walking(100 * GIB, HUMAN_FASTA).memory_mib <= 8 * 1024
