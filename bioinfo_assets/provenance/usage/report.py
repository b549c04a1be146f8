"""The report of what jobs used: totals, prices, suggestions, and its tables as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bioinfo_assets.provenance.usage.prices import PriceTable
from bioinfo_assets.provenance.usage.suggestions import Suggestion, suggestions
from bioinfo_assets.provenance.usage.totals import Usage, UsageTotal
from bioinfo_assets.result_key import SHARED_SCOPES

_JOBS: Final = ("jobs", "vCPU h")
_PRICE: Final = ("price",)
_FIGURES: Final = ("wall", "vCPUs", "memory, MiB", "queue, mean", "staging, upload", "fetched", "uploaded", "stored")
_STORAGE_PRICE: Final = ("a month",)

_UNKNOWN: Final = "-"


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What the jobs of a project used.

    Attributes:
        output_path: The project.
        made: When the report was made.
        cohort: All current results.
        steps: By step.
        samples: By sample.
        shared: What samples share: the reference and the report.
        replaced: Results that were replaced later.
        suggestions: Which settings would ask for less.
        prices: The table of prices; None if none was given.
    """

    output_path: str
    made: datetime
    cohort: UsageTotal
    steps: tuple[UsageTotal, ...]
    samples: tuple[UsageTotal, ...]
    shared: tuple[UsageTotal, ...]
    replaced: UsageTotal
    suggestions: tuple[Suggestion, ...]
    prices: PriceTable | None = None

    @property
    def header(self) -> tuple[str, ...]:
        """The columns of a table of totals; those of prices if there is a table of prices."""
        if self.prices is None:
            return (*_JOBS, *_FIGURES)
        return (*_JOBS, *_PRICE, *_FIGURES, *_STORAGE_PRICE)

    def cells(self, total: UsageTotal) -> tuple[str, ...]:
        """The texts of a total, in the order of `header`."""
        jobs = (_jobs(total), vcpu_hours(total))
        figures = (
            duration(total.wall_s),
            _used_cpus(total),
            _used_memory(total),
            duration(_mean(total.queued_s, total.jobs)),
            duration(_sum(total.staging_s, total.upload_s)),
            size(total.fetched_bytes),
            size(total.uploaded_bytes),
            size(total.stored_bytes),
        )
        if self.prices is None:
            return (*jobs, *figures)
        compute, storage = self.price_cells(total)
        return (*jobs, compute, *figures, storage)

    def price_cells(self, total: UsageTotal) -> tuple[str, str]:
        """The estimated prices of a total: of its computation, and of a month of storage."""
        if self.prices is None:
            return _UNKNOWN, _UNKNOWN
        compute, storage = self.prices.compute(total), self.prices.storage_per_month(total)
        currency = self.prices.currency
        return _UNKNOWN if compute is None else f"{currency} {compute:,.2f}", f"{currency} {storage:,.2f}"

    def to_json(self, page: str | None) -> dict[str, object]:
        """The document of `report --json`."""
        return {
            "output_path": self.output_path,
            "made": self.made.isoformat(),
            "page": page,
            "prices": None if self.prices is None else self.prices.model_dump(mode="json"),
            "cohort": self._total_to_json(self.cohort),
            "steps": [self._total_to_json(total) for total in self.steps],
            "samples": [self._total_to_json(total) for total in self.samples],
            "shared": [self._total_to_json(total) for total in self.shared],
            "replaced": self._total_to_json(self.replaced),
            "suggestions": [
                {"asset": item.asset, "setting": item.setting, "value": item.value, "message": item.message}
                for item in self.suggestions
            ],
        }

    def _total_to_json(self, total: UsageTotal) -> dict[str, object]:
        prices = self.prices
        return total.to_json() | {
            "price": None if prices is None else prices.compute(total),
            "storage_price_per_month": None if prices is None else prices.storage_per_month(total),
        }


