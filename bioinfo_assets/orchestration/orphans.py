"""Jobs on AWS Batch whose run is over: a host that was killed could not end them."""

from collections.abc import Iterable

import dagster as dg

from bioinfo_assets.launch.batch.active_jobs import REAP_REASON, ActiveJob, orphans, terminate
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.orchestration.run_liveness import is_over, report_dead_runs


def end_orphans(instance: dg.DagsterInstance, client: Client, jobs: Iterable[ActiveJob]) -> tuple[ActiveJob, ...]:
    """Ends the jobs whose run is over, once runs whose process was killed are reported; gives what was ended.

    A run that was started again has taken its jobs over, which then are its own. Jobs of runs that this Dagster does
    not know are left alone: they may be a colleague's, who works on the same project.

    Raises:
        BioinfoAssetsError: AWS Batch cannot be asked.
    """
    report_dead_runs(instance)
    ended = tuple(orphans(jobs, lambda run_id: is_over(instance, run_id) is True))
    for job in ended:
        terminate(client, job.batch_id, REAP_REASON)
    return ended
