"""Aligned reads of every awkward kind that the formats allow, from a seed, to compare the engine with Picard."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

PAIRED, PROPER, UNMAPPED, MATE_UNMAPPED, REVERSE, MATE_REVERSE = 1, 2, 4, 8, 16, 32
READ1, READ2, SECONDARY, FAILED, DUPLICATE, SUPPLEMENTARY = 64, 128, 256, 512, 1024, 2048

CONTIGS: Final = {"c1": 20000, "c2": 5000}
READ_GROUPS: Final = (
    "ID:a\tSM:s\tLB:l1\tPU:p1",
    "ID:b\tSM:s\tLB:l1\tPU:p2",
    "ID:c\tSM:s\tLB:library two\tPU:p2",
    "ID:d\tSM:t\tLB:l3",
    "ID:e\tSM:s\tPU:p5",
    "ID:f\tSM:t\tLB:Aa\tPU:p6",
    "ID:g\tSM:t\tLB:BB\tPU:p7",
)
"""Two groups of a library, groups without PU or LB, and libraries whose names have one hash in Java (Aa, BB)."""
READ_CONSUMING, REFERENCE_CONSUMING = frozenset("MIS=X"), frozenset("MDN=X")

Cigar = tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A line of SAM; positions start at 1, and 0 is none."""

    name: str
    flag: int
    contig: str = "*"
    position: int = 0
    mapq: int = 0
    cigar: str = "*"
    mate_contig: str = "*"
    mate_position: int = 0
    size: int = 0
    bases: str = "*"
    qualities: str = "*"
    tags: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        columns = (self.name, self.flag, self.contig, self.position, self.mapq, self.cigar, self.mate_contig)
        columns += (self.mate_position, self.size, self.bases, self.qualities, *self.tags)  # type: ignore[assignment]
        return "\t".join(map(str, columns))


@dataclass(frozen=True, slots=True)
class AwkwardReads:
    """Templates of a seed. `copies`: how many more templates a template gets that differ in name and qualities only."""

    seed: int
    templates: int
    copies: tuple[int, ...] = (0,)
    umis: bool = False

    def write(self, folder: Path) -> None:
        """Write `genome.fa` and `in.sam`."""
        folder.mkdir(parents=True, exist_ok=True)
        rng = random.Random(self.seed)  # noqa: S311 - reads to test with
        genome = {name: reference_bases(rng, length) for name, length in CONTIGS.items()}
        (folder / "genome.fa").write_text("".join(fasta(name, bases) for name, bases in genome.items()))
        templates = list(self._templates(Reads(rng, genome, umis=self.umis)))
        rng.shuffle(templates)
        lines = [record.line for template in templates for record in template]
        (folder / "in.sam").write_text("\n".join([*header(), *lines, ""]))

    def write_chosen(self, folder: Path, chosen: Sequence[tuple[int, int]]) -> None:
        """Write the templates of these seeds, each with so many copies, so that a case can be cut down."""
        folder.mkdir(parents=True, exist_ok=True)
        rng = random.Random(self.seed)  # noqa: S311 - reads to test with
        genome = {name: reference_bases(rng, length) for name, length in CONTIGS.items()}
        (folder / "genome.fa").write_text("".join(fasta(name, bases) for name, bases in genome.items()))
        reads, lines = Reads(rng, genome, umis=self.umis), header()
        for number, (seed, copies) in enumerate(chosen):
            rng.seed(seed)
            template = reads.template(number)
            both = [template, *(reads.duplicate(template, f"{number}.{copy}") for copy in range(copies))]
            lines += [record.line for records in both for record in records]
        (folder / "in.sam").write_text("\n".join([*lines, ""]))

    def _templates(self, reads: "Reads") -> Iterator[list[Record]]:
        for number in range(self.templates):
            template = reads.template(number)
            yield template
            for copy in range(reads.rng.choice(self.copies)):
                yield reads.duplicate(template, f"{number}.{copy}")


