"""Observes the sources, so that Dagit shows what is out of date: by a sensor, and by a run where much is to be read."""

from collections.abc import Iterable, Iterator
from typing import Final

import dagster as dg

from bioinfo_assets.assets.check_events import current_project
from bioinfo_assets.assets.sources import observe_samples
from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.orchestration.partitions import samples
from bioinfo_assets.orchestration.provenance import new_observations, report_observations
from bioinfo_assets.orchestration.run_liveness import NOT_OVER
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.observations import ReadBudget, UnreadSourceError
from bioinfo_assets.records.record import Observation
from bioinfo_assets.records.samples import sample_names

INTERVAL_S: Final = 300
"""Seconds between two observations of the sources. Files that were not rewritten are not read again."""

MAX_BYTES_IN_TICK: Final = 1 << 30
"""Bytes of new or rewritten files that a sensor reads itself: a few seconds, and Dagster ends a tick after a minute."""


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
    """Read the files of sources that are new or were rewritten, and report each source as soon as it is read."""
    project = current_project(context.resources.project)
    for outcome in observe_all(project, sample_names(project.ledger)):
        if isinstance(outcome, Observation):
            report_observations(context.instance, [outcome])
        else:
            context.log.warning("%s", outcome)


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

    Where there is more to read than a tick has time for, a run is requested, unless there is one already.
    """
    # In this order: a sample is saved before its partition is added, so a new one is not taken for removed.
    known = set(context.instance.get_dynamic_partitions(str(samples.name)))
    names = sample_names(project.ledger)
    new = [name for name in names if name not in known]
    removed = sorted(known.difference(names))
    outcomes = list(observe_all(project, names, budget_of_tick()))
    for problem in outcomes:
        if isinstance(problem, BioinfoAssetsError):
            context.log.warning("%s", problem)
    has_unread = any(isinstance(outcome, UnreadSourceError) for outcome in outcomes)
    observations = [outcome for outcome in outcomes if isinstance(outcome, Observation)]
    return dg.SensorResult(
        run_requests=[dg.RunRequest()] if has_unread and not _is_reading(context.instance) else [],
        dynamic_partitions_requests=[
            *([samples.build_add_request(new)] if new else []),
            *([samples.build_delete_request(removed)] if removed else []),
        ],
        asset_events=list(new_observations(context.instance, observations)),
    )


def _is_reading(instance: dg.DagsterInstance) -> bool:
    """Whether a run of `read_sources` is queued or running."""
    filters = dg.RunsFilter(job_name=read_sources.name, statuses=list(NOT_OVER))
    return instance.get_runs_count(filters) > 0
