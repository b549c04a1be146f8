"""Looks at the sources now and then, so that Dagit shows what has to be made again."""

from functools import partial
from typing import TYPE_CHECKING

import dagster as dg

from bioinfo_assets.assets.cohort import cohort_observation
from bioinfo_assets.assets.sources import known_sites_source, raw_reads, reference_source
from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.orchestration.partitions import samples
from bioinfo_assets.orchestration.run_liveness import report_dead_runs
from bioinfo_assets.orchestration.source_observations import unseen_observations
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.record import Observation
from bioinfo_assets.records.record_set import ONE
from bioinfo_assets.records.samples import sample_names

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCES_INTERVAL_S = 300
"""How often the sources are looked at, in seconds. Files that were not rewritten are not read again."""

COHORT_INTERVAL_S = 30
"""How often it is looked whether samples have other results, in seconds."""

MONITOR_INTERVAL_S = 60
"""How often runs are looked after, in seconds: no job outlives its run for longer than that."""


@dg.sensor(
    minimum_interval_seconds=SOURCES_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Makes a partition of every sample, and observes FASTQs, reference and known sites by digest.",
)
def observe_sources(context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]) -> dg.SensorResult:
    """Makes the samples the partitions, and observes sources that changed."""
    names = sample_names(project.ledger)
    known = set(context.instance.get_dynamic_partitions(str(samples.name)))
    new = [name for name in names if name not in known]
    gone = sorted(known.difference(names))
    seen = _look(context, project, names)
    events = [
        event
        for key in (raw_reads.key, reference_source.key, known_sites_source.key)
        for event in unseen_observations(context.instance, key, seen.get(key, {}))
    ]
    return dg.SensorResult(
        dynamic_partitions_requests=[
            *([samples.build_add_request(new)] if new else []),
            *([samples.build_delete_request(gone)] if gone else []),
        ],
        asset_events=events,
    )


def _look(
    context: dg.SensorEvaluationContext, project: Project, names: tuple[str, ...]
) -> dict[dg.AssetKey, dict[str, Observation]]:
    """What is seen of each source; one that cannot be read is named in the sensor's log."""
    looks: list[tuple[dg.AssetKey, str, Callable[[], Observation]]] = [
        (reference_source.key, ONE, project.observe_reference),
        (known_sites_source.key, ONE, project.observe_known_sites),
        *((raw_reads.key, name, partial(_reads, project, name)) for name in names if _has_reads(project, name)),
    ]
    seen: dict[dg.AssetKey, dict[str, Observation]] = {}
    for key, partition, look in looks:
        try:
            seen.setdefault(key, {})[partition] = look()
        except BioinfoAssetsError as problem:
            context.log.warning("%s", problem)
    return seen


def _has_reads(project: Project, name: str) -> bool:
    """Whether a sample has FASTQs here; one that was imported may have none."""
    return bool(project.sample(name).lanes)


def _reads(project: Project, name: str) -> Observation:
    return project.observe_reads(project.sample(name))


@dg.sensor(
    minimum_interval_seconds=COHORT_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Observes the cohort: the report is stale when a sample has other results, is new, or was removed.",
)
def observe_cohort(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Observes the cohort where it changed."""
    seen = cohort_observation(context.instance)
    return dg.SkipReason("no sample has other results") if seen is None else dg.SensorResult(asset_events=[seen])


@dg.sensor(
    minimum_interval_seconds=MONITOR_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports runs whose process was killed as failed, and ends the jobs on AWS Batch whose run is over.",
)
def monitor_runs(context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]) -> dg.SkipReason:
    """Ends what a host that was killed could not."""
    for run_id in report_dead_runs(context.instance):
        context.log.warning("run %s lost its process, and is reported as failed", run_id)
    if project.settings.backend != "batch":
        return dg.SkipReason("jobs of this machine end with their run")
    from bioinfo_assets.launch.batch.client import Client  # noqa: PLC0415 - boto3, which others do not need
    from bioinfo_assets.orchestration.orphans import end_orphans  # noqa: PLC0415

    try:
        client = Client()
        ended = end_orphans(context.instance, client, project.active_jobs(client))
    except BioinfoAssetsError as problem:
        return dg.SkipReason(str(problem))
    for job in ended:
        context.log.warning("job %s (%s) is ended: its run %s is over", job.batch_id, job.name, job.run_id)
    return dg.SkipReason(f"{len(ended)} jobs of runs that are over were ended")
