"""Which results' large files may be deleted: those whose retention has ended, with everything made from them whole."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bioinfo_assets.application.plan import Plan, dry_run
from bioinfo_assets.pipeline.dry_run import PlannedAction, PlannedResult
from bioinfo_assets.pipeline.graph import GRAPH, downstream_of
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.released import Releasable
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.retention_settings import KEEP, NEVER, UNTIL_USED, Retention


@dataclass(frozen=True, slots=True)
class EndedRetentions:
    """The results whose retention has ended.

    Attributes:
        items: Them, sample by sample in the order of the graph.
        unknown_tools: Why the versions of tools are unknown, so that results count as computed with the current ones;
            empty if they are known.
    """

    items: tuple[Releasable, ...]
    unknown_tools: str = ""


def has_retention(plan: Plan) -> bool:
    """Whether the settings limit how long the files of any asset of a plan are kept."""
    retention = plan.project.settings.retention
    return any(retention.of(asset) != KEEP for asset in plan.assets)


def ended_retentions(plan: Plan, now: datetime) -> EndedRetentions:
    """Find the results whose retention has ended: they and all results computed from them are intact and up to date.

    The report on all samples is not among those: it reads only small files, which stay.

    Args:
        plan: All assets for all samples.
        now: The time that ages are counted to.
    """
    if not has_retention(plan):
        return EndedRetentions(())
    with dry_run(plan) as trial:
        planned = {result.key: result for result in trial.planned_results()}
    items = (item for name in plan.names for item in _ended(plan, name, planned, now))
    return EndedRetentions(tuple(items), trial.unknown_tools)


def _ended(plan: Plan, sample: str, planned: Mapping[ResultKey, PlannedResult], now: datetime) -> Iterator[Releasable]:
    for asset in plan.assets:
        record = _current(planned.get(ResultKey(asset, sample)))
        reason = _reason(plan.project.settings.retention.of(asset), record, now) if record is not None else ""
        if record is None or not reason:
            continue
        downstream = downstream_of(asset)
        dependents = [
            _current(planned.get(ResultKey(name, sample)))
            for name in plan.assets
            if name in downstream and GRAPH[name].scope is None
        ]
        whole = tuple(found for found in dependents if found is not None)
        item = Releasable(record, GRAPH[asset].bulk_files, whole, reason)
        if whole and len(whole) == len(dependents) and item.files:
            yield item


def _current(planned: PlannedResult | None) -> Record | None:
    """The record of a result that is intact and up to date."""
    return planned.record if planned is not None and planned.action is PlannedAction.REUSE else None


def _reason(retention: Retention, record: Record, now: datetime) -> str:
    """Why a retention has ended; empty if it has not. Files of an imported result belong to somebody else."""
    if record.imported or retention == KEEP:
        return ""
    if retention in {UNTIL_USED, NEVER}:
        return "everything computed from it is up to date"
    age = now - record.finished
    if not isinstance(retention, int) or age < timedelta(days=retention):
        return ""
    return f"everything computed from it is up to date, and it is {age.days} days old (retention: {retention})"
