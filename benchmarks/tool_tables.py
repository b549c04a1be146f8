"""Compare the tables of Picard, GATK and samtools cell by cell."""

import gzip
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

Cells = Mapping[tuple[str, str], str]


def picard_cells(path: Path) -> Cells:
    """A Picard table's cells by row and column name; a row is identified by its category, or by its number."""
    lines = iter(path.read_text().splitlines())
    for line in lines:
        if line.startswith("## METRICS CLASS"):
            break
    columns = next(lines).split("\t")
    cells: dict[tuple[str, str], str] = {}
    for number, line in enumerate(lines, start=1):
        if not line:
            break
        fields = line.split("\t")
        row = fields[0] if columns[0] == "CATEGORY" else str(number)
        cells |= {(row, column): value for column, value in zip(columns, fields, strict=False)}
    return cells


def other_cells(ours: Cells, other: Cells) -> dict[str, str]:
    """The values of differing cells, ours / the other, by row and column."""
    keys = sorted(ours.keys() | other.keys())
    return {
        ".".join(key): f"{ours.get(key, '-')} / {other.get(key, '-')}"
        for key in keys
        if ours.get(key) != other.get(key)
    }


def recalibration_rows(path: Path) -> dict[str, set[str]]:
    """The rows of each table of BaseRecalibrator's output."""
    tables: dict[str, set[str]] = {}
    lines = iter(path.read_text().splitlines())
    for line in lines:
        if line.startswith("#:GATKTable:") and not line.startswith("#:GATKTable:%"):
            name = line.split(":")[2]
            if name.isdigit():  # the line of formats, which precedes the line of the name
                continue
            next(lines)
            tables[name] = set()
            for row in lines:
                if not row:
                    break
                tables[name].add(" ".join(row.split()))
    return tables


def depths(path: Path) -> Iterator[str]:
    """The lines of a depth table, plain or gzipped."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        yield from file


def other_depths(ours: Path, other: Path) -> tuple[int, int]:
    """The number of positions with a different depth, and the total."""
    differ = positions = 0
    for left, right in zip_longest(depths(ours), depths(other)):
        positions += 1
        differ += left != right
    return differ, positions