def make_report(usage: Usage, output_path: str, prices: PriceTable | None, disk_mib_per_vcpu: int) -> UsageReport:
    """Add up what all jobs used.

    Args:
        usage: The index.
        output_path: The project.
        prices: The table of prices, if there is one.
        disk_mib_per_vcpu: Scratch space that a machine has for each CPU.
    """
    steps, scopes = tuple(usage.by_step()), usage.by_scope()
    return UsageReport(
        output_path=output_path,
        made=datetime.now(UTC),
        cohort=usage.in_all(),
        steps=steps,
        samples=tuple(total for total in scopes if total.name not in SHARED_SCOPES),
        shared=tuple(total for total in scopes if total.name in SHARED_SCOPES),
        replaced=usage.replaced(),
        suggestions=tuple(suggestions(steps, disk_mib_per_vcpu)),
        prices=prices,
    )


def notes(report: UsageReport) -> Sequence[str]:
    """What a reader has to know of the figures, in sentences."""
    sentences = []
    prices = report.prices
    if prices is not None:
        sentences.append(
            "Prices are estimates: CPUs and memory for as long as jobs had them, and a month of the stored bytes. "
            f"Their table is of {prices.date}: {prices.source}."
        )
    if prices is not None and prices.sample:
        sentences.insert(0, "THE PRICES ARE A SAMPLE: replace them by those of your own account.")
    unknown = report.cohort.jobs_without_accounting
    if unknown:
        sentences.append(
            f"{unknown:,} of {report.cohort.jobs:,} jobs have records of an older version, without what they asked "
            "for: vCPU hours and prices leave them out."
        )
    if report.cohort.retried_s:
        lost = duration(report.cohort.retried_s)
        sentences.append(f"Attempts whose work was lost ran for {lost}, which vCPU hours and prices include.")
    if report.replaced.jobs:
        sentences.append(
            f"{report.replaced.jobs:,} jobs of results that were replaced later are not included: "
            f"{vcpu_hours(report.replaced)} vCPU hours."
        )
    return sentences


def vcpu_hours(total: UsageTotal) -> str:
    """The CPUs times hours of a total."""
    return _UNKNOWN if total.vcpu_hours is None else f"{total.vcpu_hours:,.2f}"


def duration(seconds: float | None) -> str:
    """A time in its two largest units.

    >>> [duration(seconds) for seconds in (None, 0.4, 59.6, 3600 * 5 + 61, 86400 * 3 + 3700)]
    ['-', '0.4 s', '1 min 0 s', '5 h 1 min', '3 d 1 h']
    """
    if seconds is None:
        return _UNKNOWN
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days:,} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def size(count: int | None) -> str:
    """A number of bytes, in decimal units.

    >>> [size(count) for count in (None, 999, 1500, 85_000_000_000, 3 * 10**15)]
    ['-', '999 B', '1.5 kB', '85.0 GB', '3.0 PB']
    """
    if count is None:
        return _UNKNOWN
    value, units = float(count), iter(("B", "kB", "MB", "GB", "TB", "PB"))
    unit = next(units)
    while value >= 1000 and unit != "PB":
        value, unit = value / 1000, next(units)
    return f"{count} B" if unit == "B" else f"{value:,.1f} {unit}"


def _jobs(total: UsageTotal) -> str:
    if not total.retries:
        return f"{total.jobs:,}"
    return f"{total.jobs:,}, {total.retries:,} {'retry' if total.retries == 1 else 'retries'}"


def _used_cpus(total: UsageTotal) -> str:
    if total.max_vcpus is None:
        return _UNKNOWN
    share = "" if total.busy_share is None else f", {total.busy_share:.0%} used"
    return f"{_range(total.min_vcpus, total.max_vcpus)}{share}"


def _used_memory(total: UsageTotal) -> str:
    used = "" if total.peak_memory_mib is None else f"{total.peak_memory_mib:,.0f} used"
    requested = "" if total.max_memory_mib is None else _range(total.min_memory_mib, total.max_memory_mib)
    return ", ".join(text for text in (requested, used) if text) or _UNKNOWN


def _range(least: int | None, most: int) -> str:
    return f"{most:,}" if least is None or least == most else f"{least:,} to {most:,}"


def _mean(total: float | None, count: int) -> float | None:
    return None if total is None or not count else total / count


def _sum(*values: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
