"""The metrics of a result as Dagster's metadata: numbers that Dagit plots over samples and time, charts and tables."""

from collections.abc import Mapping, Sequence
from typing import Final

import dagster as dg

from bioinfo_assets.assets.charts import curve, histogram
from bioinfo_assets.layout import IGV_URL, OutputLayout
from bioinfo_assets.orchestration.metadata import Metadata
from bioinfo_assets.pipeline.asset_spec import AssetSpec
from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets.pipeline.result_metrics import (
    CoverageCurve,
    InsertSizeHistogram,
    MetricValue,
    QualityByCycle,
    Table,
)
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record

MIN_FRACTION: Final = 0.001
"""The depth axis ends where less than this fraction of the genome is covered."""

MAX_ROWS: Final = 200
"""Rows of a table that are shown; the file has all."""


def coverage_chart(sample: str, distribution: Sequence[tuple[int, float]]) -> str:
    """Draw the fraction of the genome that is covered at least this deep, by depth.

    Args:
        sample: The sample's name.
        distribution: Rows of depth and the fraction of the genome with at least that depth, in order of depth. Where a
            depth is left out, its fraction is that of the next one.
    """
    last = max(depth for depth, fraction in distribution if fraction >= MIN_FRACTION or depth == 0)
    fractions = dict(distribution)
    values = [fractions.get(last, 0.0)]
    for depth in range(last - 1, -1, -1):
        values.append(fractions.get(depth, values[-1]))
    return curve(f"Coverage of {sample}", values[::-1], 1, "100 %", 0, "covered by this many reads or more")


def metrics_metadata(ledger: Ledger, record: Record) -> Metadata:
    """The links and metrics of a result; no metrics of an imported one, whose files may be other programs'."""
    spec = GRAPH.get(record.asset)
    if spec is None:
        return {}
    metrics = {} if record.imported or spec.metrics is None else spec.metrics(ledger.store, record)
    values = {name: _metadata_value(record.scope, value) for name, value in metrics.items()}
    return {**_links(ledger.layout, spec, record), **values}


def _links(layout: OutputLayout, spec: AssetSpec, record: Record) -> Metadata:
    """The links to what the web server has of a result below the output path."""
    links = {
        "page": layout.url(record.file(spec.page).uri) if spec.page else None,
        "igv": layout.url(record.file(spec.alignment).uri, IGV_URL) if spec.alignment else None,
    }
    return {name: dg.MetadataValue.url(url) for name, url in links.items() if url is not None}


def _metadata_value(sample: str, value: MetricValue) -> dg.MetadataValue:
    match value:
        case Table(rows):
            schema = dg.TableSchema([dg.TableColumn(name, _column_type(rows, name)) for name in rows[0]])
            return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows[:MAX_ROWS]], schema)
        case InsertSizeHistogram() | CoverageCurve() | QualityByCycle():
            return dg.MetadataValue.md(_chart(sample, value))
        case int():
            return dg.MetadataValue.int(value)
        case float():
            return dg.MetadataValue.float(value)
        case str():
            return dg.MetadataValue.text(value)


def _column_type(rows: Sequence[Mapping[str, object]], name: str) -> str:
    return "float" if any(isinstance(row[name], float) for row in rows) else "string"


def _chart(sample: str, value: InsertSizeHistogram | CoverageCurve | QualityByCycle) -> str:
    match value:
        case InsertSizeHistogram(rows):
            return histogram(f"Insert sizes of {sample}", rows, "pairs", "insert size, bases")
        case CoverageCurve(rows):
            return coverage_chart(sample, rows)
        case QualityByCycle(qualities):
            return curve(f"Base qualities of {sample}", qualities, 42, "Q42", 1, "mean quality of this cycle")
