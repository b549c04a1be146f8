"""Runs of assets in this process, on the project's Dagster instance, where Dagit shows them."""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final
from uuid import uuid4

import dagster as dg
from sqlalchemy.exc import DBAPIError

from bioinfo_assets.application.plan import Plan
from bioinfo_assets.application.run_logs import move_earlier_logs
from bioinfo_assets.application.run_progress import Failure, RunProgress
from bioinfo_assets.assets.sources import report_cohort
from bioinfo_assets.assets.up_to_date import report_after_run
from bioinfo_assets.assets.usage import report_usage
from bioinfo_assets.definitions import build_definitions
from bioinfo_assets.errors import InputError, ResourceError
from bioinfo_assets.orchestration.code_location import RunRequest, create_run, job_origin
from bioinfo_assets.orchestration.executor import CANCELLED_BY_INTERRUPT
from bioinfo_assets.orchestration.internals import InMemoryJob, execute_run_iterator
from bioinfo_assets.orchestration.job_updates import listen
from bioinfo_assets.orchestration.partitions import set_samples
from bioinfo_assets.orchestration.run_launcher import COMMAND_LINE, STARTED_BY_TAG, ProjectRunLauncher
from bioinfo_assets.orchestration.run_liveness import hold_run_lock, report_dead_runs
from bioinfo_assets.orchestration.sqlite_storage import open_fast
from bioinfo_assets.records.record import user_name
from bioinfo_assets.records.samples import sample_names
from bioinfo_assets.storage.atomic import atomic_write, disk_full_error
from bioinfo_assets.storage.file_lock import file_lock
from bioinfo_assets.storage.store import local_path

_log = logging.getLogger(__name__)

_FIRST_INSTANCE: Final = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"

_SECOND_INSTANCE: Final = f"""{_FIRST_INSTANCE}run_launcher:
  module: {ProjectRunLauncher.__module__}
  class: {ProjectRunLauncher.__name__}
"""

_THIRD_INSTANCE: Final = f"{_SECOND_INSTANCE}python_logs:\n  python_log_level: INFO\n"

INSTANCE: Final = f"""{_THIRD_INSTANCE}run_monitoring:
  enabled: true
  cancel_timeout_seconds: 1800
run_queue:
  max_user_code_failure_retries: 20
  user_code_failure_retry_delay: 60
concurrency:
  runs:
    max_concurrent_runs: 10
    tag_concurrency_limits:
      - key: dagster/backfill
        limit: 8
"""
"""The dagster.yaml of a new project: no telemetry, no newsletter dialog, a launcher that ends all its runs, and no line
of log for each of Dagster's events, which the page shows. A run that does not start is failed. Queued runs wait for a
code location that cannot be loaded, and a long backfill leaves room for other runs."""

_EARLIER_INSTANCES: Final = tuple(text.encode() for text in (_FIRST_INSTANCE, _SECOND_INSTANCE, _THIRD_INSTANCE))
"""As earlier versions wrote it."""

_OPENING: Final = ".opening.lock"
"""Held while the instance is opened: two processes that create its tables at once leave a broken database."""


@contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Open the Dagster instance in a project's home, and create it if it does not exist.

    Raises:
        InputError: its dagster.yaml is malformed, or its database is damaged.
        ResourceError: the disk of the home is full, or fills up while the instance is open; or the server of its
            database does not answer.
    """
    config = home / "dagster.yaml"
    if not config.exists() or config.read_bytes() in _EARLIER_INSTANCES:
        with atomic_write(config) as part:
            part.write_text(INSTANCE, encoding="utf-8")
    move_earlier_logs(home)
    with _translate_database_errors(home), _load(home, config) as instance:
        yield instance


def _load(home: Path, config: Path) -> dg.DagsterInstance:
    try:
        with file_lock(home / _OPENING):
            return open_fast(home)
    except Exception as error:  # a malformed file raises errors of YAML, of text encoding, or Dagster's own
        if any(isinstance(cause, OSError | sqlite3.Error | DBAPIError) for cause in _causes(error)):
            raise
        message = " ".join(str(error).split())[:200]
        raise InputError(f"{config} is not what Dagster expects ({message}): correct it, or remove it") from error


@contextmanager
def _translate_database_errors(home: Path) -> Iterator[None]:
    """Raise what a database reports as this project's errors: a full disk, a damaged file, a server that is away."""
    try:
        yield
    except Exception as error:
        if any(isinstance(cause, sqlite3.Error) and _is_full_disk(cause) for cause in _causes(error)):
            raise disk_full_error(home) from error
        if any(isinstance(cause, sqlite3.Error) and _is_damaged(cause) for cause in _causes(error)):
            raise InputError(
                f"Dagster's database in {home} is damaged: move its folders history and schedules away, and the next "
                "run, or `sync`, reports all results again"
            ) from error
        if any(map(_is_from_server, _causes(error))):
            raise ResourceError(
                f"Dagster's database, which {home / 'dagster.yaml'} names, does not answer or ended a connection: "
                "repeat the command once the database is reachable; results that are finished are kept"
            ) from error
        raise


