"""The metrics and plots of a result, read from the tables that the tools wrote."""

import csv
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.metrics import (
    contamination_numbers,
    covered_fractions,
    cutadapt_numbers,
    depth_distribution,
    fastp_numbers,
    fastp_qualities,
    insert_size_histogram,
    mosdepth_numbers,
    picard_numbers,
    qualities_by_cycle,
)
from bioinfo_assets.records.record import Record
from bioinfo_assets.storage.store import Store


@dataclass(frozen=True, slots=True)
class InsertSizeHistogram:
    """Rows of insert size in bases and number of pairs, in order of size."""

    rows: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class CoverageCurve:
    """Rows of depth and the fraction of the genome with at least that depth, in order of depth."""

    rows: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class QualityByCycle:
    """The mean base quality (Phred) of each cycle of the sequencer, from the first on."""

    qualities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with the same columns; a cell without a value is None."""

    rows: tuple[Mapping[str, float | str | None], ...]


MetricValue = float | str | InsertSizeHistogram | CoverageCurve | QualityByCycle | Table
"""A number, a text, what a chart is drawn from, or a table."""

Metrics = Mapping[str, MetricValue]
"""By name."""


PARSER_ERRORS: Final = (
    ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, csv.Error
)  # fmt: skip
"""What parsers of tables raise for one that its tool did not write like this."""


def _reported(read: Callable[[Store, Record], Metrics]) -> Callable[[Store, Record], Metrics]:
    """Raise what parsers raise for a table that its tool did not write like this as an error of this project."""

    @wraps(read)
    def read_reported(store: Store, record: Record) -> Metrics:
        try:
            return read(store, record)
        except PARSER_ERRORS as error:
            message = " ".join(str(error).split())[:200]
            raise InputError(
                f"a table of {record.key.label} cannot be read ({type(error).__name__}: {message}): remove its files "
                "and run again"
            ) from error

    return read_reported


@_reported
def trimming_metrics(store: Store, record: Record) -> Metrics:
    """Pairs and bases before and after trimming."""
    return cutadapt_numbers(_read_table(store, record, "json"))


@_reported
def read_quality_metrics(store: Store, record: Record) -> Metrics:
    """Reads, base qualities, GC content and the estimated fraction of duplicates, before trimming."""
    text = _read_table(store, record, "json")
    curves = {f"reads{read}_quality": QualityByCycle(fastp_qualities(text, read)) for read in (1, 2)}
    return {**{name: chart for name, chart in curves.items() if chart.qualities}, **fastp_numbers(text)}


@_reported
def duplication_metrics(store: Store, record: Record) -> Metrics:
    """The fraction of duplicate reads, and the estimated size of the library."""
    return picard_numbers(_read_table(store, record, "metrics"))


def recalibration_metrics(_: Store, record: Record) -> Metrics:
    """Whether base qualities were recalibrated, in words."""
    if record.facts.get("recalibrated") == "yes":
        return {"recalibration": "recalibrated"}
    return {"recalibration": "not recalibrated: no known sites are set, so this is the marked BAM"}


@_reported
def alignment_metrics(store: Store, record: Record) -> Metrics:
    """Picard's alignment summary over both reads of a pair."""
    return picard_numbers(_read_table(store, record, "metrics"))


@_reported
def insert_size_metrics(store: Store, record: Record) -> Metrics:
    """Picard's insert sizes, and their histogram."""
    text = _read_table(store, record, "metrics")
    rows = insert_size_histogram(text)
    plots = {"insert_size_histogram": InsertSizeHistogram(rows)} if rows else {}
    return {**plots, **picard_numbers(text)}


@_reported
def genome_metrics(store: Store, record: Record) -> Metrics:
    """Picard's WGS metrics and GC bias, and base qualities by cycle."""
    qualities = qualities_by_cycle(_read_table(store, record, "qualities"))
    tables = (picard_numbers(_read_table(store, record, key)) for key in ("wgs", "gc_summary"))
    numbers = {name: value for table in tables for name, value in table.items()}
    return {"quality_by_cycle": QualityByCycle(qualities), **numbers} if qualities else numbers


@_reported
def insert_sizes(store: Store, record: Record) -> Metrics:
    """Picard's insert sizes, without their histogram."""
    return picard_numbers(_read_table(store, record, "metrics"))


@_reported
def contamination_metrics(store: Store, record: Record) -> Metrics:
    """The fraction of another person's DNA, its standard error, and the heterozygous sites against those expected."""
    numbers = contamination_numbers(_read_table(store, record, "table"))
    ratio = record.facts.get("heterozygous_ratio")
    return {**numbers, "sites": int(record.facts["sites"]), **({"heterozygous_ratio": float(ratio)} if ratio else {})}


@_reported
def fingerprint_metrics(_: Store, record: Record) -> Metrics:
    """The variants with reads, and how likely the two read groups that agree least are one person's."""
    lod = record.facts.get("lowest_lane_lod")
    return {"sites": int(record.facts["sites"]), **({"lowest_lane_lod": float(lod)} if lod else {})}


@_reported
def depth_metrics(store: Store, record: Record) -> Metrics:
    """Coverage figures, and the fraction of the genome with at least each depth; contigs without reads count too."""
    summary, genome_length = _read_table(store, record, "summary"), int(record.facts["genome_length"])
    rows = depth_distribution(_read_table(store, record, "distribution"), summary, genome_length)
    return {"coverage": CoverageCurve(rows), **mosdepth_numbers(summary, genome_length), **covered_fractions(rows)}


@_reported
def report_metrics(store: Store, record: Record) -> Metrics:
    """MultiQC's table of general statistics: a row for each sample, with empty cells where it lacks a result."""
    lines = csv.reader(io.StringIO(_read_table(store, record, "table")), delimiter="\t", quoting=csv.QUOTE_NONE)
    sample, *columns = (name.lower() for name in next(lines))
    rows = [
        {sample: name, **{column: _value(text) for column, text in zip(columns, values, strict=True)}}
        for name, *values in lines
    ]
    return {"general_statistics": Table(tuple(rows))} if rows else {}


def _value(text: str) -> float | str | None:
    """A figure of MultiQC, rounded to what it is read for; None for an empty cell."""
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    return float(f"{number:.6g}") if math.isfinite(number) else text


def _read_table(store: Store, record: Record, key: str) -> str:
    return store.read_small(record.file(key).uri).decode()
