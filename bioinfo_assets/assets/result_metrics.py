"""The figures and pictures that Dagit shows of a result, read from the tables that the tools left."""

from collections.abc import Callable, Mapping
from typing import Final

import dagster as dg

from bioinfo_assets.assets.plots import coverage_plot, insert_size_plot
from bioinfo_assets.genomics.metrics import (
    cutadapt_numbers,
    depth_distribution,
    insert_size_histogram,
    mosdepth_numbers,
    picard_numbers,
)
from bioinfo_assets.orchestration.metadata import Metadata
from bioinfo_assets.records.record import Record
from bioinfo_assets.storage.store import Store


def trimming_metrics(store: Store, record: Record) -> Metadata:
    """Pairs and bases before and after trimming."""
    return _numbers(cutadapt_numbers(_text(store, record, "json")))


def duplication_metrics(store: Store, record: Record) -> Metadata:
    """Which share of the reads are duplicates, and the estimated size of the library."""
    return _numbers(picard_numbers(_text(store, record, "metrics")))


def recalibration_metrics(_: Store, record: Record) -> Metadata:
    """Whether base qualities were recalibrated, in words."""
    done = record.facts.get("recalibrated") == "yes"
    said = "recalibrated" if done else "not recalibrated: no known sites are set, so this is the marked BAM"
    return {"recalibration": dg.MetadataValue.text(said)}


def alignment_metrics(store: Store, record: Record) -> Metadata:
    """Picard's alignment summary over both reads of a pair."""
    return _numbers(picard_numbers(_text(store, record, "metrics")))


def insert_size_metrics(store: Store, record: Record) -> Metadata:
    """Picard's insert sizes, and their histogram."""
    text = _text(store, record, "metrics")
    histogram = insert_size_histogram(text)
    pictures = {"insert_size_histogram": insert_size_plot(record.scope, histogram)} if histogram else {}
    return {**pictures, **_numbers(picard_numbers(text))}


def depth_metrics(store: Store, record: Record) -> Metadata:
    """Coverage in figures, and which share of the genome has at least each depth; contigs without reads count too."""
    summary, genome_length = _text(store, record, "summary"), int(record.facts["genome_length"])
    distribution = depth_distribution(_text(store, record, "distribution"), summary, genome_length)
    return {
        "coverage": coverage_plot(record.scope, distribution),
        **_numbers(mosdepth_numbers(summary, genome_length)),
    }


METRICS: Final[Mapping[str, Callable[[Store, Record], Metadata]]] = {
    "trimmed_reads": trimming_metrics,
    "marked_bam": duplication_metrics,
    "recalibrated_bam": recalibration_metrics,
    "alignment_metrics": alignment_metrics,
    "insert_size_metrics": insert_size_metrics,
    "depth": depth_metrics,
}
"""By asset that has any."""


def metrics_of(store: Store, record: Record) -> Metadata:
    """The figures of a result; none of one that was made elsewhere, whose files may be of other programs."""
    figures = METRICS.get(record.asset)
    return figures(store, record) if figures is not None and not record.imported else {}


def _text(store: Store, record: Record, key: str) -> str:
    return store.read_bytes(record.file(key).uri).decode()


def _numbers(numbers: Mapping[str, float]) -> dict[str, dg.MetadataValue]:
    return {
        name: dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.float(value)
        for name, value in numbers.items()
    }
