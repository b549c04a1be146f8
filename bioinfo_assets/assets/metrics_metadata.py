"""The metrics of a result as Dagster's metadata: numbers that Dagit plots over samples and time, and small plots."""

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import dagster as dg

from bioinfo_assets.orchestration.metadata import Metadata
from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets.pipeline.result_metrics import CoverageCurve, InsertSizeHistogram
from bioinfo_assets.records.record import Record
from bioinfo_assets.storage.store import Store

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN, HEIGHT_IN, DPI = 5.0, 2.6, 80
COLOUR = "#3b6ea5"
MIN_FRACTION = 0.001
"""The depth axis ends where less than this fraction of the genome is covered."""


def insert_size_plot(sample: str, histogram: Sequence[tuple[int, int]]) -> dg.MarkdownMetadataValue:
    """Plot the number of read pairs by insert size.

    Args:
        sample: The sample's name.
        histogram: Rows of insert size in bases and number of pairs, in order of size.
    """
    figure, axes = _axes("insert size (bases)", "read pairs", f"{sample}: fragment lengths")
    axes.fill_between([size for size, _ in histogram], [pairs for _, pairs in histogram], color=COLOUR, step="mid")
    return _markdown(figure, f"Insert sizes of {sample}")


def coverage_plot(sample: str, distribution: Sequence[tuple[int, float]]) -> dg.MarkdownMetadataValue:
    """Plot the fraction of the genome that is covered at least this deep, by depth.

    Args:
        sample: The sample's name.
        distribution: Rows of depth and the fraction of the genome with at least that depth, in order of depth.
    """
    shown = [(depth, fraction) for depth, fraction in distribution if fraction >= MIN_FRACTION or depth == 0]
    figure, axes = _axes("depth (reads)", "fraction of the genome", f"{sample}: coverage at least this deep")
    axes.step([depth for depth, _ in shown], [fraction for _, fraction in shown], color=COLOUR, where="post")
    axes.set_ylim(0, 1.02)
    axes.locator_params(axis="x", integer=True)  # depths are numbers of reads
    return _markdown(figure, f"Coverage of {sample}")


def _axes(x: str, y: str, title: str) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes half a second to import, and few results have a plot

    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI)
    figure.subplots_adjust(left=0.15, right=0.97, bottom=0.2, top=0.89)  # a computed layout takes twice the time
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title, fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _markdown(figure: "Figure", title: str) -> dg.MarkdownMetadataValue:
    png = BytesIO()
    figure.savefig(png, format="png")
    encoded = base64.b64encode(png.getvalue()).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{encoded})")


def metrics_metadata(store: Store, record: Record) -> Metadata:
    """The metrics of a result; none of an imported one, whose files may come from other programs."""
    spec = GRAPH.get(record.asset)
    if spec is None or spec.metrics is None or record.imported:
        return {}
    return {name: _metadata_value(record.scope, value) for name, value in spec.metrics(store, record).items()}


def _metadata_value(sample: str, value: float | str | InsertSizeHistogram | CoverageCurve) -> dg.MetadataValue:
    match value:
        case InsertSizeHistogram(rows):
            return insert_size_plot(sample, rows)
        case CoverageCurve(rows):
            return coverage_plot(sample, rows)
        case int():
            return dg.MetadataValue.int(value)
        case float():
            return dg.MetadataValue.float(value)
        case str():
            return dg.MetadataValue.text(value)
