"""`bioinfo-assets status`: show which results exist and are up to date, from the records next to the data."""

import json as json_module
from collections.abc import Iterable, Iterator
from typing import Final

import typer
from rich.table import Table

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.plan import dry_run, plan_everything
from bioinfo_assets.cli.options import Json, OutputPath
from bioinfo_assets.cli.tables import name_column, table_console
from bioinfo_assets.pipeline.result_state import ResultState, State, result_states

_STYLES: Final = {
    State.CURRENT: "green",
    State.RELEASED: "cyan",
    State.STALE: "yellow",
    State.DAMAGED: "bold red",
    State.MISSING: "dim",
}


def status(*, output_path: OutputPath, json: Json = False) -> None:
    """Show which results are up to date, released, stale, damaged or missing, and why.

    A result is stale if its reads, reference, known sites, a parameter, a step or a tool has changed since it was
    computed, or if one of its inputs is stale. A released result is up to date, and its large files were deleted on
    purpose, by the setting `retention`. The exit code is 0 in each of these cases.
    """
    plan = plan_everything(absolute_path(output_path))
    with dry_run(plan, states_only=True) as trial:
        results = list(_by_scope(result_states(trial)))
    if trial.unknown_tools:
        typer.echo(f"current tool versions are unknown: {trial.unknown_tools}", err=True)
    if json:
        typer.echo(json_module.dumps([_to_dict(result) for result in results], indent=2))
        return
    table = Table(name_column("SCOPE"), "ASSET", "STATE", "WHEN (UTC)", box=None, pad_edge=False)
    for result in results:
        when = f"{result.finished:%Y-%m-%d %H:%M:%S}" if result.finished else ""
        table.add_row(result.key.scope, result.key.asset, result.state, when, style=_STYLES[result.state])
    console = table_console()
    console.print(table)
    for result in results:
        if result.reason:
            advice = "; run again to recompute it" if result.state is State.DAMAGED else ""
            console.print(f"{result.key.label}: {result.reason}{advice}", soft_wrap=True)


def _by_scope(results: Iterable[ResultState]) -> Iterator[ResultState]:
    """Shared results first, then sample by sample."""
    by_sample: dict[str, list[ResultState]] = {}
    for result in results:
        by_sample.setdefault(result.key.partition_key or "", []).append(result)
    for sample in sorted(by_sample):
        yield from by_sample[sample]


def _to_dict(result: ResultState) -> dict[str, object]:
    return {
        "scope": result.key.scope,
        "asset": result.key.asset,
        "state": result.state,
        "finished": result.finished.isoformat() if result.finished else None,
        "reason": result.reason or None,
        "released": result.released.isoformat() if result.released else None,
    }
