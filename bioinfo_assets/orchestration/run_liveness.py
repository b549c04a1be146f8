"""Detects runs whose process was killed: it reported no end, and Dagster would show the run as running for ever.

The process of a run holds a file lock in Dagster's folder on this machine while it lives. A lock file that nobody holds
belongs to a process that died; a run on another machine, or one that has not started, has no lock file here.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import dagster as dg

from bioinfo_assets.storage.file_lock import file_lock, is_held

if TYPE_CHECKING:
    from bioinfo_assets.launch.batch.active_jobs import ActiveJob
    from bioinfo_assets.launch.batch.client import Client

NOT_OVER: Final = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


def has_active_run(instance: dg.DagsterInstance, job_name: str) -> bool:
    """Whether a run of a job is queued or running."""
    return instance.get_runs_count(dg.RunsFilter(job_name=job_name, statuses=list(NOT_OVER))) > 0


JOBS_LEFT_TAG: Final = "bioinfo-assets/jobs-left"
"""The tag of a run that lost sight of its jobs and left them running."""

_held: Final[set[Path]] = set()
"""The lock files that this process holds."""


@contextmanager
def hold_run_lock(instance: dg.DagsterInstance, run_id: str, *, keep_on_error: bool = False) -> Iterator[None]:
    """Hold the lock of a run while this process runs it.

    The lock is re-entrant within the process: the command line takes it before it creates the run, and the executor
    again.

    Args:
        instance: The Dagster instance.
        run_id: The run, which need not exist yet.
        keep_on_error: Leave the file if the block raises, since Dagster may not have recorded that the run is over;
            `report_dead_runs` then reports it.
    """
    file = _file(instance, run_id)
    if file in _held:
        yield
        return
    with file_lock(file):
        _held.add(file)
        try:
            yield
        except BaseException:
            if not keep_on_error:
                file.unlink(missing_ok=True)
            raise
        else:
            file.unlink(missing_ok=True)
        finally:
            _held.discard(file)


def report_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report unfinished runs whose process on this machine has died as failed; returns their ids."""
    dead = [
        run
        for run in instance.get_runs(filters=dg.RunsFilter(statuses=list(NOT_OVER)))
        if _has_died(_file(instance, run.run_id))
    ]
    for run in dead:
        instance.report_run_failed(run, "its process ended before it did")
        _file(instance, run.run_id).unlink(missing_ok=True)
    return [run.run_id for run in dead]


def mark_jobs_left(instance: dg.DagsterInstance, run_id: str) -> None:
    """Note that a run has left its jobs running, so that the sensor does not terminate them."""
    instance.add_run_tags(run_id, {JOBS_LEFT_TAG: run_id})  # a re-execution inherits tags


def is_over(instance: dg.DagsterInstance, run_id: str) -> bool | None:
    """Whether a run is over; None if this Dagster instance does not have it."""
    run = instance.get_run_by_id(run_id)
    return None if run is None else run.is_finished


def jobs_may_be_ended(instance: dg.DagsterInstance, run_id: str, grace_s: float) -> bool:
    """Whether the jobs that a run left may be terminated without asking anybody.

    They may if the run succeeded or was cancelled. If it failed, somebody may want to start it again, which continues
    with its jobs: they may be terminated some time later, and never if it left them on purpose.
    """
    record = instance.get_run_record_by_id(run_id)
    if record is None or not record.dagster_run.is_finished:
        return False
    if record.dagster_run.tags.get(JOBS_LEFT_TAG) == run_id:
        return False
    has_failed = record.dagster_run.status is dg.DagsterRunStatus.FAILURE
    return not has_failed or time.time() - (record.end_time or 0.0) >= grace_s


def _file(instance: dg.DagsterInstance, run_id: str) -> Path:
    return Path(instance.root_directory) / "runs" / f"{run_id}.alive"


def _has_died(file: Path) -> bool:
    """Whether the process that held this lock has ended without removing the file, which it does before the release."""
    return file.exists() and not is_held(file) and file.exists()


def end_orphans(
    instance: dg.DagsterInstance, client: "Client", jobs: "Iterable[ActiveJob]", grace_s: float | None = None
) -> "tuple[ActiveJob, ...]":
    """Report runs whose process was killed, and end the jobs of runs that are over; returns the ended jobs.

    A resumed run has adopted its jobs, which are then its own. Jobs of runs that this Dagster instance does not have
    are left alone: they may belong to a colleague who works on the same project.

    Args:
        instance: The Dagster instance.
        client: Client for Batch.
        jobs: The active jobs of the project.
        grace_s: Seconds after a failed run in which its jobs are left, for the run to be started again; jobs that a run
            left on purpose are left as well. None: a person asks for the end of them all.

    Raises:
        BioinfoAssetsError: AWS Batch cannot be reached.
    """
    from bioinfo_assets.launch.batch.active_jobs import orphans  # noqa: PLC0415 - boto3 takes a while to import
    from bioinfo_assets.launch.batch.classify_outcome import REAPED  # noqa: PLC0415 - as above

    report_dead_runs(instance)

    def may_be_ended(run_id: str) -> bool:
        return is_over(instance, run_id) is True if grace_s is None else jobs_may_be_ended(instance, run_id, grace_s)

    ended = tuple(orphans(jobs, may_be_ended))
    for job in ended:
        client.terminate(job.batch_id, REAPED)
    return ended
