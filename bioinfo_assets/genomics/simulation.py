"""The demo's data: a small genome, known sites, and the FASTQs of two samples; equal seeds give equal bytes."""

import gzip
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from bioinfo_assets.genomics.simulated_reads import LaneLibrary, Sequencer

_GC_FRACTION: Final = 0.41  # as in the human genome
_REPEAT_LENGTH: Final = 300
_BASES_PER_REPEAT: Final = 20_000
_BASES_PER_SITE: Final = 1_000
_INDEL_FRACTION: Final = 0.15
_MAX_INDEL_LENGTH: Final = 8
_ALLELE_FREQUENCY: Final = 0.4


@dataclass(frozen=True, slots=True)
class Site:
    """A variant, as in a line of a VCF.

    Attributes:
        contig: The contig.
        position: The position of the first base of `ref`, from 1.
        ref: The reference allele.
        alt: The alternate allele.
    """

    contig: str
    position: int
    ref: str
    alt: str

    @property
    def is_snp(self) -> bool:
        """Whether it is a substitution of one base."""
        return len(self.ref) == len(self.alt) == 1


def simulate_contigs(rng: Random, length: int) -> dict[str, str]:
    """Draw a genome of two contigs, of 60 and 40 % of its length, with copies of one repeat in both."""
    repeat = _draw_bases(rng, _REPEAT_LENGTH)
    first = length * 3 // 5
    return {name: _draw_contig(rng, size, repeat) for name, size in (("chrS1", first), ("chrS2", length - first))}


