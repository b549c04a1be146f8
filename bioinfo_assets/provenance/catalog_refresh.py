"""Incremental update of the index of all records: only what has changed is read again.

A record is replaced by a rename, which changes the modification time of its folder; so of ten thousand samples only the
folders' times are read. As in git's index, a time within the last two seconds is not trusted: a later change may have
the same time. In S3, lists return the ETags of all records.
"""

import json
import logging
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError, NotFoundError, UnreachableError
from bioinfo_assets.launch.accounting import Accounting
from bioinfo_assets.layout import RECORDS, OutputLayout, history_in, is_past_record, records_in
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.scope_lists import list_scopes
from bioinfo_assets.storage.local_files import LOST_AND_FOUND
from bioinfo_assets.storage.store import local_path

RACY_INTERVAL_S: Final = 2.0
"""Folders that changed this recently are listed again by the next update."""

_log = logging.getLogger(__name__)
_FOLDERS_PER_TRANSACTION: Final = 100
"""So that a transaction takes less than a second, since another process may be waiting for its end."""

_ROLES: Final = (("w", "outputs"), ("r", "inputs"), ("s", "files"))

_INSERT_RECORD: Final = "INSERT INTO records VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_FILE: Final = "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?)"

JOB_COLUMNS: Final = (
    *("started", "wall_s", "cpu_s", "peak_memory_mib", "attempts", "imported", "copied_from"),
    *Accounting.model_fields,
)
"""What is indexed of the job of a result, in addition to its files."""

_INSERT_JOB: Final = f"INSERT INTO jobs VALUES (?{', ?' * len(JOB_COLUMNS)})"  # noqa: S608 - question marks only

_FileRow = tuple[str, str, int, str | None, str | None, bool]


def refresh(connection: sqlite3.Connection, ledger: Ledger) -> None:
    """Index new and changed records, and remove those that no longer exist.

    Raises:
        InputError: the output path cannot be read.
    """
    if local_path(ledger.output_path) is None:
        stamps = _list_remote(ledger)
        _index_folders(connection, ledger, stamps.items())
        folders = set(stamps)
    else:
        folders = _refresh_local(connection, ledger)
    _remove_missing_folders(connection, folders)


def _refresh_local(connection: sqlite3.Connection, ledger: Ledger) -> set[str]:
    """Index the folders that changed.

    Returns:
        All folders of records.
    """
    known = dict(connection.execute("SELECT folder, stamp FROM folders"))
    began = time.time_ns()
    current = dict(_record_folders(Path(ledger.output_path)))
    changed = [folder for folder, time_ns in current.items() if known.get(folder) != str(time_ns)]
    oldest_racy_ns = began - RACY_INTERVAL_S * 1_000_000_000
    trusted = {folder: str(current[folder]) for folder in changed if current[folder] < oldest_racy_ns}
    _index_folders(connection, ledger, ((folder, _list_local(folder)) for folder in changed), trusted)
    return set(current)


def _record_folders(output: Path) -> Iterator[tuple[str, int]]:
    """The folders of records, with their modification times in nanoseconds."""
    try:
        with os.scandir(output) as scopes:
            for scope in scopes:
                if scope.name in {RECORDS, LOST_AND_FOUND} or scope.name.startswith("."):
                    continue  # the samples', and the project's own
                for folder in (records_in(scope.path), history_in(scope.path)):
                    try:
                        yield folder, os.stat(folder).st_mtime_ns  # noqa: PTH116 - pathlib is slow for so many
                    except (FileNotFoundError, NotADirectoryError):
                        break
    except FileNotFoundError as error:
        raise InputError(f"{output} does not exist: check --output-path") from error
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}): check --output-path") from error


def _list_local(folder: str) -> dict[str, str]:
    """The records in a folder, each with a stamp that changes when it is replaced."""
    stamps = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".json") and not entry.name.startswith("."):
                try:
                    stat = entry.stat()
                except FileNotFoundError:
                    continue  # a run or `gc` has just moved it to the history
                stamps[entry.path] = f"{stat.st_size}.{stat.st_mtime_ns}.{stat.st_ino}"
    return stamps


def _list_remote(ledger: Ledger) -> dict[str, dict[str, str]]:
    """By folder: the records in it, each with a stamp that changes when it is replaced."""
    stamps: dict[str, dict[str, str]] = {}
    for uri, stat in list_scopes(ledger, ledger.layout.is_record):
        stamps.setdefault(uri.rpartition("/")[0], {})[uri] = f"{stat.size}.{stat.stamp}"
    return stamps


