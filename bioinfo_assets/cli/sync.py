"""`bioinfo-assets sync`: rebuild Dagster's history from the records next to the data."""

import json as json_module
import sys

import typer
from rich.console import Console

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.sync import read_recorded_state, report_to_dagster
from bioinfo_assets.cli.options import Json, OutputPath


def sync(*, output_path: OutputPath, json: Json = False) -> None:
    """Rebuild Dagster's history, including staleness, from the records.

    Use it after the loss of Dagster's database, or in a new home. Samples, observations of the sources, and results are
    read from the records next to the data. No job is run.
    """
    console = Console(file=sys.stderr, highlight=False, markup=False)
    with console.status("reading records and sources"):
        state = read_recorded_state(absolute_path(output_path))
    with console.status("reporting to Dagster") as spinner:
        synced = report_to_dagster(
            state, lambda count, key: spinner.update(f"reporting to Dagster: {count}, {key.label}")
        )
    if json:
        typer.echo(json_module.dumps({"synced": synced, "results": state.record_count}))
    else:
        typer.echo(f"{synced} results were reported to Dagster" if synced else "Dagster already has all results")
