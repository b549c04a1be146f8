import gzip
import hashlib
import subprocess
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from bioinfo_assets.genomics.fastq import check_pair, lane_of, read_head
from bioinfo_assets.genomics.known_sites import check_known_sites, contigs_of_vcf
from bioinfo_assets.genomics.reference import fasta_name, parse_fai
from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.genomics.samplesheet import SheetRow, pair_up, parse_folder_list
from bioinfo_assets.genomics.simulated_genome import haplotypes, simulate_contigs, simulate_sites, vcf_text
from bioinfo_assets.genomics.simulated_reads import ADAPTER_1, ADAPTER_2, READ_LENGTH, Barcoded, Sequencer
from bioinfo_assets.genomics.simulation import SimulatedData, compress_sites, simulate
from bioinfo_assets_tests.genomics.builders import chance


def small(folder: Path, seed: int = 7) -> SimulatedData:
    return simulate(folder, seed=seed, genome_length=20_000, pairs_per_lane=200)


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> SimulatedData:
    return small(tmp_path_factory.mktemp("data"))


def lane(row: SheetRow) -> Lane:
    read1, read2 = (read_head(uri, Path(uri).read_bytes(), whole=True) for uri in (row.read1, row.read2))
    check_pair(read1, read2)
    return lane_of(read1, read2, library=row.sample)


def test_equal_seeds_give_equal_bytes(tmp_path: Path):
    small(tmp_path / "a")
    small(tmp_path / "b")
    small(tmp_path / "c", seed=8)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    unequal = [name for name, digest in digests(tmp_path / "c").items() if digests(tmp_path / "a")[name] != digest]
    assert unequal == [name for name in digests(tmp_path / "a") if name != "samples.txt"]


def test_the_list_leads_to_two_samples_of_two_flow_cells_and_two_lanes(data: SimulatedData):
    folders = parse_folder_list(data.samples_file.read_text(), str(data.samples_file))
    rows = pair_up(str(path) for folder in folders for path in Path(folder).iterdir())
    for name in data.samples:
        sample = Sample(name, tuple(lane(row) for row in rows if row.sample == name))
        assert [(one.flowcell, one.number) for one in sample.lanes] == [("FC1", 1), ("FC1", 2), ("FC2", 1), ("FC2", 2)]
        assert len({one.barcode for one in sample.lanes}) == 1
    assert len(rows) == 4 * len(data.samples) == 8


def test_the_known_sites_suit_the_reference(data: SimulatedData, tmp_path: Path):
    fasta = tmp_path / fasta_name(str(data.reference))
    fasta.write_bytes(gzip.decompress(data.reference.read_bytes()))
    subprocess.run(["samtools", "faidx", fasta], check=True)
    reference = parse_fai((tmp_path / f"{fasta.name}.fai").read_text())
    assert sum(contig.length for contig in reference) == 20_000
    for vcf in data.known_sites:
        compressed = compress_sites(vcf)
        contigs = contigs_of_vcf(str(vcf), compressed.read_bytes(), whole=True)
        assert contigs is not None
        check_known_sites(str(vcf), contigs, reference)
        # bcftools is not needed to see that REF is what the genome has there.
        sequences = dict(part.split("\n", 1) for part in fasta.read_text().split(">")[1:])
        for line in vcf.read_text().splitlines():
            if not line.startswith("#"):
                contig, position, _, ref, *_ = line.split("\t")
                start = int(position) - 1
                assert sequences[contig].replace("\n", "")[start : start + len(ref)] == ref


def test_a_genome_too_short_for_fragments_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="at least 10000 bases"):
        simulate(tmp_path, genome_length=9_999)


def test_haplotypes_differ_from_the_genome_at_sites_only():
    rng = chance(1)
    contigs = simulate_contigs(rng, 50_000)
    snps = [site for site in simulate_sites(rng, contigs) if site.is_snp]
    alternatives = {(site.contig, site.position): site.alt for site in snps}
    for haplotype in haplotypes(rng, contigs, snps):
        carried = {
            (name, position): base
            for (name, genome), sequence in zip(contigs.items(), haplotype, strict=True)
            for position, (base, was) in enumerate(zip(sequence, genome, strict=True), start=1)
            if base != was
        }
        assert carried.items() <= alternatives.items()
        assert 0.2 < len(carried) / len(snps) < 0.6


