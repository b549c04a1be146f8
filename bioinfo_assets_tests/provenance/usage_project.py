"""Projects of records with figures that can be added up by hand."""

from datetime import datetime, timedelta
from typing import Any

from bioinfo_assets.launch.accounting import Accounting
from bioinfo_assets.provenance.catalog import open_catalog
from bioinfo_assets.provenance.usage.prices import PriceTable
from bioinfo_assets.provenance.usage.report import UsageReport, make_report
from bioinfo_assets.provenance.usage.totals import Span, Usage
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, Record
from bioinfo_assets.result_key import SHARED_SCOPES
from bioinfo_assets_tests.records.recorded_results import FINISHED, record_result_without_files

DISK_MIB_PER_VCPU = 55_000


def record_job(
    ledger: Ledger,
    asset: str,
    scope: str,
    *,
    hours: float = 1.0,
    started: datetime = FINISHED,
    stored: int = 0,
    accounting: Accounting | None = None,
    **changes: Any,
) -> Record:
    """Record a job whose script ran for some hours, and whose output has so many bytes."""
    output = FileRecord(
        key="x",
        uri=f"{ledger.output_path}/{scope}/{scope}.{asset}",
        size=stored,
        sha256="0" * 64,
        content=None,
        stamp="1",
    )
    fields: dict[str, Any] = {
        "started": started,
        "finished": started + timedelta(hours=hours),
        "wall_s": hours * 3600,
        "accounting": accounting or Accounting(),
    }
    record = record_result_without_files(ledger, asset, scope, {}, {}, **(fields | changes))
    record = record.model_copy(update={"outputs": (output,)})
    ledger.write(record)
    return record


def report_of(ledger: Ledger, prices: PriceTable | None = None) -> UsageReport:
    with open_catalog(ledger, None) as catalog:
        return make_report(Usage.of(catalog, ledger.output_path), ledger.output_path, prices, DISK_MIB_PER_VCPU)


def spans_of(ledger: Ledger, max_samples: int = 200) -> list[Span]:
    with open_catalog(ledger, None) as catalog:
        return Usage.of(catalog, ledger.output_path).spans(max_samples, SHARED_SCOPES)
