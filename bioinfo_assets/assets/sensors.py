"""Sensors: they observe the cohort, make the report after a backfill with failures, and watch over runs."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import dagster as dg

from bioinfo_assets.assets.check_events import current_project
from bioinfo_assets.assets.sources import cohort_observation
from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.orchestration.backfills import FAILED_BACKFILLS, was_left_out
from bioinfo_assets.orchestration.internals import BulkActionsFilter
from bioinfo_assets.orchestration.run_liveness import report_dead_runs
from bioinfo_assets.pipeline.graph import OVER_SAMPLES
from bioinfo_assets.pipeline.project import Project

COHORT_INTERVAL_S: Final = 30
"""Seconds between two checks whether results of samples have changed."""

MONITOR_INTERVAL_S: Final = 60
"""Seconds between two checks of runs and of the jobs that they left."""

REPORT_INTERVAL_S: Final = 30
"""Seconds between two checks for backfills that have left the report out."""

MAX_BACKFILL_S: Final = 60 * 24 * 3600
"""How long a backfill may take: those that were requested earlier are not checked."""

MAX_AGE_S: Final = 24 * 3600
"""Backfills that ended longer ago are not checked."""


@dg.sensor(
    minimum_interval_seconds=COHORT_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Observes the cohort: the report is stale when a sample has other results, is new, or was removed.",
)
def observe_cohort(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Report the cohort if it has changed."""
    observation = cohort_observation(context.instance)
    return (
        dg.SkipReason("no result has changed") if observation is None else dg.SensorResult(asset_events=[observation])
    )


@dg.sensor(
    asset_selection=dg.AssetSelection.assets(*OVER_SAMPLES),
    minimum_interval_seconds=REPORT_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Makes the report that a backfill has left out because one of its samples failed.",
)
def make_report_after_backfill(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """Request the assets over all samples of each backfill in which a sample failed.

    A report takes the samples that have results. Dagster leaves out whatever is downstream of a failure, also of one
    among a thousand partitions.
    """
    now = time.time()
    since = datetime.fromtimestamp(now - MAX_BACKFILL_S, tz=UTC)
    filters = BulkActionsFilter(statuses=list(FAILED_BACKFILLS), created_after=since)
    for backfill in context.instance.get_backfills(filters=filters):
        ended = backfill.backfill_end_timestamp
        if ended is not None and ended < now - MAX_AGE_S:
            continue
        left_out = [asset for asset in OVER_SAMPLES if was_left_out(backfill, dg.AssetKey(asset))]
        if left_out:
            # Dagster starts no second run for the same key.
            yield dg.RunRequest(
                run_key=f"report-of-{backfill.backfill_id}",
                asset_selection=[dg.AssetKey(asset) for asset in left_out],
                tags={"bioinfo-assets/report-of-backfill": backfill.backfill_id},
            )


@dg.sensor(
    minimum_interval_seconds=MONITOR_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports runs whose process was killed as failed, and ends jobs on AWS Batch whose run is over.",
)
def monitor_runs(context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]) -> dg.SkipReason:
    """Clean up after a host that was killed."""
    for run_id in report_dead_runs(context.instance):
        context.log.warning("run %s lost its process and is reported as failed", run_id)
    try:
        project = current_project(project)
        if project.settings.backend != "batch":
            return dg.SkipReason("jobs on this machine end with their run")
        from bioinfo_assets.launch.batch.client import Client  # noqa: PLC0415 - boto3, which others do not need
        from bioinfo_assets.orchestration.run_liveness import end_orphans  # noqa: PLC0415 - as above

        client = Client()
        grace_s = project.settings.batch.orphan_grace_s
        ended = end_orphans(context.instance, client, project.active_jobs(client), grace_s)
    except BioinfoAssetsError as problem:
        return dg.SkipReason(str(problem))
    for job in ended:
        context.log.warning("job %s (%s) is ended: its run %s is over", job.batch_id, job.name, job.run_id)
    return dg.SkipReason(f"{len(ended)} orphaned jobs were ended")
