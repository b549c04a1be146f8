"""Compare two BAMs of the same reads record by record."""

import subprocess
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

_DUPLICATE: Final = 0x400  # flags as in the SAM specification, section 1.4
_SUPPLEMENTARY: Final = 0x800
_LANE_TAGS: Final = frozenset({"RG"})

Place = tuple[int, str, str, str]


class Record(NamedTuple):
    """The fields of a SAM record that are compared."""

    name: str
    flag: int
    contig: str
    position: str
    mapping_quality: str
    cigar: str
    mate: tuple[str, ...]
    bases: str
    qualities: str
    tags: Mapping[str, str]

    @property
    def place(self) -> Place:
        """Flag without the duplicate bit, contig, position, and CIGAR with hard clips as soft clips."""
        return self.flag & ~_DUPLICATE, self.contig, self.position, self.cigar.replace("H", "S")

    @property
    def end(self) -> int:
        """Which read of the pair: the bits of the first and the second."""
        return self.flag & 0xC0

    @property
    def kind(self) -> str:
        """Primary or supplementary."""
        return "supplementary" if self.flag & _SUPPLEMENTARY else "primary"

    @property
    def is_duplicate(self) -> bool:
        """Whether it is flagged as a duplicate."""
        return bool(self.flag & _DUPLICATE)


@dataclass(slots=True)
class Differences:
    """Counts over all records of two BAMs, ours and another.

    Attributes:
        ours: Records of the first.
        other: Records of the second.
        same_place: Records of both with the same name, flag but for duplicates, contig, position and CIGAR.
        clipping: Of these, how many are clipped hard in one and soft in the other.
        values: Of these, how many differ in mapping quality, mate or bases, by which.
        tags: Of these, how many differ in a tag, by tag.
        same_tags: Of these, how many have all tags equal but RG.
        duplicates: Records by kind and by who flags them as duplicates, of those in the same place.
        other_qualities: Records of the same length whose base qualities differ.
        other_bases: Bases whose qualities differ, of `bases` compared.
        bases: Bases compared.
    """

    ours: int = 0
    other: int = 0
    same_place: int = 0
    clipping: int = 0
    values: Counter[str] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)
    same_tags: int = 0
    duplicates: Counter[str] = field(default_factory=Counter)
    other_qualities: int = 0
    other_bases: int = 0
    bases: int = 0

    def add(self, ours: Record, other: Record) -> None:
        """Count two records in the same place."""
        self.same_place += 1
        self.clipping += ours.cigar != other.cigar
        for value in ("mapping_quality", "mate"):
            self.values[value] += getattr(ours, value) != getattr(other, value)
        differing = {tag for tag in ours.tags.keys() | other.tags.keys() if ours.tags.get(tag) != other.tags.get(tag)}
        self.tags.update(differing)
        self.same_tags += not differing - _LANE_TAGS
        flaggers = {(True, True): "both", (True, False): "ours only", (False, True): "seed only"}
        flagged = flaggers.get((ours.is_duplicate, other.is_duplicate), "neither")
        self.duplicates[f"{ours.kind}, {flagged}"] += 1
        if ours.cigar == other.cigar:
            self._add_qualities(ours, other)

    def _add_qualities(self, ours: Record, other: Record) -> None:
        self.values["bases"] += ours.bases != other.bases
        self.bases += len(ours.qualities)
        if ours.qualities != other.qualities:
            self.other_qualities += 1
            self.other_bases += sum(a != b for a, b in zip(ours.qualities, other.qualities, strict=True))


def compare(ours: Path, other: Path) -> Differences:
    """Compare two BAMs that hold the same reads.

    Raises:
        ValueError: They do not hold the same reads.
    """
    differences = Differences()
    for (name, left), (other_name, right) in zip(_by_name(ours), _by_name(other), strict=True):
        if name != other_name:
            raise ValueError(f"{ours} has read {name} where {other} has {other_name}: compare BAMs of the same reads")
        differences.ours += len(left)
        differences.other += len(right)
        for place in left.keys() & right.keys():
            differences.add(left[place], right[place])
        differences.duplicates["supplementary, as primary"] += _count_flagged_as_primary(left.values())
    return differences


def _count_flagged_as_primary(records: Collection[Record]) -> int:
    """Count the supplementary duplicates whose primary record is flagged too."""
    primary = {record.end for record in records if record.kind == "primary" and record.is_duplicate}
    return sum(record.kind == "supplementary" and record.is_duplicate and record.end in primary for record in records)


def _by_name(bam: Path) -> Iterator[tuple[str, dict[Place, Record]]]:
    for name, records in groupby(_records(bam), lambda record: record.name):
        yield name, {record.place: record for record in records}


def _records(bam: Path) -> Iterator[Record]:
    command = ["samtools", "sort", "-n", "-O", "sam", "--no-PG", "-T", f"{bam}.by_name", str(bam)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as sorting:
        for line in sorting.stdout or ():
            if not line.startswith("@"):
                yield _parse_record(line)
    if sorting.returncode != 0:
        raise RuntimeError(f"{bam} cannot be sorted by name: samtools ended with {sorting.returncode}")


def _parse_record(line: str) -> Record:
    name, flag, contig, position, quality, cigar, *mate, bases, qualities = (fields := line.split())[:11]
    tags = {field[:2]: field[5:] for field in fields[11:]}
    return Record(name, int(flag), contig, position, quality, cigar, tuple(mate), bases, qualities, tags)
