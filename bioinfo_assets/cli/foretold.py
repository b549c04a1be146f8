"""What a run would do, told before it: for `run --explain`, and for a run that has nothing to do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer
from rich.console import Console

from bioinfo_assets.cli.preflight import Plan
from bioinfo_assets.launch.means import open_backend
from bioinfo_assets.pipeline.forecast import Forecast, Look, Outlook
from bioinfo_assets.pipeline.sources import Sources
from bioinfo_assets.records.samples import sample_names

_STYLES: Final = {
    Outlook.REUSED: "blue",
    Outlook.COPIED: "cyan",
    Outlook.MADE: "green",
    Outlook.UNDECIDED: "yellow",
    Outlook.BLOCKED: "bold red",
}


@contextmanager
def look_of(plan: Plan) -> Iterator[Look]:
    """A look at what a plan would make."""
    project = plan.project
    backend = open_backend(project.settings.means, project.settings.output_path, project.store, "none", "none")
    new = {sample.name: sample for sample in plan.new}
    everyone = tuple(dict.fromkeys([*sample_names(project.ledger), *new]))
    try:
        yield Look(project, backend, plan.assets, plan.names, everyone, Sources(project, new), plan.left_out)
    finally:
        backend.close()


def reused(plan: Plan) -> list[Forecast] | None:
    """All results of a plan, if they are there, whole and up to date; None as soon as one is not.

    Nothing is looked at closely before every result is known to have a record.
    """
    ledger = plan.project.ledger
    for asset in plan.assets:
        for subject in plan.subjects(asset):
            if not ledger.store.exists(ledger.uri(subject, asset)):
                return None
    found = []
    with look_of(plan) as look:
        for forecast in look.forecasts():
            if forecast.outlook is not Outlook.REUSED:
                return None
            found.append(forecast)
        return None if look.unknown_tools else found


def explain(plan: Plan, console: Console, *, as_json: bool) -> None:
    """Tells of each job whether its result would be reused, and if not, why."""
    with look_of(plan) as look:
        told = list(look.forecasts())
        unknown_tools = look.unknown_tools
    if as_json:
        typer.echo(json.dumps([_document(one) for one in told], indent=2))
    else:
        for one in told:
            why = f": {one.reason}" if one.reason else ""
            console.print(
                f"{one.subject}  {one.asset}  {one.outlook.value}{why}", style=_STYLES[one.outlook], soft_wrap=True
            )
        counts = ((outlook, sum(one.outlook is outlook for one in told)) for outlook in Outlook)
        console.print("\n" + ", ".join(f"{count} {outlook.value}" for outlook, count in counts if count))
    if unknown_tools:
        said = f"tools count as those that results were made with, since they cannot be asked: {unknown_tools}"
        typer.echo(said, err=True)


def _document(one: Forecast) -> dict[str, object]:
    return {
        "asset": one.asset,
        "subject": one.subject,
        "would_be": one.outlook.value,
        "reason": one.reason or None,
        "fingerprint": one.wanted.fingerprint if one.wanted else None,
    }
