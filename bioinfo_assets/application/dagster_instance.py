"""The Dagster instance in a project's home."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import dagster as dg

from bioinfo_assets.errors import InputError
from bioinfo_assets.storage.atomic import atomic_write, disk_full_error

INSTANCE: Final = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"
"""The dagster.yaml of a new project: no telemetry, no newsletter dialog."""

_SQLITE_MIN_FREE_BYTES: Final = 128 * 1024
"""SQLite's shared-memory file of a write-ahead log grows in steps of 32 KiB (sqlite.org/walformat)."""


@contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Open the Dagster instance in a project's home, and create it if it does not exist.

    Raises:
        InputError: its dagster.yaml is malformed.
        ResourceError: the disk of the home is full, or fills up while the instance is open.
    """
    config = home / "dagster.yaml"
    if not config.exists():
        with atomic_write(config) as part:
            part.write_text(INSTANCE, encoding="utf-8")
    with _translate_database_errors(home), _load(home, config) as instance:
        yield instance


def _load(home: Path, config: Path) -> dg.DagsterInstance:
    try:
        return dg.DagsterInstance.from_config(str(home))
    except Exception as error:  # a malformed file raises errors of YAML, of text encoding, or Dagster's own
        if any(isinstance(cause, OSError | sqlite3.Error) for cause in _causes(error)):
            raise
        message = " ".join(str(error).split())[:200]
        raise InputError(f"{config} is not what Dagster expects ({message}): correct it, or remove it") from error


@contextmanager
def _translate_database_errors(home: Path) -> Iterator[None]:
    """Raise a full disk that SQLite reports as a `ResourceError`."""
    try:
        yield
    except Exception as error:
        if any(isinstance(cause, sqlite3.Error) and _is_full_disk(cause, home) for cause in _causes(error)):
            raise disk_full_error(home) from error
        raise


def _is_full_disk(error: sqlite3.Error, home: Path) -> bool:
    """Whether SQLite reports SQLITE_FULL, or SQLITE_IOERR (as for its memory-mapped files) while the disk is full."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the upper bits are the extended code (sqlite.org/rescode)
    return code == sqlite3.SQLITE_FULL or (
        code == sqlite3.SQLITE_IOERR and shutil.disk_usage(home).free < _SQLITE_MIN_FREE_BYTES
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and the chain of errors that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
