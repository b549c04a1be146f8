"""What a run would do, told before it: for `run --explain`, and for a run that has nothing to do."""

import json
from typing import Final

import typer
from rich.console import Console

from bioinfo_assets.application.planned_results import dry_run
from bioinfo_assets.application.preflight import Plan
from bioinfo_assets.pipeline.dry_run import PlannedAction, PlannedResult

_STYLES: Final = {
    PlannedAction.REUSED: "blue",
    PlannedAction.COPIED: "cyan",
    PlannedAction.MADE: "green",
    PlannedAction.UNDECIDED: "yellow",
    PlannedAction.BLOCKED: "bold red",
}


def explain(plan: Plan, console: Console, *, as_json: bool) -> None:
    """Tells of each job whether its result would be reused, and if not, why."""
    with dry_run(plan) as look:
        told = list(look.forecasts())
        unknown_tools = look.unknown_tools
    if as_json:
        typer.echo(json.dumps([_document(one) for one in told], indent=2))
    else:
        for one in told:
            why = f": {one.reason}" if one.reason else ""
            console.print(
                f"{one.scope}  {one.asset}  {one.outlook.value}{why}", style=_STYLES[one.outlook], soft_wrap=True
            )
        counts = ((outlook, sum(one.outlook is outlook for one in told)) for outlook in PlannedAction)
        console.print("\n" + ", ".join(f"{count} {outlook.value}" for outlook, count in counts if count))
    if unknown_tools:
        said = f"tools count as those that results were made with, since they cannot be asked: {unknown_tools}"
        typer.echo(said, err=True)


def _document(one: PlannedResult) -> dict[str, object]:
    return {
        "asset": one.asset,
        "scope": one.scope,
        "would_be": one.outlook.value,
        "reason": one.reason or None,
        "fingerprint": one.wanted.fingerprint if one.wanted else None,
    }
