"""Inputs with the contigs of a human genome in number, names and lengths, and few reads.

The sequence of every contig is the same block of random bases over and over, so that 3.1 GB are written in seconds, and
reads that match it can be made anywhere.
"""

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

from bioinfo_assets.genomics.reference import Contig
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.steps.files import IndexedBam
from bioinfo_assets.steps.known_sites import KnownSites
from bioinfo_assets.steps.reference import Aligner, IndexedReference

PRIMARY: Final = (
    *(("chr1", 248_956_422), ("chr2", 242_193_529), ("chr3", 198_295_559), ("chr4", 190_214_555)),
    *(("chr5", 181_538_259), ("chr6", 170_805_979), ("chr7", 159_345_973), ("chr8", 145_138_636)),
    *(("chr9", 138_394_717), ("chr10", 133_797_422), ("chr11", 135_086_622), ("chr12", 133_275_309)),
    *(("chr13", 114_364_328), ("chr14", 107_043_718), ("chr15", 101_991_189), ("chr16", 90_338_345)),
    *(("chr17", 83_257_441), ("chr18", 80_373_285), ("chr19", 58_617_616), ("chr20", 64_444_167)),
    *(("chr21", 46_709_983), ("chr22", 50_818_468), ("chrX", 156_040_895), ("chrY", 57_227_415)),
    ("chrM", 16_569),
)
"""The chromosomes of GRCh38 with their lengths (Genome Reference Consortium)."""

HS38_CONTIGS: Final = 3366
"""The number of sequences of GRCh38 with alternate contigs, decoys and HLA genes, as bwa.kit's run-gen-ref makes it."""

READ_LENGTH: Final = 150
_INSERT: Final = 400
_LINE: Final = 100
_BLOCK_LINES: Final = 10_000


def chromosomes(divisor: int = 1) -> tuple[Contig, ...]:
    """The 25 chromosomes, their lengths divided, but long enough for a read pair."""
    return _divided(PRIMARY, divisor)


def all_contigs(divisor: int = 1) -> tuple[Contig, ...]:
    """The chromosomes, then unplaced, alternate, decoy and HLA sequences: 3,366 in all, named as in GRCh38."""
    others = [
        *((f"chr{1 + n % 22}_KI2707{n:02}v1_random", 60_000) for n in range(42)),
        *((f"chrUn_KI270{n:03}v1", 20_000) for n in range(127)),
        *((f"chr{1 + n % 22}_KI270{n:03}v1_alt", 380_000) for n in range(261)),
        ("chrEBV", 171_823),
        *((f"chrUn_JTFH0100{n:04}v1_decoy", 2_500) for n in range(2385)),
        *((f"HLA-{gene}*{n // 4 + 1:02}:{n % 4 + 1:02}:01:01", 3_500 + n) for gene in "ABC" for n in range(150)),
        *((f"HLA-DRB1*{n + 1:02}:01:01", 11_000 + n) for n in range(75)),
    ]
    contigs = (*chromosomes(divisor), *_divided(others, divisor))
    assert len({contig.name for contig in contigs}) == HS38_CONTIGS
    return contigs


