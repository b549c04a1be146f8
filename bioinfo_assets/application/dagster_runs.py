"""Runs assets in this process, on the project's own Dagster instance, where Dagit shows the runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import dagster as dg

from bioinfo_assets.application.dagster_instance import LOG_TAG, open_instance, report_ended
from bioinfo_assets.application.preflight import Plan
from bioinfo_assets.application.run_progress import Failure, RunProgress
from bioinfo_assets.assets.cohort import report_cohort
from bioinfo_assets.definitions import build_definitions
from bioinfo_assets.orchestration.internals import InMemoryJob, execute_run
from bioinfo_assets.orchestration.interruption import CANCELLED_BY_INTERRUPT
from bioinfo_assets.orchestration.job_updates import JobState, listen
from bioinfo_assets.orchestration.partitions import range_tags, ranges, samples, set_samples
from bioinfo_assets.pipeline.graph import OVER_SAMPLES, PER_SAMPLE, SHARED
from bioinfo_assets.records.samples import sample_names

JOB: Final = "align_samples"
_ERROR_MODULE: Final = "bioinfo_assets.errors."
TAGS: Final = {"bioinfo-assets/started-by": "command line", "bioinfo-assets/version": version("bioinfo-assets")}


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run that is over: its id in Dagster, and whether all of it succeeded."""

    run_id: str
    success: bool


def run_plan(plan: Plan, log: str, board: RunProgress) -> tuple[RunResult, ...]:
    """Makes the assets of a plan; the board is told how jobs come along, and which failed.

    Args:
        plan: What to make.
        log: The log within the home, which this process holds locked: the sign that it lives.
        board: What is told.

    Raises:
        KeyboardInterrupt: the user interrupted it; its jobs are ended.
    """
    definitions = build_definitions(plan.project.settings)
    with open_instance(plan.home) as instance, listen(board.update):
        report_ended(instance, plan.home)
        set_samples(instance, [*plan.names, *sample_names(plan.project.ledger)])
        results = tuple(_run(definitions, instance, *part, board) for part in _parts(plan, instance, log))
        report_cohort(instance)
        return results


def _parts(plan: Plan, instance: dg.DagsterInstance, log: str) -> Iterator[tuple[list[str], Mapping[str, str]]]:
    """The runs that a plan takes, as assets and tags: one for each range of samples that were added in a row.

    What the samples share is made in the first of them, what is made of all samples in the last.
    """
    spans = list(_spans(plan, instance.get_dynamic_partitions(str(samples.name))))
    for number, (left_out, span) in enumerate(spans or [(frozenset(), ())]):
        elsewhere = {*left_out, *(SHARED if number else ()), *(OVER_SAMPLES if number < len(spans) - 1 else ())}
        tags = {LOG_TAG: log, **(range_tags(*span) if span else {})}
        yield [asset for asset in plan.assets if asset not in elsewhere], tags


def _spans(plan: Plan, order: Sequence[str]) -> Iterator[tuple[frozenset[str], tuple[str, str] | tuple[()]]]:
    """Ranges of samples of which the same is to be made: what is left out of it, first and last sample."""
    alike: dict[frozenset[str], set[str]] = {}
    for name in plan.names:
        alike.setdefault(plan.superseded.get(name, frozenset()), set()).add(name)
    for left_out, names in alike.items():
        if set(plan.assets) & set(PER_SAMPLE) - left_out:
            yield from ((left_out, span) for span in ranges(order, names))


def _run(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    assets: Sequence[str],
    tags: Mapping[str, str],
    board: RunProgress,
) -> RunResult:
    job = definitions.resolve_job_def(JOB)
    run = instance.create_run_for_job(
        job_def=job,
        asset_selection=frozenset(map(dg.AssetKey, assets)),
        tags={**TAGS, **CANCELLED_BY_INTERRUPT, **tags},
    )
    result = execute_run(InMemoryJob(job), run, instance)
    if result.dagster_run.status is dg.DagsterRunStatus.CANCELED:
        raise KeyboardInterrupt
    for failure in _untold(result, board):
        board.add_failure(failure)
    return RunResult(run.run_id, result.success)


def _untold(result: dg.JobExecutionResult, board: RunProgress) -> Iterator[Failure]:
    """The failures of steps that ended before they had a job to tell of, or of a run that ended before its steps."""
    told = {failure.asset for failure in board.failures}
    skipped = {asset for asset, row in board.counts().items() if row[JobState.SKIPPED.value]}
    steps = list(result.filter_events(lambda event: event.is_step_failure))
    for event in steps:
        asset = str(event.step_key)
        if asset not in told | skipped:
            yield Failure(asset, None, _reason(event))
    if not steps:
        for event in result.filter_events(lambda event: event.event_type is dg.DagsterEventType.RUN_FAILURE):
            yield Failure("the run", None, _reason(event))


def _reason(event: dg.DagsterEvent) -> str:
    """Why a step or a run failed: the sentence of one of our errors, else class and text of the first cause."""
    error = event.step_failure_data.error if event.is_step_failure else event.job_failure_data.error
    while error is not None and error.cause is not None and not error.message.startswith(_ERROR_MODULE):
        error = error.cause
    said = error.message.strip() if error else "it did not say why"
    return said.partition(": ")[2] if said.startswith(_ERROR_MODULE) else said
