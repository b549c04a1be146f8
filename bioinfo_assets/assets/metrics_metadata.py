"""The metrics of a result as Dagster's metadata: numbers that Dagit plots over samples and time, and small plots."""

import dagster as dg

from bioinfo_assets.assets.plots import coverage_plot, insert_size_plot
from bioinfo_assets.orchestration.metadata import Metadata
from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets.pipeline.result_metrics import CoverageCurve, InsertSizeHistogram
from bioinfo_assets.records.record import Record
from bioinfo_assets.storage.store import Store


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
