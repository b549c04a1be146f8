"""Dry runs of a plan: for `run --explain`, `status`, `sync`, and a run that finds everything up to date."""

from collections.abc import Iterator
from contextlib import contextmanager

from bioinfo_assets.application.preflight import Plan
from bioinfo_assets.launch.backend_config import open_backend
from bioinfo_assets.pipeline.dry_run import DryRun, PlannedAction, PlannedResult
from bioinfo_assets.pipeline.sources import Sources
from bioinfo_assets.records.samples import sample_names


@contextmanager
def dry_run(plan: Plan) -> Iterator[DryRun]:
    """A dry run of a plan."""
    project = plan.project
    backend = open_backend(project.settings, project.settings.output_path, project.store, "none", "none")
    new = {sample.name: sample for sample in plan.new}
    all_samples = tuple(dict.fromkeys([*sample_names(project.ledger), *new]))
    try:
        yield DryRun(project, backend, plan.assets, plan.names, all_samples, Sources(project, new), plan.superseded)
    finally:
        backend.close()


def all_reusable(plan: Plan) -> list[PlannedResult] | None:
    """All results of a plan if they exist, are intact and up to date; None if one is not.

    Nothing is checked in detail before every result is known to have a record.
    """
    ledger = plan.project.ledger
    if not all(ledger.store.exists(ledger.uri(key)) for key in plan.result_keys()):
        return None
    results = []
    with dry_run(plan) as trial:
        for result in trial.planned_results():
            if result.action is not PlannedAction.REUSE:
                return None
            results.append(result)
        return None if trial.unknown_tools else results