def _is_from_server(error: BaseException) -> bool:
    """Whether a database other than SQLite failed to do something: its server is away, or refuses."""
    if isinstance(error, DBAPIError):
        return not isinstance(error.orig, sqlite3.Error)
    return type(error).__name__ == "DagsterPostgresException"  # its package need not be installed


def _is_damaged(error: sqlite3.Error) -> bool:
    """Whether SQLite reports SQLITE_CORRUPT or SQLITE_NOTADB."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _is_full_disk(error: sqlite3.Error) -> bool:
    """Whether SQLite reports SQLITE_FULL, or that the memory-mapped file of its write-ahead log cannot grow."""
    return getattr(error, "sqlite_errorcode", 0) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and the chain of errors that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


JOB: Final = "align_samples"
TAGS: Final = {STARTED_BY_TAG: COMMAND_LINE, "bioinfo-assets/version": version("bioinfo-assets")}
USER_TAG: Final = "bioinfo-assets/user"
_ERROR_MODULE: Final = "bioinfo_assets.errors."


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: its id in Dagster, and whether all of it succeeded."""

    run_id: str
    success: bool


def run_plan(plan: Plan, progress: RunProgress) -> RunResult | None:
    """Compute the results of a plan in one run, and update `progress` from the threads of its jobs.

    Returns:
        The run; None if the plan has no results, since those of its assets are imported.

    Raises:
        KeyboardInterrupt: the user interrupted the run; its jobs have been ended.
    """
    definitions = build_definitions(plan.project.settings)
    with open_instance(plan.home) as instance, listen(progress.update):
        report_dead_runs(instance)
        set_samples(instance, lambda: [*plan.names, *sample_names(plan.project.ledger)])
        result = _run(definitions, instance, plan, progress) if plan.result_keys() else None
        report_cohort(instance)
        _report_usage(instance, plan)
        report_after_run(instance, plan.project)
        return result


def _report_usage(instance: dg.DagsterInstance, plan: Plan) -> None:
    """Report what jobs used, unless the output path is remote: listing a large bucket would delay the end of each run.

    There the sensor does it, or `report`.
    """
    if local_path(plan.project.ledger.output_path) is not None:
        problem = report_usage(instance, plan.project, plan.home)
        if problem:
            _log.warning("what jobs used could not be added up: %s", problem)


def _run(definitions: dg.Definitions, instance: dg.DagsterInstance, plan: Plan, progress: RunProgress) -> RunResult:
    keys = plan.result_keys()
    # Without checks: they are reported once, after the run.
    job = definitions.resolve_job_def(JOB).get_subset(
        asset_selection=frozenset(dg.AssetKey(key.asset) for key in keys), asset_check_selection=frozenset()
    )
    request = RunRequest(str(uuid4()), job, keys, {**TAGS, USER_TAG: user_name(), **CANCELLED_BY_INTERRUPT})
    with hold_run_lock(instance, request.run_id, keep_on_error=True):
        run = create_run(instance, request, job_origin(definitions.get_repository_def().name, JOB))
        # Only the events of failures are kept: of ten thousand samples the others take gigabytes.
        failed = [event for event in execute_run_iterator(InMemoryJob(job), run, instance) if event.is_failure]
    ended = instance.get_run_by_id(run.run_id)
    if ended is not None and ended.status is dg.DagsterRunStatus.CANCELED:
        raise KeyboardInterrupt
    for failure in _failures_without_job(failed, progress):
        progress.add_failure(failure)
    return RunResult(run.run_id, ended is not None and ended.is_success)


def _failures_without_job(failed: Sequence[dg.DagsterEvent], progress: RunProgress) -> Iterator[Failure]:
    """The failures of a run or a step that no job has reported: before the first job, or because of a defect."""
    steps = [event for event in failed if event.is_step_failure]
    for event in steps:
        if event.step_failure_data.user_failure_data is None or not progress.failures:
            yield Failure("the run", None, _reason(event))
    if not steps:
        for event in (event for event in failed if event.event_type is dg.DagsterEventType.RUN_FAILURE):
            yield Failure("the run", None, _reason(event))


def _reason(event: dg.DagsterEvent) -> str:
    """Why a step or run failed: the message of one of this project's errors, otherwise class and text of the cause."""
    error = event.step_failure_data.error if event.is_step_failure else event.job_failure_data.error
    while error is not None and error.cause is not None and not error.message.startswith(_ERROR_MODULE):
        error = error.cause
    message = error.message.strip() if error else "no reason was reported"
    return message.partition(": ")[2] if message.startswith(_ERROR_MODULE) else message
