"""What a run would do, for `run --explain`, `status` and a run that finds everything up to date."""

from collections.abc import Iterator
from contextlib import contextmanager

from bioinfo_assets.application.preflight import Plan
from bioinfo_assets.launch.backend_config import open_backend
from bioinfo_assets.pipeline.dry_run import DryRun, PlannedAction, PlannedResult
from bioinfo_assets.pipeline.sources import Sources
from bioinfo_assets.records.samples import sample_names


@contextmanager
def dry_run(plan: Plan) -> Iterator[DryRun]:
    """A look at what a plan would make."""
    project = plan.project
    backend = open_backend(project.settings.means, project.settings.output_path, project.store, "none", "none")
    new = {sample.name: sample for sample in plan.new}
    everyone = tuple(dict.fromkeys([*sample_names(project.ledger), *new]))
    try:
        yield DryRun(project, backend, plan.assets, plan.names, everyone, Sources(project, new), plan.left_out)
    finally:
        backend.close()


def all_reusable(plan: Plan) -> list[PlannedResult] | None:
    """All results of a plan, if they are there, whole and up to date; None as soon as one is not.

    Nothing is looked at closely before every result is known to have a record.
    """
    ledger = plan.project.ledger
    for asset in plan.assets:
        for scope in plan.scopes(asset):
            if not ledger.store.exists(ledger.uri(scope, asset)):
                return None
    found = []
    with dry_run(plan) as look:
        for forecast in look.forecasts():
            if forecast.outlook is not PlannedAction.REUSED:
                return None
            found.append(forecast)
        return None if look.unknown_tools else found