def _index_folders(
    connection: sqlite3.Connection,
    ledger: Ledger,
    folders: Iterable[tuple[str, Mapping[str, str]]],
    trusted: Mapping[str, str] | None = None,
) -> None:
    remaining = iter(folders)
    while batch := list(islice(remaining, _FOLDERS_PER_TRANSACTION)):
        new = [uri for folder, stamps in batch for uri in _find_outdated(_read_stamps(connection, folder), stamps)]
        records = dict(zip(new, map_reads(ledger, partial(_read, ledger), new), strict=True))
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            for folder, stamps in batch:
                _index_folder(connection, ledger.layout, folder, stamps, records)
                # A folder of which a record could not be read is looked at again: its rights may change.
                is_read = all(records.get(uri, b"") is not None for uri in stamps)
                stamp = (trusted or {}).get(folder) if is_read else None
                connection.execute("DELETE FROM folders WHERE folder = ?", (folder,))
                if stamp is not None:
                    connection.execute("INSERT INTO folders VALUES (?, ?)", (folder, stamp))


def _read_stamps(connection: sqlite3.Connection, folder: str) -> dict[str, str]:
    """The indexed records of a folder, each with its stamp."""
    return dict(connection.execute("SELECT uri, stamp FROM records WHERE folder = ?", (folder,)))


def _find_outdated(known: Mapping[str, str], stamps: Mapping[str, str]) -> list[str]:
    """The records of a folder that are not indexed as they are now."""
    return [uri for uri, stamp in stamps.items() if known.get(uri) != stamp]


def _read(ledger: Ledger, uri: str) -> bytes | None:
    """The text of a record; nothing if it was deleted meanwhile, None if it cannot be read.

    Raises:
        UnreachableError: S3 does not answer.
    """
    try:
        return ledger.store.read_small(uri)
    except NotFoundError:
        return b""
    except UnreachableError:
        raise
    except BioinfoAssetsError as error:
        _log.warning("a record is left out: %s", error)
        return None


def _index_folder(
    connection: sqlite3.Connection,
    layout: OutputLayout,
    folder: str,
    stamps: Mapping[str, str],
    records: Mapping[str, bytes | None],
) -> None:
    known = _read_stamps(connection, folder)
    outdated = [uri for uri in known if stamps.get(uri) != known[uri]]
    connection.executemany("DELETE FROM records WHERE uri = ?", ((uri,) for uri in outdated))
    for uri in _find_outdated(known, stamps):
        try:
            record = json.loads(records.get(uri) or b"")
            asset, scope, when, files = _parse(layout, record)
            job = _parse_job(record) if "wall_s" in record else None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue  # not a record, which `verify` reports, or deleted meanwhile
        row = (uri, folder, stamps[uri], is_past_record(uri), when, asset, scope)
        record_id = connection.execute(_INSERT_RECORD, row).lastrowid
        connection.executemany(_INSERT_FILE, ((record_id, *file) for file in files))
        if job is not None:
            connection.execute(_INSERT_JOB, (record_id, *job))


def _parse(layout: OutputLayout, record: dict[str, Any]) -> tuple[str, str, str, list[_FileRow]]:
    """The indexed fields of a record: asset, scope, time and files. Validation by pydantic would take far longer.

    Raises:
        KeyError: a field is missing.
        TypeError: a field has the wrong type.
    """
    texts = (record["asset"], record["scope"], record.get("finished") or record["observed"])
    files = [
        (
            role,
            layout.absolute(file["uri"]),
            file["size"],
            file.get("sha256"),
            file["content"],
            file.get("released") is not None,
        )
        for role, field in _ROLES
        for file in record.get(field, ())
    ]
    for text in (*texts, *(file[1] for file in files)):
        if not isinstance(text, str):
            raise TypeError(text)
    for _, _, size, *digests, _ in files:
        if not isinstance(size, int) or not all(isinstance(digest, str | None) for digest in digests):
            raise TypeError(size)
    return *texts, files


def _parse_job(record: dict[str, Any]) -> tuple[str | float | None, ...]:
    """The values of `JOB_COLUMNS`; None for those that records of older versions do not have.

    Raises:
        TypeError: a field has the wrong type.
        KeyError: it has no start.
    """
    values = {"started": record["started"], **record, **record.get("accounting", {})}
    row = tuple(values.get(column) for column in JOB_COLUMNS)
    if not all(isinstance(value, str | float | int | None) for value in row):
        raise TypeError(row)
    return row


def _remove_missing_folders(connection: sqlite3.Connection, folders: set[str]) -> None:
    indexed = connection.execute("SELECT folder FROM folders UNION SELECT folder FROM records").fetchall()
    missing = [row for row in indexed if row[0] not in folders]
    if missing:
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            connection.executemany("DELETE FROM records WHERE folder = ?", missing)
            connection.executemany("DELETE FROM folders WHERE folder = ?", missing)
