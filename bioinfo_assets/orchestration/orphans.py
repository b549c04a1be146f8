"""Orphaned jobs on AWS Batch: their run is over, but its host was killed before it could end them."""

from collections.abc import Iterable

import dagster as dg

from bioinfo_assets.launch.batch.active_jobs import REAP_REASON, ActiveJob, orphans, terminate
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.orchestration.run_liveness import is_over, report_dead_runs


def end_orphans(instance: dg.DagsterInstance, client: Client, jobs: Iterable[ActiveJob]) -> tuple[ActiveJob, ...]:
    """Report runs whose process was killed, and end the jobs of runs that are over; returns the ended jobs.

    A resumed run has adopted its jobs, which are then its own. Jobs of runs that this Dagster instance does not have
    are left alone: they may belong to a colleague who works on the same project.

    Raises:
        BioinfoAssetsError: AWS Batch cannot be reached.
    """
    report_dead_runs(instance)
    ended = tuple(orphans(jobs, lambda run_id: is_over(instance, run_id) is True))
    for job in ended:
        terminate(client, job.batch_id, REAP_REASON)
    return ended
