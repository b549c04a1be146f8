"""Rebuilds Dagster's history from the records next to the data."""

from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass

from bioinfo_assets.application.dagster_sync_marker import write_marker
from bioinfo_assets.application.plan import Plan, dry_run, plan_everything
from bioinfo_assets.application.run_logs import create_log
from bioinfo_assets.errors import InputError
from bioinfo_assets.pipeline.code_versions import code_versions
from bioinfo_assets.pipeline.dry_run import DryRun, PlannedResult
from bioinfo_assets.records.record import Observation
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.settings import save
from bioinfo_assets.storage.atomic import translate_disk_errors


@dataclass(frozen=True, slots=True)
class RecordedState:
    """What the records of a project contain.

    Attributes:
        plan: All assets for all samples.
        results: The state of each result.
        observations: The last observation of each source.
    """

    plan: Plan
    results: tuple[PlannedResult, ...]
    observations: dict[ResultKey, Observation]

    @property
    def record_count(self) -> int:
        """The number of results that exist."""
        return sum(result.record is not None for result in self.results)


def read_recorded_state(output_path: str) -> RecordedState:
    """Read a project's records and observe its sources.

    Raises:
        InputError: there are neither samples nor results under the output path.
    """
    plan = plan_everything(output_path)
    with dry_run(plan) as trial:
        state = RecordedState(plan, tuple(trial.planned_results()), last_observations(trial))
    if not state.record_count and not plan.names:
        raise InputError(
            f"there are no results in {output_path}, and no samples: check --output-path, or compute some with `run`"
        )
    return state


def report_to_dagster(state: RecordedState, on_result: Callable[[int, ResultKey], None]) -> int:
    """Report all results that Dagster does not have, and return their number; no job is run.

    Args:
        state: The project's records.
        on_result: Called with the number of results so far and the latest one.
    """
    plan, count = state.plan, 0
    with translate_disk_errors(plan.home):
        log = create_log(plan.home, "sync")
        save(plan.project.settings, plan.home)
    with log.open("w", encoding="utf-8") as file, redirect_stderr(file):
        # Dagster takes seconds to import.
        from bioinfo_assets.application.dagster_runs import open_instance  # noqa: PLC0415 - see above
        from bioinfo_assets.assets import sync as events  # noqa: PLC0415 - see above

        versions = code_versions(plan.project)
        project = events.ProjectState(plan.project, plan.names, state.observations, state.results, versions)
        with open_instance(plan.home) as instance:
            for count, key in enumerate(events.sync(instance, project), start=1):
                on_result(count, key)
    write_marker(plan, {item.key: item.record.data_version for item in state.results if item.record is not None})
    return count


def last_observations(trial: DryRun) -> dict[ResultKey, Observation]:
    """Return the observations of the sources, as updated by a dry run."""
    return {observation.key: observation for observation in trial.project.last_observations(trial.samples)}
