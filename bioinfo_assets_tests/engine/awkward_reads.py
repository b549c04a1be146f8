"""Reads that are hard to get right, written by a seeded generator: the same seed gives the same files.

Everything is legal and read by GATK and Picard: odd CIGARs, references with N, IUPAC and lower-case bases, known sites
that overlap or reach over ends, original qualities, fragments shorter than their reads, read groups that share names.
"""

import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

CONTIGS = {"c1": 20000, "c2": 5000, "c3": 700}
READ_GROUPS = {
    "a": "PU:p1\tLB:l1\tSM:s1",
    "b": "PU:p2\tLB:l1\tSM:s1",
    "c": "PU:p2\tLB:l2\tSM:s1",  # shares its PU with b
    "d": "LB:l2\tSM:s2",  # has no PU
    "e": "PU:flow cell 5\tLB:l3\tSM:s2",
    "unused": "PU:p9\tLB:l3\tSM:s2",
}
CLIPS, ALIGNED, READ_OPERATIONS, REFERENCE_OPERATIONS = "SH", "M=X", "M=XIS", "M=XDN"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the programs read: a sorted BAM with its index, its reference, and known sites."""

    folder: Path

    @property
    def bam(self) -> Path:
        return self.folder / "reads.bam"

    @property
    def reference(self) -> Path:
        return self.folder / "genome.fa"

    @property
    def known_sites(self) -> list[Path]:
        return sorted(self.folder.glob("*.vcf.gz"))


@dataclass(frozen=True, slots=True)
class Placed:
    """A place on the reference with the CIGAR of a read there."""

    contig: str
    start: int
    operations: tuple[tuple[int, str], ...]

    @property
    def cigar(self) -> str:
        return "".join(f"{length}{operation}" for length, operation in self.operations)

    @property
    def end(self) -> int:
        return self.start + sum(length for length, operation in self.operations if operation in REFERENCE_OPERATIONS)


class Generator:
    """Writes a reference, known sites and reads."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 # the same files for the same seed
        self.references = {name: self._reference(length) for name, length in CONTIGS.items()}

    def write(self, folder: Path, templates: int) -> Inputs:
        lines = [line for number in range(templates) for line in self._template(number)]
        return write_inputs(folder, self.references, header(), lines, [self._sites(30), self._sites(200)])

    def write_chosen(
        self, folder: Path, templates: Sequence[int], sites: Sequence[int], *, all_duplicates: bool = False
    ) -> Inputs:
        """Write what these seeds make: each template and site from one of its own, so that a case can be cut down."""
        lines = []
        for number, seed in enumerate(templates):
            self.random.seed(seed)
            lines += self._template(number)
        if all_duplicates:
            lines = [_flagged(line, 1024) for line in lines]
        chosen = []
        for seed in sites:
            self.random.seed(seed)
            contig = self.random.choice(list(CONTIGS))
            # Some at the end of the contig, and over it.
            length = CONTIGS[contig]
            place = length - self.random.randrange(60) if self._chance(0.1) else self.random.randrange(1, length - 60)
            chosen.append((contig, place, self._site(contig, f"{self.references[contig].upper()}{'A' * 60}", place)))
        in_order = sorted(chosen, key=lambda site: (list(CONTIGS).index(site[0]), site[1]))
        return write_inputs(folder, self.references, header(), lines, [[line for _, _, line in in_order]])

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _reference(self, length: int) -> str:
        bases = self.random.choices("ACGT", k=length)
        for _ in range(length // 300):
            at, size = self.random.randrange(length), self.random.choice([1, 1, 2, 5, 30])
            for i in range(at, min(at + size, length)):
                bases[i] = self.random.choice(["N", "N", "N", "R", "Y", "K", "M", bases[i].lower(), bases[i].lower()])
        return "".join(bases)

    def _sites(self, spacing: int) -> list[str]:
        lines = []
        for contig in list(CONTIGS)[:2]:
            bases = self.references[contig].upper()
            places = sorted(self.random.sample(range(1, len(bases) - 60), len(bases) // spacing))
            lines += [self._site(contig, bases, place) for place in [*places, len(bases) - 50]]
        return lines

    def _site(self, contig: str, bases: str, place: int) -> str:
        """A site at a 1-based place: most are SNPs, some are long, symbolic, or have many alternatives."""
        size = self.random.choice([1, 1, 1, 1, 2, 3, 8, 40, 51])
        reference = "".join(base if base in "ACGT" else "N" for base in bases[place - 1 : place - 1 + size])
        kind, info = self.random.random(), "."
        alternative = f"{reference[0]}TT" if size == 1 else reference[0]
        if kind < 0.5:
            reference, alternative = reference[0], "A" if reference[0] != "A" else "C"
            info = (".", ";AC=1", "AC=1;;DB", "DB;")[int(kind * 1000) % 4]
        elif kind < 0.6:
            alternative += f",{reference}GG,*"
        elif kind < 0.65:
            end = min(place + self.random.choice([0, 10, 300]), len(bases))
            reference, alternative, info = (
                reference[0],
                "<DEL>",
                f"{';' * (int(kind * 1000) % 2)}SVTYPE=DEL;END={end};AN=2",
            )
        return f"{contig}\t{place}\t.\t{reference}\t{alternative}\t.\t.\t{info}"

    def _operations(self, length: int) -> tuple[tuple[int, str], ...]:
        """Operations on exactly `length` bases, with what may stand between them and the clips."""
        left = self.random.randrange(1, length // 3) if self._chance(0.2) else 0
        right = self.random.randrange(1, length // 3) if self._chance(0.2) else 0
        inside = self._inside(length - left - right)
        ends = [(self.random.randrange(1, 9), "H") if self._chance(0.05) else None for _ in range(2)]
        listed = [ends[0], (left, "S"), *inside, (right, "S"), ends[1]]
        kept = [item for item in listed if item and item[0]]
        joined = [(key, sum(size for size, _ in group)) for key, group in groupby(kept, key=lambda item: item[1])]
        return tuple((size, operation) for operation, size in joined)

    def _inside(self, length: int) -> list[tuple[int, str]]:
        made: list[tuple[int, str]] = []
        if self._chance(0.03):
            made.append((self.random.randrange(1, 4), "D"))
        left = length
        if self._chance(0.04):
            made.append((self.random.randrange(1, 4), "I"))
            left -= made[-1][0]
        while left:
            size = self.random.randrange(1, left + 1) if self._chance(0.5) else left
            made.append((size, self.random.choice("MMMMM=X")))
            left -= size
            for _ in range(self.random.choice([1, 1, 1, 2, 3])):
                if left > 1 and (operation := self.random.choice("IDIDIDP" + "N" * self._chance(0.05))) != "I":
                    made.append((self.random.randrange(1, 9), operation))
                elif left > 1:
                    size = self.random.randrange(1, min(6, left))
                    made.append((size, "I"))
                    left -= size
        if self._chance(0.03):
            made.append((self.random.randrange(1, 4), "D"))
        return made

    def _place(self, length: int) -> Placed:
        while True:
            contig = self.random.choice(["c1", "c1", "c1", "c2", "c3"])
            placed = Placed(contig, 0, self._operations(length))
            last = CONTIGS[contig] - placed.end
            if last < 0:
                continue
            start = self.random.choice(
                [0, last, self.random.randrange(last + 1), min(last, self.random.randrange(400))]
            )
            return Placed(contig, start if self._chance(0.05) else self.random.randrange(last + 1), placed.operations)

    def _mate_place(self, first: Placed, length: int) -> Placed:
        """Mostly so near that the reads go beyond each other's starts."""
        for _ in range(50):
            mate = self._place(length)
            near = max(0, first.start + self.random.randrange(-60, 250))
            moved = Placed(first.contig, near, mate.operations)
            if moved.end <= CONTIGS[first.contig]:
                return moved if self._chance(0.9) else mate
        return mate

    def _bases(self, placed: Placed) -> str:
        made, at = [], placed.start
        for size, operation in placed.operations:
            if operation in ALIGNED:
                made += [self._base(self.references[placed.contig][at + i].upper()) for i in range(size)]
            elif operation in READ_OPERATIONS:
                made += self.random.choices("ACGTN", [9, 9, 9, 9, 1], k=size)
            at += size if operation in REFERENCE_OPERATIONS else 0
        return "".join(made)

    def _base(self, reference: str) -> str:
        kind = self.random.random()
        if kind < 0.05:
            return self.random.choice("ACGT")
        if kind < 0.07:
            return self.random.choice("NNNR=")
        return reference

    def _qualities(self, length: int) -> str:
        low = [self.random.randrange(6) if self._chance(0.7) else 0 for _ in range(2)]
        most = 3 if self._chance(0.01) else 94
        choices = [quality for quality in (2, 5, 6, 11, 20, 25, 25, 37, 37, 37, 40, 41, 60, 93) if quality < most]
        qualities = self.random.choices(choices, k=length)
        for i in range(min(low[0], length)):
            qualities[i] = self.random.choice([0, 1, 2, 2, 3])
        for i in range(min(low[1], length)):
            qualities[-1 - i] = self.random.choice([0, 1, 2, 2, 3])
        return "".join(chr(33 + quality) for quality in qualities)

    def _tags(self, group: str, length: int) -> str:
        tags = [f"RG:Z:{group}"]
        if self._chance(0.04):
            tags.append(f"OQ:Z:{self._qualities(length)}")
        if self._chance(0.02):
            tags += [f"BI:Z:{'N' * length}", f"BD:Z:{'N' * length}"]
        if self._chance(0.3):
            tags.append(f"MQ:i:{self.random.choice([0, 19, 20, 60])}")
        if self._chance(0.05):
            tags.append("SA:Z:c2,100,+,20M80S,60,0;")
        if self._chance(0.02):
            tags.append(f"XN:i:{self.random.choice([0, 1, 2])}")
        return "\t".join(tags)

    def _record(self, name: str, flag: int, placed: Placed, mate: Placed | None, size: int, group: str) -> str:
        bases = self._bases(placed)
        quality = self.random.choice([0, 1, 19, 20, 60, 60, 60, 60, 60, 255])
        mate_contig, mate_start = (mate.contig, mate.start + 1) if mate else ("*", 0)
        fields = [name, flag, placed.contig, placed.start + 1, quality, placed.cigar]
        fields += [mate_contig, mate_start, size, bases, self._qualities(len(bases)), self._tags(group, len(bases))]
        return "\t".join(map(str, fields))

    def _unmapped(self, name: str, flag: int, place: str, group: str) -> str:
        length = self.random.choice([1, 15, 16, 90])
        bases = "".join(self.random.choices("ACGTN", k=length))
        if self._chance(0.5):
            bases = "AGATCGGAAGAGCACACGTCTGAACTCCAGTCAC"[self.random.randrange(8) :][:length]
        return f"{name}\t{flag}\t{place}\t0\t{bases}\t{self._qualities(len(bases))}\t{self._tags(group, len(bases))}"

    def _template(self, number: int) -> list[str]:
        name, group = f"I:1:FC:1:{1100 + number % 3}:{number}:7", self.random.choice("abcde")
        kind = self.random.random()
        if kind < 0.8:
            return self._pair(name, group)
        placed = self._place(self._length())
        if kind < 0.88:  # a read whose mate is not mapped has that mate next to it
            first, reverse = self.random.choice([64, 128]), 16 * self._chance(0.5)
            place = f"{placed.contig}\t{placed.start + 1}\t0\t*\t=\t{placed.start + 1}"
            unmapped = self._unmapped(name, 1 | (192 - first) | 4 | 2 * reverse, place, group)
            return [self._record(name, 1 | first | 8 | reverse, placed, placed, 0, group), unmapped]
        if kind < 0.96:
            single = [self._record(name, 16 * self._chance(0.5) | 1024 * self._chance(0.2), placed, None, 0, group)]
            return single + [self._record(name, 2048, self._place(50), None, 0, group)] * self._chance(0.2)
        return [self._unmapped(name, flag, "*\t0\t0\t*\t*\t0", group) for flag in (77, 141)]

    def _length(self) -> int:
        return self.random.choice([20, 36, 76, 100, 100, 100, 151, 500 if self._chance(0.1) else 101])

    def _pair(self, name: str, group: str) -> list[str]:
        first = self._place(self._length())
        second = self._mate_place(first, self._length())
        reverse = self._chance(0.5)
        mate_reverse = not reverse if self._chance(0.9) else reverse
        ends = [place.end - 1 if back else place.start for place, back in ((first, reverse), (second, mate_reverse))]
        size = ends[1] - ends[0] + (1 if ends[1] >= ends[0] else -1)
        if first.contig != second.contig:
            size = 0  # as Picard wants it
        elif self._chance(0.15):
            size = self.random.choice([0, 1, -1, 100, -100, self.random.randrange(-300, 300), 150000])
        common = 1 | 2 * self._chance(0.8) | 512 * self._chance(0.02) | 1024 * self._chance(0.1)
        flags = 64 | 16 * reverse | 32 * mate_reverse, 128 | 16 * mate_reverse | 32 * reverse
        records = [
            self._record(name, common | flags[0], first, second, size, group),
            self._record(name, common | flags[1], second, first, -size, group),
        ]
        extra = [flag for flag in (256, 2048) if self._chance(0.04)]
        return records + [self._record(name, 1 | flag | flags[0], self._place(60), second, 0, group) for flag in extra]


def _flagged(line: str, flag: int) -> str:
    name, before, rest = line.split("\t", 2)
    return f"{name}\t{int(before) | flag}\t{rest}"


def header(order: str = "unsorted") -> str:
    contigs = "".join(f"@SQ\tSN:{name}\tLN:{length}\n" for name, length in CONTIGS.items())
    groups = "".join(f"@RG\tID:{name}\t{tags}\tPL:ILLUMINA\n" for name, tags in READ_GROUPS.items())
    return f"@HD\tVN:1.5\tSO:{order}\n{contigs}{groups}"


def write_inputs(
    folder: Path, references: dict[str, str], head: str, records: list[str], sites: list[list[str]]
) -> Inputs:
    """Write everything that the programs read, sorted and indexed."""
    folder.mkdir(parents=True, exist_ok=True)
    inputs = Inputs(folder)
    inputs.reference.write_text("".join(f">{name}\n{wrapped(bases)}" for name, bases in references.items()))
    subprocess.run(["samtools", "faidx", inputs.reference], check=True)
    subprocess.run(["samtools", "dict", "-o", folder / "genome.dict", inputs.reference], check=True)
    contigs = "".join(f"##contig=<ID={name},length={len(bases)}>\n" for name, bases in references.items())
    for number, lines in enumerate(sites):
        text = f"##fileformat=VCFv4.2\n{contigs}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        vcf = folder / f"sites{number}.vcf"
        vcf.write_text(text + "".join(f"{line}\n" for line in lines))
        subprocess.run(["bgzip", "--force", vcf], check=True)
        subprocess.run(["tabix", "--force", "--preset", "vcf", f"{vcf}.gz"], check=True)
    sam = head + "".join(f"{line}\n" for line in records)
    command: list[str | Path] = ["samtools", "sort", "--no-PG", "-o", inputs.bam, "-"]
    subprocess.run(command, input=sam, text=True, check=True, capture_output=True)
    subprocess.run(["samtools", "index", inputs.bam], check=True)
    return inputs


def wrapped(bases: str) -> str:
    return "".join(f"{bases[i : i + 60]}\n" for i in range(0, len(bases), 60))
