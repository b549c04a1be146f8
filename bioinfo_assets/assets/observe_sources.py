"""Observes the sources, so that Dagit shows what is out of date: by a sensor, and by a run where much is to be read."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Final

import dagster as dg

from bioinfo_assets.assets.check_events import MAX_NAMED, current_project
from bioinfo_assets.assets.sources import observe_samples
from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.orchestration.executor import raise_if_interrupted
from bioinfo_assets.orchestration.partitions import set_samples
from bioinfo_assets.orchestration.provenance import new_observations, report_observations
from bioinfo_assets.orchestration.run_liveness import has_active_run
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.observations import ReadBudget, UnreadSourceError
from bioinfo_assets.records.record import Observation
from bioinfo_assets.records.samples import sample_names

INTERVAL_S: Final = 300
"""Seconds between two observations of the sources. Files that were not rewritten are not read again."""

LONG_INTERVAL_S: Final = 3600
"""The same in a project of many samples."""

MAX_SAMPLES_IN_TICK: Final = 1000
"""With more samples a sensor leaves the work to a run: Dagster ends its tick after a minute."""

MAX_BYTES_IN_TICK: Final = 1 << 30
"""Bytes of new or rewritten files that a sensor reads itself, which takes it a few seconds."""


def budget_of_tick() -> ReadBudget:
    """What one tick of a sensor may read; the rest is read by a run of `read_sources`."""
    return ReadBudget(MAX_BYTES_IN_TICK)


def observe_all(
    project: Project, names: Iterable[str], budget: ReadBudget | None = None
) -> Iterator[Observation | BioinfoAssetsError]:
    """Observe reference, known sites and the FASTQs of samples: each observation, or why there is none."""
    for observe in (project.observe_reference, project.observe_known_sites):
        try:
            yield observe(budget)
        except BioinfoAssetsError as problem:
            yield problem
    yield from observe_samples(project, names, budget)


@dg.op(required_resource_keys={"project"})
def read_new_files(context: dg.OpExecutionContext) -> None:
    """Read the files of sources that are new or were rewritten, and report each of them as soon as it is read."""
    project = current_project(context.resources.project)
    began = datetime.now(UTC)
    unchanged, unread = [], 0
    for outcome in observe_all(project, sample_names(project.ledger)):
        raise_if_interrupted()
        if not isinstance(outcome, Observation):
            unread += 1
            if unread <= MAX_NAMED:  # Dagster keeps each line for good
                context.log.warning("%s", outcome)
        elif outcome.observed >= began:
            report_observations(context.instance, [outcome])
        else:
            unchanged.append(outcome)
    if unread > MAX_NAMED:
        context.log.warning("and %s more cannot be read", unread - MAX_NAMED)
    report_observations(context.instance, unchanged)


@dg.job(
    name="read_sources",
    description="Reads FASTQs, reference and known sites that are new or were rewritten, for their checksums.",
)
def read_sources() -> None:
    """Read new files."""
    read_new_files()


@dg.sensor(
    job_name=read_sources.name,  # given the job itself, Dagster warns of a parameter of its own
    minimum_interval_seconds=INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Adds a partition for every sample, and observes FASTQs, reference and known sites by checksum.",
)
def observe_sources(context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]) -> dg.SensorResult:
    """Keep the partitions equal to the samples, and report sources that have changed.

    Where there is more to do than a tick has time for, a run is requested, unless there is one already.
    """
    project = current_project(project)
    names = set_samples(context.instance, partial(sample_names, project.ledger))
    is_reading = has_active_run(context.instance, read_sources.name)
    if len(names) > MAX_SAMPLES_IN_TICK:
        last, now = float(context.cursor or 0), time.time()
        if is_reading or now < last + LONG_INTERVAL_S:
            return dg.SensorResult(cursor=context.cursor)
        return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=str(now))
    outcomes = list(observe_all(project, names, budget_of_tick()))
    for problem in outcomes:
        if isinstance(problem, BioinfoAssetsError):
            context.log.warning("%s", problem)
    has_unread = any(isinstance(outcome, UnreadSourceError) for outcome in outcomes)
    observations = [outcome for outcome in outcomes if isinstance(outcome, Observation)]
    return dg.SensorResult(
        run_requests=[dg.RunRequest()] if has_unread and not is_reading else [],
        asset_events=list(new_observations(context.instance, observations)),
    )
