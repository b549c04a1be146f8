"""The Dagster instance of a project's home: opened, and told of runs whose process is gone."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import dagster as dg

from bioinfo_assets.errors import InputError
from bioinfo_assets.orchestration.run_liveness import NOT_OVER, report_dead_runs
from bioinfo_assets.storage.atomic import atomic_write, disk_full_error
from bioinfo_assets.storage.file_lock import is_held

INSTANCE: Final = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"
"""A new project's dagster.yaml: nothing is sent anywhere, and no page asks for an address."""

LOG_TAG: Final = "bioinfo-assets/log"
"""Tag of a run of the command line: its log within the home, which its process holds locked as long as it lives."""

_ROOM_FOR_SQLITE: Final = 128 * 1024
"""Bytes; the file by which SQLite's processes share a write-ahead log grows by 32 KiB (sqlite.org/walformat)."""


@contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Opens the Dagster instance of a project's home, which is made if it is not there.

    Raises:
        InputError: its dagster.yaml is wrong.
        ResourceError: the home's disk is full, or gets full within.
    """
    config = home / "dagster.yaml"
    if not config.exists():
        with atomic_write(config) as part:
            part.write_text(INSTANCE, encoding="utf-8")
    with _full_database_is_told(home), _opened(home, config) as instance:
        yield instance


def report_ended(instance: dg.DagsterInstance, home: Path) -> None:
    """Reports those runs as failed that are not over and whose process on this machine is gone (SIGKILL)."""
    report_dead_runs(instance)
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=list(NOT_OVER))):
        log = run.tags.get(LOG_TAG)
        if log is not None and not is_held(home / log):
            instance.report_run_failed(run, "its process ended before it did")


def _opened(home: Path, config: Path) -> dg.DagsterInstance:
    try:
        return dg.DagsterInstance.from_config(str(home))
    except Exception as error:  # what is wrong in the file comes as errors of YAML, of text, and Dagster's own
        if any(isinstance(cause, OSError | sqlite3.Error) for cause in _causes(error)):
            raise
        said = " ".join(str(error).split())[:200]
        raise InputError(f"{config} is not what Dagster expects ({said}): correct it, or remove it") from error


@contextmanager
def _full_database_is_told(home: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if any(isinstance(cause, sqlite3.Error) and _tells_of_full_disk(cause, home) for cause in _causes(error)):
            raise disk_full_error(home) from error
        raise


def _tells_of_full_disk(error: sqlite3.Error, home: Path) -> bool:
    """SQLite says so (result code SQLITE_FULL), or says no more than SQLITE_IOERR of files it shares and maps."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the upper bits tell more of the same (sqlite.org/rescode)
    return code == sqlite3.SQLITE_FULL or (
        code == sqlite3.SQLITE_IOERR and shutil.disk_usage(home).free < _ROOM_FOR_SQLITE
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
