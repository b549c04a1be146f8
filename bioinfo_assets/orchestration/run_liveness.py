"""Detects runs whose process was killed: it reported no end, and Dagster would show the run as running for ever.

The process of a run holds a file lock in Dagster's folder on this machine while it lives. A lock file that nobody holds
belongs to a process that died; a run on another machine, or one that has not started, has no lock file here.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import dagster as dg

from bioinfo_assets.launch.batch.active_jobs import REAP_REASON, ActiveJob, orphans, terminate
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.storage.file_lock import file_lock, is_held

NOT_OVER: Final = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


_held: Final[set[Path]] = set()
"""The lock files that this process holds."""


@contextmanager
def hold_run_lock(instance: dg.DagsterInstance, run_id: str, *, keep_on_error: bool = False) -> Iterator[None]:
    """Hold the lock of a run while this process runs it.

    The lock is re-entrant within the process: the command line takes it before it creates the run, and the launcher
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


def is_over(instance: dg.DagsterInstance, run_id: str) -> bool | None:
    """Whether a run is over; None if this Dagster instance does not have it."""
    run = instance.get_run_by_id(run_id)
    return None if run is None else run.is_finished


def _file(instance: dg.DagsterInstance, run_id: str) -> Path:
    return Path(instance.root_directory) / "runs" / f"{run_id}.alive"


def _has_died(file: Path) -> bool:
    """Whether the process that held this lock has ended without removing the file, which it does before the release."""
    return file.exists() and not is_held(file) and file.exists()


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