def test_indels_change_a_haplotypes_length_as_the_sites_say():
    rng = chance(1)
    contigs = simulate_contigs(rng, 50_000)
    indels = [site for site in simulate_sites(rng, contigs) if not site.is_snp]
    assert all(site.ref[0] == site.alt[0] and 1 in {len(site.ref), len(site.alt)} for site in indels)
    [only] = [site for site in indels if site is indels[0]]
    lengths = {len("".join(haplotypes(chance(seed), contigs, [only])[0])) for seed in range(20)}
    assert lengths == {50_000, 50_000 + len(only.alt) - len(only.ref)}


def test_a_vcf_names_contigs_with_their_lengths():
    lines = vcf_text({"chrS1": "ACGT"}, []).splitlines()
    assert lines == [
        "##fileformat=VCFv4.2",
        "##contig=<ID=chrS1,length=4>",
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]


@pytest.fixture(scope="module")
def pairs() -> list[tuple[list[str], list[str]]]:
    contigs = simulate_contigs(chance(3), 200_000)
    sequencer = Sequencer(chance(4), list(contigs.values()))
    drawn = sequencer.pairs(Barcoded("FC1", 2, "ACGTTGCA"), 10_000)
    return [(first.splitlines(), second.splitlines()) for first, second in drawn]


def test_reads_are_named_as_by_casava_1_8(pairs: list[tuple[list[str], list[str]]]):
    first, second = pairs[0]
    assert first[0].split(":")[2:4] == ["FC1", "2"]
    assert (first[0].split()[1], second[0].split()[1]) == ("1:N:0:ACGTTGCA", "2:N:0:ACGTTGCA")
    assert len(first[1]) == len(first[3]) == READ_LENGTH


def test_one_pair_in_seventeen_is_a_duplicate(pairs: list[tuple[list[str], list[str]]]):
    # 5 % by PCR and 1 % optical; errors in the compared beginnings hide a few.
    starts = Counter((first[1][:25], second[1][:25]) for first, second in pairs)
    assert sum(count - 1 for count in starts.values()) / len(pairs) == pytest.approx(0.06, abs=0.01)


def test_optical_duplicates_stand_beside_their_copies(pairs: list[tuple[list[str], list[str]]]):
    places = [tuple(map(int, first[0].split()[0].split(":")[4:])) for first, _ in pairs]
    near = sum(
        one[0] == two[0] and abs(one[1] - two[1]) < 100 and abs(one[2] - two[2]) < 100 for one, two in pairwise(places)
    )
    assert near / len(pairs) == pytest.approx(0.01, abs=0.004)


def test_short_fragments_are_read_into_the_adapters(pairs: list[tuple[list[str], list[str]]]):
    through = [(first[1], second[1]) for first, second in pairs if ADAPTER_1[:12] in first[1]]
    assert len(through) / len(pairs) == pytest.approx(0.025, abs=0.012)
    both = [second for _, second in through if ADAPTER_2[:12] in second]
    assert len(both) / len(through) > 0.8


def test_bases_that_were_not_read_have_the_lowest_quality(pairs: list[tuple[list[str], list[str]]]):
    reads = [read for pair in pairs for read in pair]
    unread = [read for read in reads if "N" in read[1]]
    assert len(unread) / len(reads) == pytest.approx(0.004, abs=0.002)
    assert all(
        (base == "N") == (quality == "#") for read in reads for base, quality in zip(read[1], read[3], strict=True)
    )


def test_errors_are_as_many_as_the_qualities_say():
    # On a genome of one base only, every other base is an error. Looked at are reads of T, without those that end in
    # the adapter, which begins with A.
    ends = tuple(ADAPTER_1[:length] for length in range(1, len(ADAPTER_1)))
    sequencer = Sequencer(chance(5), ["A" * 20_000])
    wrong: Counter[int] = Counter()
    seen: Counter[int] = Counter()
    for first, _ in sequencer.pairs(Barcoded("FC1", 1, "ACGT"), 10_000):
        _, bases, _, qualities = first.splitlines()
        if "N" in bases or bases.endswith(ends) or bases.count("T") < READ_LENGTH - 8:
            continue
        for base, quality in zip(bases, qualities, strict=True):
            seen[ord(quality) - 33] += 1
            wrong[ord(quality) - 33] += base != "T"
    assert set(seen) == {11, 25, 37}
    for score, tolerance in ((11, 0.1), (25, 0.2), (37, 0.4)):
        assert wrong[score] / seen[score] == pytest.approx(10 ** (-score / 10), rel=tolerance)
