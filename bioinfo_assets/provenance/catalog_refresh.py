"""How the index of all records is brought up to date: what did not change is not read again.

A record is replaced by a rename, which changes the time of its folder, so that of ten thousand samples only the
folders' times are looked at. As git does with its index, a time of the last two seconds is not trusted: another change
may have it too. In S3, one listing tells the ETags of all.
"""

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.layout import HISTORY, RECORDS, OutputLayout, history_in, is_past_record, records_in
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.storage.store import local_path

NOT_TRUSTED_S: Final = 2.0

_FOLDERS_AT_ONCE: Final = 100
"""Folders taken in by one transaction, of less than a second: another process may wait for its end."""

_ROLES: Final = (("w", "outputs"), ("r", "inputs"), ("s", "files"))


def refresh(connection: sqlite3.Connection, ledger: Ledger) -> None:
    """Takes in the records that are new or others, and forgets those that are gone.

    Raises:
        InputError: the output path cannot be read.
    """
    if local_path(ledger.output_path) is None:
        stamps = _listed(ledger)
        _take_all(connection, ledger, stamps.items())
        places = set(stamps)
    else:
        places = _refresh_local(connection, ledger)
    _forget(connection, places)


def _refresh_local(connection: sqlite3.Connection, ledger: Ledger) -> set[str]:
    """Takes in the folders that changed; gives all that there are."""
    known = dict(connection.execute("SELECT place, stamp FROM folders"))
    began = time.time_ns()
    found = dict(_folders(Path(ledger.output_path)))
    changed = [place for place, time_ns in found.items() if known.get(place) != str(time_ns)]
    trusted = {place: str(found[place]) for place in changed if began - found[place] > NOT_TRUSTED_S * 1_000_000_000}
    _take_all(connection, ledger, ((place, _stamps(place)) for place in changed), trusted)
    return set(found)


def _folders(output: Path) -> Iterator[tuple[str, int]]:
    """The folders of records, with the times of their last change."""
    try:
        with os.scandir(output) as scopes:
            for scope in scopes:
                if scope.name == RECORDS or scope.name.startswith("."):
                    continue  # of the samples, and of the project
                for place in (records_in(scope.path), history_in(scope.path)):
                    try:
                        yield place, os.stat(place).st_mtime_ns  # noqa: PTH116 - pathlib is slow for so many
                    except (FileNotFoundError, NotADirectoryError):
                        break
    except FileNotFoundError as error:
        raise InputError(f"{output} does not exist: check --output-path") from error
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}): check --output-path") from error


def _stamps(place: str) -> dict[str, str]:
    """By record: what another one in its place would not have."""
    stamps = {}
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.name.endswith(".json") and not entry.name.startswith("."):
                facts = entry.stat()
                stamps[entry.path] = f"{facts.st_size}.{facts.st_mtime_ns}.{facts.st_ino}"
    return stamps


def _listed(ledger: Ledger) -> dict[str, dict[str, str]]:
    stamps: dict[str, dict[str, str]] = {}
    depth = ledger.output_path.count("/") + 2
    for uri, stat in ledger.store.scan(ledger.output_path):
        place = uri.rpartition("/")[0]
        folder = place.removesuffix(f"/{HISTORY}")
        if uri.endswith(".json") and folder.endswith(f"/{RECORDS}") and folder.count("/") == depth:
            stamps.setdefault(place, {})[uri] = f"{stat.size}.{stat.stamp}"
    return stamps


def _take_all(
    connection: sqlite3.Connection,
    ledger: Ledger,
    folders: Iterable[tuple[str, Mapping[str, str]]],
    trusted: Mapping[str, str] | None = None,
) -> None:
    waiting = iter(folders)
    while batch := list(islice(waiting, _FOLDERS_AT_ONCE)):
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            for place, stamps in batch:
                _take_in(connection, ledger, place, stamps)
                stamp = (trusted or {}).get(place)
                connection.execute("DELETE FROM folders WHERE place = ?", (place,))
                if stamp is not None:
                    connection.execute("INSERT INTO folders VALUES (?, ?)", (place, stamp))


def _take_in(connection: sqlite3.Connection, ledger: Ledger, place: str, stamps: Mapping[str, str]) -> None:
    known = dict(connection.execute("SELECT uri, stamp FROM records WHERE place = ?", (place,)))
    others = [uri for uri in known if stamps.get(uri) != known[uri]]
    connection.executemany("DELETE FROM records WHERE uri = ?", ((uri,) for uri in others))
    for uri, stamp in stamps.items():
        if known.get(uri) == stamp:
            continue
        try:
            record = json.loads(ledger.store.read_bytes(uri))
            asset, scope, when, files = _parsed(ledger.layout, record)
        except (BioinfoAssetsError, ValueError, KeyError, TypeError, AttributeError):
            continue  # no record of ours, or gone meanwhile: `verify` tells of it
        row = (uri, place, stamp, is_past_record(uri), when, asset, scope)
        added = connection.execute("INSERT INTO records VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.executemany(
            f"INSERT INTO files VALUES ({added.lastrowid}, ?, ?, ?, ?, ?)",  # noqa: S608 - a number of SQLite's own
            files,
        )


def _parsed(
    layout: OutputLayout, record: dict[str, Any]
) -> tuple[str, str, str, list[tuple[str, str, int, str | None, str | None]]]:
    """What of a record is kept: asset, scope, time and files.

    Raises:
        KeyError: it lacks one of them.
        TypeError: one of them is not what it should be.
    """
    texts = (record["asset"], record["scope"], record.get("finished") or record["observed"])
    files = [
        (role, layout.absolute(file["uri"]), file["size"], file.get("sha256"), file["content"])
        for role, kind in _ROLES
        for file in record.get(kind, ())
    ]
    for text in (*texts, *(file[1] for file in files)):
        if not isinstance(text, str):
            raise TypeError(text)
    for _, _, size, *digests in files:
        if not isinstance(size, int) or not all(isinstance(digest, str | None) for digest in digests):
            raise TypeError(size)
    return *texts, files


def _forget(connection: sqlite3.Connection, places: set[str]) -> None:
    """Forgets the folders that are gone."""
    kept = connection.execute("SELECT place FROM folders UNION SELECT place FROM records").fetchall()
    gone = [place for place in kept if place[0] not in places]
    if gone:
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            connection.executemany("DELETE FROM records WHERE place = ?", gone)
            connection.executemany("DELETE FROM folders WHERE place = ?", gone)
