"""`bioinfo-assets run --explain`: show what a run would do, and why."""

import json
from typing import Final

import typer
from rich.console import Console

from bioinfo_assets.application.plan import Plan, dry_run
from bioinfo_assets.pipeline.dry_run import PlannedAction, PlannedResult

_STYLES: Final = {
    PlannedAction.REUSE: "blue",
    PlannedAction.COPY: "cyan",
    PlannedAction.RUN: "green",
    PlannedAction.DEPENDS_ON_UPSTREAM: "yellow",
    PlannedAction.BLOCKED: "bold red",
}


def explain(plan: Plan, console: Console, *, as_json: bool) -> None:
    """Print for each result whether a run would reuse it, and if not, why."""
    with dry_run(plan) as trial:
        results = list(trial.planned_results())
    if as_json:
        typer.echo(json.dumps([_to_dict(result) for result in results], indent=2))
    else:
        for result in results:
            reason = f": {result.reason}" if result.reason else ""
            line = f"{result.key.scope}  {result.key.asset}  {result.action.value}{reason}"
            console.print(line, style=_STYLES[result.action], soft_wrap=True)
        counts = ((action, sum(result.action is action for result in results)) for action in PlannedAction)
        console.print("\n" + ", ".join(f"{action.value}: {count}" for action, count in counts if count))
    if trial.unknown_tools:
        warning = f"tools are assumed unchanged, since their current versions are unknown: {trial.unknown_tools}"
        typer.echo(warning, err=True)


def _to_dict(result: PlannedResult) -> dict[str, object]:
    return {
        "asset": result.key.asset,
        "scope": result.key.scope,
        "action": result.action.value,
        "reason": result.reason or None,
        "fingerprint": (result.decision.fingerprint or None) if result.decision else None,
    }