def header(read_groups: tuple[str, ...] = READ_GROUPS) -> list[str]:
    """The lines of a SAM's header."""
    contigs = [f"@SQ\tSN:{name}\tLN:{length}" for name, length in CONTIGS.items()]
    return ["@HD\tVN:1.5\tSO:unsorted\tGO:query", *contigs, *(f"@RG\t{group}" for group in read_groups)]


def fasta(name: str, bases: str) -> str:
    """A sequence in lines of 60 bases."""
    return f">{name}\n" + "".join(f"{bases[at : at + 60]}\n" for at in range(0, len(bases), 60))


def reference_bases(rng: random.Random, length: int) -> str:
    """Bases with runs of N, IUPAC codes and lower-case letters."""
    bases = rng.choices("ACGT", k=length)
    for _ in range(length // 400):
        at, count, base = rng.randrange(length - 30), rng.choice([1, 2, 5, 20]), rng.choice("NNNRYKM")
        bases[at : at + count] = base * count
    for _ in range(length // 500):
        at, count = rng.randrange(length - 60), rng.randrange(1, 50)
        bases[at : at + count] = "".join(bases[at : at + count]).lower()
    return "".join(bases)


class Reads:
    """Makes templates with a random generator."""

    def __init__(self, rng: random.Random, genome: dict[str, str], *, umis: bool) -> None:
        self.rng, self.genome, self.umis = rng, genome, umis
        self.hot = [rng.randrange(100, 4000) for _ in range(40)]

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def template(self, number: int) -> list[Record]:
        """The records of a template, in an order that an aligner might give them."""
        kind = self.rng.random()
        seed = Record(self.name(number), 0, tags=(f"RG:Z:{self.rng.choice('abcdefg')}",))
        if kind < 0.75:
            return self._pair(seed)
        if kind < 0.85:
            return self._half_mapped_pair(seed)
        if kind < 0.92:
            flag = self.rng.choice([0, REVERSE])
            return [self.mapped(replace(seed, flag=flag)), *self._extra(replace(seed, flag=SUPPLEMENTARY))]
        if kind < 0.95:  # the mate is not in the file
            flag = PAIRED | self.rng.choice([READ1, READ2]) | self.rng.choice([0, REVERSE])
            return [self.mapped(replace(seed, flag=flag, mate_contig="c2", mate_position=77))]
        return [self.unmapped(replace(seed, flag=flag)) for flag in (77, 141)]

    def duplicate(self, template: list[Record], suffix: str) -> list[Record]:
        """The template with another name and qualities, and some with reads 1 and 2 swapped or another read group."""
        name, swapped = self.name(suffix), len(template) == 2 and self.chance(0.3)
        tags = (f"RG:Z:{self.rng.choice('abcdefg')}",) if self.chance(0.2) else None
        copies = []
        for record in template:
            changed = replace(record, name=name, tags=record.tags if tags is None else tags)
            if swapped and record.flag & PAIRED:
                changed = replace(changed, flag=record.flag ^ (READ1 | READ2))
            if record.bases != "*" and self.chance(0.6):
                changed = replace(changed, qualities=self.qualities(len(record.bases)))
            copies.append(changed)
        return copies

    def name(self, number: int | str) -> str:
        """Mostly places on a flow cell, with a number of the template so that names differ; a run may have no UMIs."""
        rng = self.rng
        x, y = (rng.randrange(1000, 9000) if self.chance(0.9) else rng.choice([-5, 0, 32768, 100000]) for _ in "xy")
        tile = rng.choice([1101, 1101, 1101, 1102, 2205, 40000, 65535])
        place = f"I:1:FC{number}:{rng.randrange(1, 3)}:{tile}:{x}:{y}"
        styles = [place] * 30 + [f"I{number}:1:{tile}:{x}:{y}", f"odd{number}", f"{place}#ACGT", f"{place}a:b"]
        styles += [
            f":{place}",
            f"I:1:FC{number}:1:x{tile}:{x}:{y}",
            f"I:1:FC{number}:1:{tile}:{x}:",
        ]
        return (
            f"{place}{rng.choice([':ACGT', ':AC+GT', ':r_1', '_ACGT'])}"
            if self.umis and self.chance(0.9)
            else rng.choice([place] if self.umis else styles)
        )

    def cigar(self, length: int) -> Cigar:
        """Clips, insertions and deletions also next to each other and at the ends, skips, padding, = and X."""
        rng, operations, left = self.rng, list[tuple[int, str]](), length
        if self.chance(0.08):
            operations.append((rng.randrange(1, 9), "H"))
        if self.chance(0.25):
            operations.append((rng.randrange(1, 30), "S"))
            left -= operations[-1][0]
        tail = rng.randrange(1, 25) if self.chance(0.25) else 0
        left -= tail
        if self.chance(0.03):
            operations.append((rng.randrange(1, 4), "I"))
            left -= operations[-1][0]
        while left > 0:
            matched = rng.randrange(1, left + 1) if self.chance(0.6) else left
            operations.append((matched, rng.choice("MMMMMMMM=X")))
            left -= matched
            if left > 2:
                operations.append((rng.randrange(1, min(6, left)), rng.choice("IIDDDDNP")))
                left -= operations[-1][0] if operations[-1][1] == "I" else 0
        if tail:
            operations.append((tail, "S"))
        if self.chance(0.05):
            operations.append((rng.randrange(1, 9), "H"))
        return tuple(merged(operations))

    def place(self, length: int) -> tuple[str, int, Cigar]:
        """A contig, a position from 0, and a CIGAR that fits there."""
        while True:
            contig = self.rng.choice(["c1", "c1", "c1", "c2"])
            cigar, end = self.cigar(length), CONTIGS[contig]
            span = sum(count for count, operation in cigar if operation in REFERENCE_CONSUMING)
            at = (
                self.rng.choice(self.hot) + self.rng.randrange(3) if self.chance(0.5) else self.rng.randrange(end - 200)
            )
            at = self.rng.choice([0, end - span]) if self.chance(0.02) else at
            if 0 <= at <= end - span:
                return contig, at, cigar

    def mapped(self, seed: Record, length: int | None = None) -> Record:
        """The record at a place, with bases that mostly agree with the reference."""
        contig, at, cigar = self.place(length or self.rng.choice([100, 100, 76, 60]))
        bases = self.bases(contig, at, cigar)
        extra = tuple(tag for tag in ("DT:Z:LB", "NM:i:3", "MD:Z:0", "UQ:i:70000", "NM:Z:x") if self.chance(0.05))
        flag = seed.flag | (FAILED if self.chance(0.02) else 0) | (DUPLICATE if self.chance(0.1) else 0)
        return replace(
            seed,
            flag=flag,
            contig=contig,
            position=at + 1,
            mapq=self.rng.choice([0, 1, 20, 60, 60, 255]),
            cigar="".join(f"{count}{operation}" for count, operation in cigar),
            bases=bases,
            qualities="*" if self.chance(0.02) else self.qualities(len(bases)),
            tags=seed.tags + tuple({tag[:2]: tag for tag in extra}.values()),
        )

    def unmapped(self, seed: Record) -> Record:
        bases = "".join(self.rng.choices("ACGTN", k=90))
        return replace(seed, bases=bases, qualities=self.qualities(90))

    def bases(self, contig: str, at: int, cigar: Cigar) -> str:
        read = ""
        for count, operation in cigar:
            if operation in REFERENCE_CONSUMING & READ_CONSUMING:
                read += "".join(self._read_base(base) for base in self.genome[contig][at : at + count])
            elif operation in READ_CONSUMING:
                read += "".join(self.rng.choices("ACGTN", k=count))
            at += count if operation in REFERENCE_CONSUMING else 0
        return read

    def _read_base(self, base: str) -> str:
        if self.chance(0.06) or (base.upper() not in "ACGT" and self.chance(0.6)):
            return self.rng.choice("ACGT")
        return self.rng.choice("NRY") if self.chance(0.015) else base.upper()

    def qualities(self, length: int) -> str:
        """Values around the limits of the methods; few of them, so that scores are often equal."""
        values = self.rng.choice([[2, 37], [0, 14, 15, 16, 40], [93], [30], [5, 6, 11, 20, 25, 37, 41, 60]])
        return "".join(chr(33 + value) for value in self.rng.choices(values, k=length))

    def _pair(self, seed: Record) -> list[Record]:
        flag = PAIRED | (PROPER if self.chance(0.8) else 0)
        first, second = (self.mapped(replace(seed, flag=flag | read)) for read in (READ1, READ2))
        for _ in range(20):  # mostly close together
            if first.contig == second.contig and abs(first.position - second.position) < 400:
                break
            second = self.mapped(replace(seed, flag=flag | READ2))
        reverse = self.chance(0.5)
        same = self.chance(0.1)
        first = replace(first, flag=first.flag | (REVERSE if reverse else 0) | (MATE_REVERSE if reverse == same else 0))
        second = replace(
            second, flag=second.flag | (MATE_REVERSE if reverse else 0) | (REVERSE if reverse == same else 0)
        )
        if self.chance(0.05):  # both 5' ends at one place, or close to it
            second = replace(second, contig=first.contig, position=first.position, cigar=first.cigar, bases=first.bases)
            second = replace(second, qualities=self.qualities(len(first.bases)))
        records = [with_mate(first, second), with_mate(second, first)]
        if self.chance(0.3):
            records.reverse()
        return records + self._extra(replace(seed, flag=PAIRED | READ1 | self.rng.choice([SECONDARY, SUPPLEMENTARY])))

    def _extra(self, seed: Record) -> list[Record]:
        return [self.mapped(seed, 60)] if self.chance(0.08) else []

    def _half_mapped_pair(self, seed: Record) -> list[Record]:
        read = self.rng.choice([READ1, READ2])
        flag = PAIRED | read | MATE_UNMAPPED | self.rng.choice([0, REVERSE])
        mapped = self.mapped(replace(seed, flag=flag))
        mate = replace(seed, flag=PAIRED | (READ1 | READ2) ^ read | UNMAPPED | (flag & REVERSE) << 1)
        records = [with_mate(mapped, mapped), with_mate(self.unmapped(mate), mapped)]
        records[1] = replace(records[1], contig=mapped.contig, position=mapped.position)
        if self.chance(0.5):
            records.reverse()
        return records


def with_mate(record: Record, mate: Record) -> Record:
    """The record with its mate's place."""
    return replace(record, mate_contig=mate.contig, mate_position=mate.position, size=mate.position - record.position)


def merged(operations: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The operations without neighbours of one kind, and without deletions or skips at the end."""
    while operations[-1][1] in "DNP":
        operations = operations[:-1]
    pending = operations[0]
    for count, operation in operations[1:]:
        if operation == pending[1]:
            pending = (pending[0] + count, operation)
            continue
        yield pending
        pending = (count, operation)
    yield pending


def write_one_place(folder: Path, *, seed: int, pairs: int, tiles: int = 40) -> None:
    """Write `in.sam` with pairs that all are duplicates of each other, and `genome.fa`."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)  # noqa: S311 - reads to test with
    genome = {name: reference_bases(rng, length) for name, length in CONTIGS.items()}
    (folder / "genome.fa").write_text("".join(fasta(name, bases) for name, bases in genome.items()))
    bases = genome["c1"][1000:1050].upper()
    with (folder / "in.sam").open("w") as sam:
        sam.write("\n".join([*header(), ""]))
        for number in range(pairs):
            place = f"{1101 + rng.randrange(tiles)}:{rng.randrange(1000, 30000)}:{rng.randrange(1000, 30000)}"
            name, qualities = f"I:1:FC{number}:1:{place}", "".join(rng.choices("#5IF", k=len(bases)))
            for flag, at, size in ((99, 1001, 250), (147, 1201, -250)):
                seed_record = Record(
                    name, flag, "c1", at, 60, "50M", "=", 2202 - at, size, bases, qualities, ("RG:Z:a",)
                )
                sam.write(seed_record.line + "\n")