def simulate_sites(rng: Random, contigs: Mapping[str, str]) -> tuple[Site, ...]:
    """Draw one site in each thousand bases: SNPs, and some insertions and deletions of up to eight bases."""
    return tuple(
        _draw_site(rng, name, sequence, start + rng.randrange(_BASES_PER_SITE // 4, _BASES_PER_SITE * 3 // 4))
        for name, sequence in contigs.items()
        for start in range(0, len(sequence) - _BASES_PER_SITE, _BASES_PER_SITE)
    )


def haplotypes(rng: Random, contigs: Mapping[str, str], sites: Sequence[Site]) -> tuple[tuple[str, ...], ...]:
    """Draw a sample's two haplotypes: the sequences of the contigs with the alternate alleles of some sites."""
    return tuple(
        tuple(_apply_sites(sequence, _draw_alleles(rng, name, sites)) for name, sequence in contigs.items())
        for _ in range(2)
    )


def vcf_text(contigs: Mapping[str, str], sites: Sequence[Site]) -> str:
    """The sites as a VCF without samples."""
    return "".join(f"{line}\n" for line in _vcf_lines(contigs, sites))


def _draw_contig(rng: Random, length: int, repeat: str) -> str:
    bases = _draw_bases(rng, length)
    for _ in range(length // _BASES_PER_REPEAT):
        start = rng.randrange(length - _REPEAT_LENGTH)
        bases = bases[:start] + repeat + bases[start + _REPEAT_LENGTH :]
    return bases


def _draw_bases(rng: Random, length: int) -> str:
    at, gc = (1 - _GC_FRACTION) / 2, _GC_FRACTION / 2
    return "".join(rng.choices("ACGT", weights=(at, gc, gc, at), k=length))


def _draw_site(rng: Random, contig: str, sequence: str, start: int) -> Site:
    base = sequence[start]
    if rng.random() >= _INDEL_FRACTION:
        return Site(contig, start + 1, base, rng.choice("ACGT".replace(base, "")))
    size = rng.randint(1, _MAX_INDEL_LENGTH)
    if rng.random() < 0.5:
        return Site(contig, start + 1, base, base + _draw_bases(rng, size))
    return Site(contig, start + 1, sequence[start : start + size + 1], base)


def _draw_alleles(rng: Random, contig: str, sites: Sequence[Site]) -> list[Site]:
    return [site for site in sites if site.contig == contig and rng.random() < _ALLELE_FREQUENCY]


def _apply_sites(sequence: str, sites: Sequence[Site]) -> str:
    ends = [0, *(site.position - 1 + len(site.ref) for site in sites)]
    starts = [*(site.position - 1 for site in sites), len(sequence)]
    between = (sequence[end:start] for end, start in zip(ends, starts, strict=True))
    return "".join(piece for pair in zip(between, [*(site.alt for site in sites), ""], strict=True) for piece in pair)


def _vcf_lines(contigs: Mapping[str, str], sites: Sequence[Site]) -> Iterator[str]:
    yield "##fileformat=VCFv4.2"
    for name, sequence in contigs.items():
        yield f"##contig=<ID={name},length={len(sequence)}>"
    yield "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    for site in sites:
        yield f"{site.contig}\t{site.position}\t.\t{site.ref}\t{site.alt}\t.\tPASS\t."


BARCODES: Final = {"sparrow": "ACGTTGCA", "tumbler": "TTGACCAG"}
"""The samples, and the index sequences of their libraries."""

LANES: Final = (("FC1", 1), ("FC1", 2), ("FC2", 1), ("FC2", 2))

_FASTA_WIDTH: Final = 60
_MIN_GENOME_LENGTH: Final = 10_000
_COMPRESSION: Final = 4  # a third of the time of the usual 6 for a tenth more bytes


@dataclass(frozen=True, slots=True)
class SimulatedData:
    """The files of simulated data.

    Attributes:
        reference: The genome, a gzipped FASTA.
        known_sites: Plain VCFs, one of SNPs and one of indels; see `compress_sites`.
        samples_file: A list of the folders of FASTQs, one for each sample.
        samples: The samples' names.
    """

    reference: Path
    known_sites: tuple[Path, ...]
    samples_file: Path
    samples: tuple[str, ...]


def simulate(
    folder: Path, *, seed: int = 7, genome_length: int = 1_000_000, pairs_per_lane: int = 15_000
) -> SimulatedData:
    """Write a genome, known sites and FASTQs.

    Args:
        folder: The output folder, which is created if it does not exist.
        seed: The random seed.
        genome_length: The length of the genome in bases, at least 10,000.
        pairs_per_lane: Read pairs of each of a sample's four lanes, of 100 bases a read.

    Raises:
        ValueError: The genome would be too short to draw fragments from.
    """
    if genome_length < _MIN_GENOME_LENGTH:
        raise ValueError(f"a simulated genome has at least {_MIN_GENOME_LENGTH} bases, not {genome_length}")
    rng = Random(seed)  # noqa: S311 - the data must be reproducible
    contigs = simulate_contigs(rng, genome_length)
    sites = simulate_sites(rng, contigs)
    reference = folder / "simulated.fa.gz"
    folder.mkdir(parents=True, exist_ok=True)
    _write_gzip(reference, _fasta_lines(contigs.items()))
    known_sites = (folder / "simulated.snps.vcf", folder / "simulated.indels.vcf")
    known_sites[0].write_text(vcf_text(contigs, [site for site in sites if site.is_snp]))
    known_sites[1].write_text(vcf_text(contigs, [site for site in sites if not site.is_snp]))
    for sample, barcode in BARCODES.items():
        sequences = [sequence for haplotype in haplotypes(rng, contigs, sites) for sequence in haplotype]
        _write_sample(folder / "samples" / sample, Sequencer(rng, sequences), barcode, pairs_per_lane)
    samples_file = folder / "samples.txt"
    samples_file.write_text("".join(f"samples/{sample}\n" for sample in BARCODES))
    return SimulatedData(reference, known_sites, samples_file, tuple(BARCODES))


def compress_sites(vcf: Path) -> Path:
    """Compress a VCF with bgzip and index it with tabix, which both must be installed; the plain file is kept.

    Raises:
        subprocess.CalledProcessError: One of the tools failed.
        FileNotFoundError: One of the tools is missing.
    """
    compressed = vcf.with_name(f"{vcf.name}.gz")
    with compressed.open("wb") as file:
        subprocess.run(["bgzip", "-c", str(vcf)], stdout=file, check=True)
    subprocess.run(["tabix", "-f", "-p", "vcf", str(compressed)], check=True)
    return compressed


def _write_sample(folder: Path, sequencer: Sequencer, barcode: str, pairs_per_lane: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for flowcell, number in LANES:
        pairs = list(sequencer.pairs(LaneLibrary(flowcell, number, barcode), pairs_per_lane))
        for read in (1, 2):
            path = folder / f"{folder.name}_{flowcell}_L{number}_{read}.fastq.gz"
            _write_gzip(path, (pair[read - 1] for pair in pairs))


def _write_gzip(path: Path, texts: Iterable[str]) -> None:
    with ExitStack() as stack:
        file = stack.enter_context(path.open("wb"))
        # Without file name and time in the gzip header, equal contents give equal files.
        zipped = stack.enter_context(gzip.GzipFile("", "wb", _COMPRESSION, file, mtime=0))
        zipped.write("".join(texts).encode("ascii"))


def _fasta_lines(contigs: Iterable[tuple[str, str]]) -> Iterable[str]:
    for name, sequence in contigs:
        yield f">{name}\n"
        for start in range(0, len(sequence), _FASTA_WIDTH):
            yield f"{sequence[start : start + _FASTA_WIDTH]}\n"
