"""`bioinfo-assets sync`: tells Dagster what the records beside the data know."""

import json as json_module
import sys
from contextlib import redirect_stderr
from datetime import UTC, datetime

import typer
from rich.console import Console

from bioinfo_assets.application.dagster_sync_marker import write_marker
from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.planned_results import dry_run
from bioinfo_assets.application.preflight import whole_plan
from bioinfo_assets.application.request import Request, home_of, settings_of
from bioinfo_assets.cli.options import Json, OutputPath
from bioinfo_assets.errors import InputError
from bioinfo_assets.pipeline.code_versions import code_versions
from bioinfo_assets.pipeline.dry_run import DryRun
from bioinfo_assets.pipeline.graph import KNOWN_SITES_SOURCE, RAW_READS, REFERENCE_SOURCE, REFERENCES
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.record import Observation
from bioinfo_assets.records.record_set import ONE
from bioinfo_assets.settings import save
from bioinfo_assets.storage.atomic import translate_disk_errors


def sync(*, output_path: OutputPath, json: Json = False) -> None:
    """Tell Dagster of results that it does not know, as after the loss of its database, or in a home of your own.

    Samples, what was seen of the sources, results, and what of it is stale, are told from the records beside the data.
    Nothing is run.
    """
    place = absolute_path(output_path)
    home = home_of(place)
    project = Project(settings_of(Request(place), home))
    console = Console(file=sys.stderr, highlight=False, markup=False)
    plan = whole_plan(project, home)
    with console.status("looking at records and sources"), dry_run(plan) as look:
        forecasts = tuple(look.forecasts())
        seen = _observations(look)
    if not any(one.record for one in forecasts):
        raise InputError(f"there are no results in {place}: check --output-path, or make some with `run`")
    with translate_disk_errors(home):
        (home / "logs").mkdir(parents=True, exist_ok=True)
        save(project.settings, home)
    log = home / "logs" / f"sync-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.log"
    told = 0
    with console.status("telling Dagster") as shown, log.open("w", encoding="utf-8") as file, redirect_stderr(file):
        from bioinfo_assets.application.dagster_instance import open_instance  # noqa: PLC0415
        from bioinfo_assets.assets import sync as events  # noqa: PLC0415 - Dagster takes seconds to import

        known = events.ProjectState(project, plan.names, seen, forecasts, code_versions(project))
        with open_instance(home) as instance:
            for told, (asset, partition) in enumerate(events.sync(instance, known), start=1):
                shown.update(f"telling Dagster: {told}, {asset} {partition}")
    write_marker(plan)
    if json:
        typer.echo(json_module.dumps({"told": told, "results": sum(one.record is not None for one in forecasts)}))
    else:
        typer.echo(f"Dagster was told of {told} results that it did not know" if told else "Dagster knows all results")


def _observations(look: DryRun) -> dict[tuple[str, str], Observation]:
    """What is seen of the sources now, or where they cannot be looked at what was seen last."""
    ledger = look.project.ledger
    places = [(REFERENCE_SOURCE, ONE), (KNOWN_SITES_SOURCE, ONE), *((RAW_READS, name) for name in look.samples)]
    found = {place: ledger.read_observation(place[1] or REFERENCES, place[0]) for place in places}
    return {place: seen for place, seen in found.items() if seen is not None}
