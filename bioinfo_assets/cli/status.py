"""`bioinfo-assets status`: what is made and still up to date, told from the records beside the data."""

import json as json_module
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import typer
from rich.console import Console
from rich.table import Table

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.planned_results import dry_run
from bioinfo_assets.application.preflight import whole_plan
from bioinfo_assets.application.request import Request, home_of, settings_of
from bioinfo_assets.cli.options import Json, OutputPath
from bioinfo_assets.pipeline.dry_run import PlannedAction, PlannedResult
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.ledger import Ledger

_STYLES: Final = {"made": "green", "stale": "yellow", "damaged": "bold red", "not made": "dim"}


@dataclass(frozen=True, slots=True)
class ResultStatus:
    """What became of one result.

    Attributes:
        scope: The sample, or what all samples share.
        asset: Which result.
        state: `made`, and up to date; `stale`: made of what is now another; `damaged`: not as it was published any
            more; `not made`.
        finished: When its job ended.
        reason: Why it is stale or damaged, or what hinders it.
    """

    scope: str
    asset: str
    state: str
    finished: datetime | None = None
    reason: str = ""


def status(*, output_path: OutputPath, json: Json = False) -> None:
    """Tell what is made, what is stale and why, what is not made, and what was changed since. Exit code 0 in any case.

    A result is stale where reads, reference, known sites, a parameter, a step or a tool is another now than when it was
    made, or where a result that it was made from is stale.
    """
    place = absolute_path(output_path)
    home = home_of(place)
    project = Project(settings_of(Request(place), home))
    with dry_run(whole_plan(project, home)) as look:
        found = [_status(project.ledger, forecast) for forecast in _in_order(list(look.forecasts()))]
    if look.unknown_tools:
        typer.echo(f"whether tools are others now is not known: {look.unknown_tools}", err=True)
    if json:
        typer.echo(json_module.dumps([_document(one) for one in found], indent=2))
        return
    table = Table("SCOPE", "ASSET", "STATE", "WHEN (UTC)", box=None, pad_edge=False)
    for one in found:
        when = f"{one.finished:%Y-%m-%d %H:%M:%S}" if one.finished else ""
        table.add_row(one.scope, one.asset, one.state, when, style=_STYLES[one.state])
    console = Console(markup=False, highlight=False)
    console.print(table)
    for one in found:
        if one.reason:
            again = "; run again to make it anew" if one.state == "damaged" else ""
            console.print(f"{one.asset} of {one.scope}: {one.reason}{again}", soft_wrap=True)


def _in_order(forecasts: list[PlannedResult]) -> Iterator[PlannedResult]:
    """What is shared first, then sample by sample."""
    yield from (one for one in forecasts if one.partition == "")
    by_sample: dict[str, list[PlannedResult]] = {}
    for one in forecasts:
        if one.partition:
            by_sample.setdefault(one.scope, []).append(one)
    for scope in sorted(by_sample):
        yield from by_sample[scope]


def _status(ledger: Ledger, forecast: PlannedResult) -> ResultStatus:
    state, reason = _state(ledger, forecast)
    finished = forecast.record.finished if forecast.record else None
    return ResultStatus(forecast.scope, forecast.asset, state, finished, reason)


def _state(ledger: Ledger, forecast: PlannedResult) -> tuple[str, str]:
    record = forecast.record
    if record is None:
        return "not made", forecast.reason if forecast.outlook is PlannedAction.BLOCKED else ""
    if forecast.outlook is PlannedAction.REUSED:
        return "made", ""
    damage = ledger.verify(record).damage
    if damage:
        return "damaged", damage
    if forecast.is_stale:
        return "stale", forecast.reason
    return "made", forecast.reason if forecast.outlook is PlannedAction.BLOCKED else ""


def _document(one: ResultStatus) -> dict[str, object]:
    return {
        "scope": one.scope,
        "asset": one.asset,
        "state": one.state,
        "finished": one.finished.isoformat() if one.finished else None,
        "problem": one.reason or None,
    }
