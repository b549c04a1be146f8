import gzip
import hashlib
import subprocess
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from bioinfo_assets.genomics.adapters import TRUSEQ_1, TRUSEQ_2
from bioinfo_assets.genomics.fastq import check_pair, lane_of, read_head
from bioinfo_assets.genomics.known_sites import check_known_sites, contigs_of_vcf
from bioinfo_assets.genomics.reference import fasta_name, parse_fai
from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.genomics.samplesheet import SheetRow, pair_up, parse_folder_list
from bioinfo_assets.genomics.simulated_reads import READ_LENGTH, LaneLibrary, Sequencer
from bioinfo_assets.genomics.simulation import (
    SimulatedData,
    compress_sites,
    haplotypes,
    simulate,
    simulate_contigs,
    simulate_sites,
    vcf_text,
)
from bioinfo_assets_tests.genomics.builders import random_source


def small(folder: Path, seed: int = 7) -> SimulatedData:
    return simulate(folder, seed=seed, genome_length=20_000, pairs_per_lane=200)


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> SimulatedData:
    return small(tmp_path_factory.mktemp("data"))


def lane(row: SheetRow) -> Lane:
    read1, read2 = (read_head(uri, Path(uri).read_bytes(), complete=True) for uri in (row.read1, row.read2))
    check_pair(read1, read2)
    return lane_of(read1, read2, library=row.sample)


def test_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    small(tmp_path / "a")
    small(tmp_path / "b")
    small(tmp_path / "c", seed=8)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    unequal = [name for name, digest in digests(tmp_path / "c").items() if digests(tmp_path / "a")[name] != digest]
    assert unequal == [name for name in digests(tmp_path / "a") if name != "samples.txt"]


def test_the_list_has_two_samples_of_two_flow_cells_and_two_lanes(data: SimulatedData) -> None:
    folders = parse_folder_list(data.samples_file.read_text(), str(data.samples_file))
    rows = pair_up(str(path) for folder in folders for path in Path(folder).iterdir())
    for name in data.samples:
        sample = Sample(name, tuple(lane(row) for row in rows if row.sample == name))
        assert [(item.flowcell, item.number) for item in sample.lanes] == [
            ("FC1", 1),
            ("FC1", 2),
            ("FC2", 1),
            ("FC2", 2),
        ]
        assert len({item.barcode for item in sample.lanes}) == 1
    assert len(rows) == 4 * len(data.samples) == 8


def test_the_known_sites_match_the_reference(data: SimulatedData, tmp_path: Path) -> None:
    fasta = tmp_path / fasta_name(str(data.reference))
    fasta.write_bytes(gzip.decompress(data.reference.read_bytes()))
    subprocess.run(["samtools", "faidx", fasta], check=True)
    reference = parse_fai((tmp_path / f"{fasta.name}.fai").read_text())
    assert sum(contig.length for contig in reference) == 20_000
    for vcf in data.known_sites:
        compressed = compress_sites(vcf)
        contigs = contigs_of_vcf(str(vcf), compressed.read_bytes(), complete=True)
        assert contigs is not None
        check_known_sites(str(vcf), contigs, reference)
        # REF is checked against the genome without bcftools.
        sequences = dict(part.split("\n", 1) for part in fasta.read_text().split(">")[1:])
        for line in vcf.read_text().splitlines():
            if not line.startswith("#"):
                contig, position, _, ref, *_ = line.split("\t")
                start = int(position) - 1
                assert sequences[contig].replace("\n", "")[start : start + len(ref)] == ref


def test_a_genome_too_short_for_fragments_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 10000 bases"):
        simulate(tmp_path, genome_length=9_999)


def test_haplotypes_differ_from_the_genome_at_known_sites_only() -> None:
    rng = random_source(1)
    contigs = simulate_contigs(rng, 50_000)
    snps = [site for site in simulate_sites(rng, contigs) if site.is_snp]
    alternatives = {(site.contig, site.position): site.alt for site in snps}
    for haplotype in haplotypes(rng, contigs, snps):
        carried = {
            (name, position): base
            for (name, genome), sequence in zip(contigs.items(), haplotype, strict=True)
            for position, (base, original) in enumerate(zip(sequence, genome, strict=True), start=1)
            if base != original
        }
        assert carried.items() <= alternatives.items()
        assert 0.2 < len(carried) / len(snps) < 0.6


