"""The report of what jobs used as one HTML page, which needs no other file and no network."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Final

from jinja2 import Environment, StrictUndefined

from bioinfo_assets.provenance.usage.report import UsageReport, duration, notes, size, vcpu_hours
from bioinfo_assets.provenance.usage.suggestions import MIN_JOBS
from bioinfo_assets.provenance.usage.timeline import WAITING, WIDTH, draw_timeline
from bioinfo_assets.provenance.usage.totals import Span, Usage
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import SHARED_SCOPES

_TEMPLATE: Final = files("bioinfo_assets.provenance.usage").joinpath("page.html").read_text(encoding="utf-8")
"""Read with this module: a long run would find the template of another version after an update."""

MAX_ROWS: Final = 200
"""Samples in the timeline: a browser draws them at once, and a person can still read them."""

MAX_SAMPLES: Final = 100
"""Samples in the table; `report --json` and `--csv` have all."""


def render_page(report: UsageReport, spans: Sequence[Span]) -> str:
    """Render the page; all texts are escaped.

    Args:
        report: The report.
        spans: The jobs in time, of at most `MAX_ROWS` samples.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_TEMPLATE).render(
        report=report,
        tiles=_tiles(report),
        notes=notes(report),
        timeline=draw_timeline(spans),
        min_jobs=MIN_JOBS,
        max_samples=MAX_SAMPLES,
        waiting=WAITING,
        width=WIDTH,
    )


def write_page(ledger: Ledger, usage: Usage, report: UsageReport) -> str:
    """Write the page under the output path, atomically, in place of an earlier one; return its address.

    Raises:
        InputError: the output path cannot be written to.
        ResourceError: the disk is full.
    """
    uri = ledger.layout.usage_page
    page = render_page(report, usage.spans(MAX_ROWS, SHARED_SCOPES))
    ledger.store.write_bytes(uri, page.encode())
    return uri


def _tiles(report: UsageReport) -> list[tuple[str, str]]:
    cohort = report.cohort
    tiles = [
        ("samples", f"{len(report.samples):,}"),
        ("jobs", f"{cohort.jobs:,}"),
        ("retries", f"{cohort.retries or 0:,}"),
        ("vCPU hours", vcpu_hours(cohort)),
        ("of the CPUs used", "-" if cohort.busy_share is None else f"{cohort.busy_share:.0%}"),
        ("longest wait in the queue", duration(cohort.max_queued_s)),
        ("stored", size(cohort.stored_bytes)),
    ]
    if report.prices is not None:
        compute, storage = report.price_cells(cohort)
        tiles += [("computation, estimated", compute), ("storage a month, estimated", storage)]
    return tiles
