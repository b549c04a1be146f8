"""`bioinfo-assets status`: show which results exist and are up to date, from the records next to the data."""

import json as json_module
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import typer
from rich.console import Console
from rich.table import Table

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.plan import dry_run, plan_everything
from bioinfo_assets.cli.options import Json, OutputPath
from bioinfo_assets.pipeline.dry_run import PlannedAction, PlannedResult
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import ResultKey

CURRENT: Final = "up to date"
STALE: Final = "stale"
DAMAGED: Final = "damaged"
MISSING: Final = "missing"
RELEASED: Final = "released"
_STYLES: Final = {CURRENT: "green", RELEASED: "cyan", STALE: "yellow", DAMAGED: "bold red", MISSING: "dim"}


@dataclass(frozen=True, slots=True)
class ResultStatus:
    """The status of one result.

    Attributes:
        key: The result.
        state: `up to date`; `stale`: its inputs, parameters, step or tools have changed; `damaged`: its files are not
            as they were published; `missing`: not computed yet; `released`: up to date, its large files were deleted
            on purpose.
        finished: When its job ended.
        released: When its files were released; None if they are kept.
        reason: Why it is stale or damaged, or why it cannot be computed.
    """

    key: ResultKey
    state: str
    finished: datetime | None = None
    reason: str = ""
    released: datetime | None = None


def status(*, output_path: OutputPath, json: Json = False) -> None:
    """Show which results are up to date, released, stale, damaged or missing, and why.

    A result is stale if its reads, reference, known sites, a parameter, a step or a tool has changed since it was
    computed, or if one of its inputs is stale. A released result is up to date, and its large files were deleted on
    purpose, by the setting `retention`. The exit code is 0 in each of these cases.
    """
    plan = plan_everything(absolute_path(output_path))
    with dry_run(plan) as trial:
        results = [_status(plan.project.ledger, result) for result in _by_scope(trial.planned_results())]
    if trial.unknown_tools:
        typer.echo(f"current tool versions are unknown: {trial.unknown_tools}", err=True)
    if json:
        typer.echo(json_module.dumps([_to_dict(result) for result in results], indent=2))
        return
    table = Table("SCOPE", "ASSET", "STATE", "WHEN (UTC)", box=None, pad_edge=False)
    for result in results:
        when = f"{result.finished:%Y-%m-%d %H:%M:%S}" if result.finished else ""
        table.add_row(result.key.scope, result.key.asset, result.state, when, style=_STYLES[result.state])
    console = Console(markup=False, highlight=False)
    console.print(table)
    for result in results:
        if result.reason:
            advice = "; run again to recompute it" if result.state == DAMAGED else ""
            console.print(f"{result.key.label}: {result.reason}{advice}", soft_wrap=True)


def _by_scope(results: Iterable[PlannedResult]) -> Iterator[PlannedResult]:
    """Shared results first, then sample by sample."""
    by_sample: dict[str, list[PlannedResult]] = {}
    for result in results:
        by_sample.setdefault(result.key.partition_key or "", []).append(result)
    for sample in sorted(by_sample):
        yield from by_sample[sample]


def _status(ledger: Ledger, result: PlannedResult) -> ResultStatus:
    state, reason = _state(ledger, result)
    record = result.record
    if record is None:
        return ResultStatus(result.key, state, None, reason)
    return ResultStatus(result.key, state, record.finished, reason, record.released)


def _state(ledger: Ledger, result: PlannedResult) -> tuple[str, str]:
    blocked = result.reason if result.action is PlannedAction.BLOCKED else ""
    if result.record is None:
        return MISSING, blocked
    current = CURRENT if result.record.released is None else RELEASED
    if result.action is PlannedAction.REUSE:
        return current, ""
    damage = ledger.check_files(result.record).damage
    if damage:
        return DAMAGED, damage
    return (STALE, result.reason) if result.is_stale else (current, blocked)


def _to_dict(result: ResultStatus) -> dict[str, object]:
    return {
        "scope": result.key.scope,
        "asset": result.key.asset,
        "state": result.state,
        "finished": result.finished.isoformat() if result.finished else None,
        "reason": result.reason or None,
        "released": result.released.isoformat() if result.released else None,
    }
