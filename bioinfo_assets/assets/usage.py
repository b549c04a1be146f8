"""Where time and money went, as a source that is observed: totals by step in Dagit, and the page with the timeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import dagster as dg

from bioinfo_assets.assets.sources import cohort_data_version, source_asset
from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.orchestration.internals import DATA_VERSION_IS_USER_PROVIDED_TAG, DATA_VERSION_TAG
from bioinfo_assets.orchestration.metadata import Metadata
from bioinfo_assets.orchestration.provenance import newest_versions
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.provenance.catalog import open_catalog
from bioinfo_assets.provenance.usage.page import write_page
from bioinfo_assets.provenance.usage.prices import project_prices
from bioinfo_assets.provenance.usage.report import UsageReport, make_report, notes
from bioinfo_assets.provenance.usage.totals import Usage
from bioinfo_assets.settings import home_from_environment
from bioinfo_assets.steps.resources import DISK_MIB_PER_CPU

USAGE_INTERVAL_S: Final = 1800
"""Seconds between two checks whether the totals have to be added up again."""


@dataclass(frozen=True, slots=True)
class UsageObservation:
    """What jobs have used: its data version, and its metadata in Dagit."""

    data_version: str
    metadata: Metadata


def observe_usage(project: Project, home: Path | None) -> UsageObservation:
    """Add up what a project's jobs used, and write the page.

    Args:
        project: The project.
        home: Its home, with the index of records and the table of prices.

    Raises:
        BioinfoAssetsError: the records cannot be read, the page cannot be written, or the table of prices is wrong.
    """
    ledger = project.ledger
    with open_catalog(ledger, home) as catalog:
        usage = Usage.of(catalog, ledger.output_path)
        report = make_report(usage, ledger.output_path, project_prices(home), DISK_MIB_PER_CPU)
        page = write_page(ledger, usage, report)
    figures = repr((report.steps, report.samples, report.replaced, report.prices))
    return UsageObservation(sha256(figures.encode()).hexdigest(), _metadata(report, ledger.layout.url(page) or page))


def new_usage_observation(
    instance: dg.DagsterInstance, project: Project, home: Path | None
) -> dg.AssetObservation | None:
    """The observation of what jobs used that Dagster does not have yet; None where it is up to date.

    Raises:
        BioinfoAssetsError: as `observe_usage`.
    """
    observed = observe_usage(project, home)
    if newest_versions(instance, resource_usage.key, [])[None] == observed.data_version:
        return None
    return dg.AssetObservation(
        asset_key=resource_usage.key,
        metadata=observed.metadata,
        tags={DATA_VERSION_TAG: observed.data_version, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"},
    )


def report_usage(instance: dg.DagsterInstance, project: Project, home: Path) -> str:
    """Report what jobs used to Dagster, if it has changed.

    Returns:
        Why that was not possible; empty if it was.
    """
    try:
        observation = new_usage_observation(instance, project, home)
    except BioinfoAssetsError as problem:
        return str(problem)
    if observation is not None:
        instance.report_runless_asset_event(observation)
    return ""


@source_asset(kind="cost", group="report")
def resource_usage(project: dg.ResourceParam[Project]) -> dg.ObserveResult:
    """What the jobs of all results asked for, used and cost, by step; with a page that has a timeline of all samples.

    Prices are those of `prices.toml` in the project's home.
    """
    observed = observe_usage(project, home_from_environment())
    return dg.ObserveResult(data_version=dg.DataVersion(observed.data_version), metadata=observed.metadata)


@dg.sensor(
    minimum_interval_seconds=USAGE_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Observes what jobs used, when results of samples have changed, and writes the page with the timeline.",
)
def observe_resource_usage(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SensorResult | dg.SkipReason:
    """Report what jobs used if results have changed since the last time."""
    cohort, _ = cohort_data_version(context.instance)
    if context.cursor == cohort:
        return dg.SkipReason("no result has changed")
    try:
        observation = new_usage_observation(context.instance, project, home_from_environment())
    except BioinfoAssetsError as problem:
        return dg.SkipReason(str(problem))
    return dg.SensorResult(asset_events=[] if observation is None else [observation], cursor=cohort)


def _metadata(report: UsageReport, page: str) -> Metadata:
    cohort, prices = report.cohort, report.prices
    numbers: dict[str, float | None] = {
        "jobs": cohort.jobs,
        "retries": cohort.retries,
        "vcpu_hours": cohort.vcpu_hours,
        "stored_bytes": cohort.stored_bytes,
        "price": None if prices is None else prices.compute(cohort),
        "storage_price_per_month": None if prices is None else prices.storage_per_month(cohort),
    }
    return {
        "page": dg.MetadataValue.url(page),
        "steps": dg.MetadataValue.md(_table(report)),
        "suggestions": dg.MetadataValue.md(_list([item.message for item in report.suggestions])),
        "notes": dg.MetadataValue.md(_list(notes(report))),
        **{
            name: dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.float(round(value, 4))
            for name, value in numbers.items()
            if value is not None
        },
    }


def _table(report: UsageReport) -> str:
    """The totals of the steps in Markdown."""
    rows = [("step", *report.header), ("---",) * (1 + len(report.header))]
    rows += [(total.name, *report.cells(total)) for total in (*report.steps, report.cohort)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _list(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences) or "nothing"