def _divided(lengths: Sequence[tuple[str, int]], divisor: int) -> tuple[Contig, ...]:
    return tuple(Contig(name, max(length // divisor, 2 * _INSERT)) for name, length in lengths)


@dataclass(frozen=True, slots=True)
class Genome:
    """A reference on disk.

    Attributes:
        contigs: Its contigs.
        block: The bases that each contig repeats.
        fasta: The FASTA, with `.fai` and dictionary next to it.
    """

    contigs: tuple[Contig, ...]
    block: str
    fasta: Path

    @property
    def reference(self) -> IndexedReference:
        """As the steps take it; without files for the aligner."""
        return IndexedReference(
            unread(self.fasta),
            unread(self.fasta.with_name(f"{self.fasta.name}.fai")),
            unread(self.fasta.with_suffix(".dict")),
            Aligner.BWA,
            {},
        )

    def bases(self, start: int, length: int) -> str:
        """The bases of any contig from a position on, which is counted from 0."""
        offset = start % len(self.block)
        return (self.block * (1 + (offset + length) // len(self.block)))[offset : offset + length]

    def sam_header(self) -> str:
        """The lines of a BAM's header."""
        squares = "".join(f"@SQ\tSN:{contig.name}\tLN:{contig.length}\n" for contig in self.contigs)
        return f"@HD\tVN:1.6\tSO:unsorted\tGO:query\n{squares}@RG\tID:FC1.1\tSM:expt\tLB:expt\tPL:ILLUMINA\tPU:FC1.1\n"


def unread(path: Path) -> StoredFile:
    """A file as an input of jobs, without reading its 3 GB for a digest."""
    return StoredFile(str(path), path.stat().st_size, f"sha256:{path.name}")


def write_genome(folder: Path, contigs: Sequence[Contig], seed: int = 38) -> Genome:
    """Write a FASTA with these contigs, its `.fai` and its dictionary."""
    folder.mkdir(parents=True, exist_ok=True)
    block = "".join(Random(seed).choices("ACGT", k=_LINE * _BLOCK_LINES))  # noqa: S311 - data
    lines = "".join(f"{block[start : start + _LINE]}\n" for start in range(0, len(block), _LINE)).encode()
    fasta = folder / "genome.fa"
    index, position = [], 0
    with fasta.open("wb") as file:
        for contig in contigs:
            position += file.write(f">{contig.name}\n".encode())
            index.append(f"{contig.name}\t{contig.length}\t{position}\t{_LINE}\t{_LINE + 1}\n")
            size = contig.length + contig.length // _LINE  # of its lines, without the end of an incomplete one
            for start in range(0, size, len(lines)):
                position += file.write(lines[: size - start])
            if contig.length % _LINE:
                position += file.write(b"\n")
    (folder / "genome.fa.fai").write_text("".join(index), encoding="ascii")
    genome = Genome(tuple(contigs), block, fasta)
    squares = [line for line in genome.sam_header().splitlines() if line.startswith("@SQ")]
    (folder / "genome.dict").write_text("\n".join(["@HD\tVN:1.6", *squares, ""]), encoding="ascii")
    return genome


def write_aligned_bam(genome: Genome, path: Path, pairs: int, seed: int = 7) -> StoredFile:
    """Write a BAM as the aligner does: pairs on all contigs in turn, the records of a read adjacent, few errors."""
    with subprocess.Popen(["samtools", "view", "-b", "-o", path, "-"], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(genome.sam_header().encode())
        for record in _records(genome, pairs, Random(seed)):  # noqa: S311 - data
            process.stdin.write(record.encode())
        process.stdin.close()
    assert process.returncode == 0
    return unread(path)


def write_unpaired_bam(genome: Genome, path: Path, per_contig: int) -> IndexedBam:
    """Write a sorted, indexed BAM of reads without mates on all contigs, evenly."""
    reads = (
        f"{contig.name}.{number}\t0\t{contig.name}\t{1 + number * (contig.length - READ_LENGTH) // per_contig}\t60\t"
        f"{READ_LENGTH}M\t*\t0\t0\t{'A' * READ_LENGTH}\t*\n"
        for contig in genome.contigs
        for number in range(per_contig)
    )
    text = "".join([genome.sam_header().replace("SO:unsorted\tGO:query", "SO:coordinate"), *reads])
    subprocess.run(["samtools", "view", "-b", "-o", path, "-"], input=text.encode(), check=True)
    subprocess.run(["samtools", "index", path], check=True)
    return IndexedBam(unread(path), unread(path.with_name(f"{path.name}.bai")))


def _records(genome: Genome, pairs: int, random: Random) -> Iterator[str]:
    contigs = [contig for contig in genome.contigs if contig.length >= _INSERT]
    qualities = ("F" * 130 + ":" * 20, "F" * 100 + ":" * 30 + "," * 20)
    for number in range(pairs):
        contig = contigs[number % len(contigs)]
        first = random.randrange(contig.length - _INSERT + 1)
        second = first + _INSERT - READ_LENGTH
        name = f"SIM01:7:FC1:1:1101:{1000 + number % 30_000}:{1000 + number // 30_000}"
        for flag, start, mate, insert in ((99, first, second, _INSERT), (147, second, first, -_INSERT)):
            bases = genome.bases(start, READ_LENGTH)
            cycle = random.randrange(READ_LENGTH)
            bases = bases[:cycle] + random.choice("ACGT") + bases[cycle + 1 :]
            yield (
                f"{name}\t{flag}\t{contig.name}\t{start + 1}\t60\t{READ_LENGTH}M\t=\t{mate + 1}\t{insert}\t{bases}\t"
                f"{random.choice(qualities)}\tRG:Z:FC1.1\tMC:Z:{READ_LENGTH}M\tMQ:i:60\n"
            )


def write_known_sites(genome: Genome, path: Path, per_contig: int) -> KnownSites:
    """Write a bgzipped, indexed VCF with sites on the chromosomes."""
    lines = ["##fileformat=VCFv4.2"]
    lines += [f"##contig=<ID={contig.name},length={contig.length}>" for contig in genome.contigs]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    for contig in islice(genome.contigs, len(PRIMARY)):
        for number in range(min(per_contig, contig.length // 10)):
            position = 1 + number * (contig.length // per_contig or 10)
            base = genome.bases(position - 1, 1)
            lines.append(f"{contig.name}\t{position}\t.\t{base}\t{'G' if base == 'A' else 'A'}\t.\tPASS\t.")
    with path.open("wb") as file:
        subprocess.run(["bgzip", "-c"], input="\n".join([*lines, ""]).encode(), stdout=file, check=True)
    subprocess.run(["tabix", "-p", "vcf", path], check=True)
    return KnownSites(unread(path), unread(path.with_name(f"{path.name}.tbi")))
