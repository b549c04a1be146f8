"""`bioinfo-assets sync`: rebuilds Dagster's history from the records next to the data."""

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
from bioinfo_assets.pipeline.graph import KNOWN_SITES_SOURCE, RAW_READS, REFERENCE_SOURCE, result_key
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.record import Observation
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.settings import save
from bioinfo_assets.storage.atomic import translate_disk_errors


def sync(*, output_path: OutputPath, json: Json = False) -> None:
    """Rebuild Dagster's history, including staleness, from the records: after the loss of its database, or in a new
    home.

    Samples, observations of the sources, and results are read from the records next to the data. No job is run.
    """
    path = absolute_path(output_path)
    home = home_of(path)
    project = Project(settings_of(Request(path), home))
    console = Console(file=sys.stderr, highlight=False, markup=False)
    plan = whole_plan(project, home)
    with console.status("reading records and sources"), dry_run(plan) as trial:
        results = tuple(trial.planned_results())
        observations = last_observations(trial)
    if not any(result.record for result in results):
        raise InputError(f"there are no results in {path}: check --output-path, or compute some with `run`")
    with translate_disk_errors(home):
        (home / "logs").mkdir(parents=True, exist_ok=True)
        save(project.settings, home)
    log = home / "logs" / f"sync-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.log"
    count = 0
    with (
        console.status("reporting to Dagster") as shown,
        log.open("w", encoding="utf-8") as file,
        redirect_stderr(file),
    ):
        from bioinfo_assets.application.dagster_instance import open_instance  # noqa: PLC0415
        from bioinfo_assets.assets import sync as events  # noqa: PLC0415 - Dagster takes seconds to import

        state = events.ProjectState(project, plan.names, observations, results, code_versions(project))
        with open_instance(home) as instance:
            for count, key in enumerate(events.sync(instance, state), start=1):
                shown.update(f"reporting to Dagster: {count}, {key.label}")
    write_marker(plan)
    if json:
        typer.echo(json_module.dumps({"synced": count, "results": sum(item.record is not None for item in results)}))
    else:
        typer.echo(f"{count} results were reported to Dagster" if count else "Dagster already has all results")


def last_observations(trial: DryRun) -> dict[ResultKey, Observation]:
    """The observations of the sources as the dry run left them."""
    ledger = trial.project.ledger
    shared = [result_key(source, "") for source in (REFERENCE_SOURCE, KNOWN_SITES_SOURCE)]
    keys = [*shared, *(result_key(RAW_READS, name) for name in trial.samples)]
    observations = {key: ledger.read_observation(key) for key in keys}
    return {key: observation for key, observation in observations.items() if observation is not None}