def test_an_indel_changes_the_length_of_a_haplotype() -> None:
    rng = random_source(1)
    contigs = simulate_contigs(rng, 50_000)
    indels = [site for site in simulate_sites(rng, contigs) if not site.is_snp]
    assert all(site.ref[0] == site.alt[0] and 1 in {len(site.ref), len(site.alt)} for site in indels)
    indel = indels[0]
    lengths = {len("".join(haplotypes(random_source(seed), contigs, [indel])[0])) for seed in range(20)}
    assert lengths == {50_000, 50_000 + len(indel.alt) - len(indel.ref)}


def test_a_vcf_has_contigs_with_their_lengths() -> None:
    lines = vcf_text({"chrS1": "ACGT"}, []).splitlines()
    assert lines == [
        "##fileformat=VCFv4.2",
        "##contig=<ID=chrS1,length=4>",
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]


@pytest.fixture(scope="module")
def pairs() -> list[tuple[list[str], list[str]]]:
    contigs = simulate_contigs(random_source(3), 200_000)
    sequencer = Sequencer(random_source(4), list(contigs.values()))
    drawn = sequencer.pairs(LaneLibrary("FC1", 2, "ACGTTGCA"), 10_000)
    return [(first.splitlines(), second.splitlines()) for first, second in drawn]


def test_read_names_have_the_form_of_casava_1_8(pairs: list[tuple[list[str], list[str]]]) -> None:
    first, second = pairs[0]
    assert first[0].split(":")[2:4] == ["FC1", "2"]
    assert (first[0].split()[1], second[0].split()[1]) == ("1:N:0:ACGTTGCA", "2:N:0:ACGTTGCA")
    assert len(first[1]) == len(first[3]) == READ_LENGTH


def test_one_pair_in_seventeen_is_a_duplicate(pairs: list[tuple[list[str], list[str]]]) -> None:
    # 5 % by PCR and 1 % optical; errors in the compared bases hide a few.
    starts = Counter((first[1][:25], second[1][:25]) for first, second in pairs)
    assert sum(count - 1 for count in starts.values()) / len(pairs) == pytest.approx(0.06, abs=0.01)


def test_optical_duplicates_are_next_to_their_copies(pairs: list[tuple[list[str], list[str]]]) -> None:
    places = [tuple(map(int, first[0].split()[0].split(":")[4:])) for first, _ in pairs]
    near = sum(
        tile == other_tile and abs(x - other_x) < 100 and abs(y - other_y) < 100
        for (tile, x, y), (other_tile, other_x, other_y) in pairwise(places)
    )
    assert near / len(pairs) == pytest.approx(0.01, abs=0.004)


def test_reads_of_short_fragments_end_in_the_adapters(pairs: list[tuple[list[str], list[str]]]) -> None:
    through = [(first[1], second[1]) for first, second in pairs if TRUSEQ_1[:12] in first[1]]
    assert len(through) / len(pairs) == pytest.approx(0.025, abs=0.012)
    both = [second for _, second in through if TRUSEQ_2[:12] in second]
    assert len(both) / len(through) > 0.8


def test_uncalled_bases_have_the_lowest_quality(pairs: list[tuple[list[str], list[str]]]) -> None:
    reads = [read for pair in pairs for read in pair]
    uncalled = [read for read in reads if "N" in read[1]]
    assert len(uncalled) / len(reads) == pytest.approx(0.004, abs=0.002)
    assert all(
        (base == "N") == (quality == "#") for read in reads for base, quality in zip(read[1], read[3], strict=True)
    )


def test_error_rates_are_those_of_the_qualities() -> None:
    # In a genome of one base, every other base is an error. Only reads of T are counted, without those that end in the
    # adapter, which begins with A.
    ends = tuple(TRUSEQ_1[:length] for length in range(1, len(TRUSEQ_1)))
    sequencer = Sequencer(random_source(5), ["A" * 20_000])
    wrong: Counter[int] = Counter()
    total: Counter[int] = Counter()
    for first, _ in sequencer.pairs(LaneLibrary("FC1", 1, "ACGT"), 10_000):
        _, bases, _, qualities = first.splitlines()
        if "N" in bases or bases.endswith(ends) or bases.count("T") < READ_LENGTH - 8:
            continue
        for base, quality in zip(bases, qualities, strict=True):
            total[ord(quality) - 33] += 1
            wrong[ord(quality) - 33] += base != "T"
    assert set(total) == {11, 25, 37}
    for score, tolerance in ((11, 0.1), (25, 0.2), (37, 0.4)):
        assert wrong[score] / total[score] == pytest.approx(10 ** (-score / 10), rel=tolerance)
