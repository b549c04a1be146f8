"""A small simulated genome, its known sites of variation, and the haplotypes of samples with some of the variants."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

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
