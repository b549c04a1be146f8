"""An index of all records under an output path, for what goes over all samples: a digest, or what was made of a file.

It is an SQLite file in the project's home that may be deleted at any time: it holds nothing that the records do not,
and is brought up to date before each question. A record is replaced by a rename, which changes the time of its folder,
so that of ten thousand samples only the folders' times are looked at. As git does with its index, a time of the last
two seconds is not trusted: another change may have it too.
"""

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.launch.store import Store, local_path
from bioinfo_assets.records.ledger import Ledger

FILE_NAME: Final = "catalog.sqlite"
FORMAT: Final = 1
"""Of the tables; a file of another format is made anew."""

NOT_TRUSTED_S: Final = 2.0

_TABLES: Final = f"""
PRAGMA user_version = {FORMAT};
CREATE TABLE folders (place TEXT PRIMARY KEY, stamp TEXT NOT NULL);
CREATE TABLE records (
    uri TEXT PRIMARY KEY, place TEXT NOT NULL, stamp TEXT NOT NULL, past INTEGER NOT NULL, time TEXT NOT NULL
);
CREATE INDEX records_by_place ON records (place);
CREATE TABLE files (
    record TEXT NOT NULL REFERENCES records (uri) ON DELETE CASCADE,
    role TEXT NOT NULL, uri TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT, content TEXT
);
CREATE INDEX files_by_record ON files (record);
CREATE INDEX files_by_uri ON files (uri);
CREATE INDEX files_by_sha256 ON files (sha256);
CREATE INDEX files_by_content ON files (content);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as a record names it.

    Attributes:
        uri: Where it lies.
        role: `w` of a file that a job made, `r` of one that it read, `s` of a source that was looked at.
        size: Bytes.
        sha256: Hex digest of its bytes, where the record has it.
        content: Digest of its canonical form.
        record: The record that names it.
        past: Whether that was replaced since.
        time: When the job ended, or the source was looked at; ISO 8601.
    """

    uri: str
    role: str
    size: int
    sha256: str | None
    content: str | None
    record: str
    past: bool
    time: str


_ENTRY: Final = "f.uri, f.role, f.size, f.sha256, f.content, f.record, r.past, r.time"


@dataclass(frozen=True, slots=True)
class Catalog:
    """The index, up to date as of when it was opened."""

    connection: sqlite3.Connection

    def all_files(self, *, past: bool = False) -> Iterator[Entry]:
        """All files that were read or written, in the order of their paths; those of replaced results too if `past`."""
        where = "" if past else "WHERE r.past = 0"
        return self._entries(f"{where} ORDER BY f.uri, r.time")

    def by_digest(self, digest: str) -> list[Entry]:
        """The files whose SHA-256, or whose content's digest, begins with these hex digits."""
        ranges = "(f.sha256 >= ? AND f.sha256 < ?) OR (f.content >= ? AND f.content < ?)"
        prefixed = f"sha256:{digest}"
        bounds = (digest, digest + "g", prefixed, prefixed + "g")
        return list(self._entries(f"WHERE {ranges} ORDER BY f.role = 'r', r.past, f.uri", bounds))

    def by_uri(self, uri: str) -> list[Entry]:
        """All that records say of a file."""
        return list(self._entries("WHERE f.uri = ? ORDER BY f.role = 'r', r.past", (uri,)))

    def readers(self, uris: Iterable[str]) -> list[Entry]:
        """The present results whose jobs read one of these files."""
        where = "WHERE f.uri = ? AND f.role = 'r' AND r.past = 0 ORDER BY f.record"
        return [entry for uri in uris for entry in self._entries(where, (uri,))]

    def written_by(self, record: str) -> list[Entry]:
        """The files that a record says were made."""
        return list(self._entries("WHERE f.record = ? AND f.role = 'w' ORDER BY f.uri", (record,)))

    def _entries(self, rest: str, bounds: tuple[str, ...] = ()) -> Iterator[Entry]:
        rows = self.connection.execute(
            f"SELECT {_ENTRY} FROM files f JOIN records r ON r.uri = f.record {rest}",  # noqa: S608 - no value is in it
            bounds,
        )
        for uri, role, size, sha256, content, record, is_past, when in rows:
            yield Entry(uri, role, size, sha256, content, record, bool(is_past), when)


@contextmanager
def open_catalog(ledger: Ledger, home: Path | None) -> Iterator[Catalog]:
    """Opens the index of an output path and brings it up to date.

    Args:
        ledger: The records.
        home: Where it is kept; in memory, for this question alone, if None or if it cannot be kept there.

    Raises:
        InputError: the output path cannot be read.
    """
    with closing(_connected(home)) as connection:
        try:
            _refresh(connection, ledger)
        except sqlite3.DatabaseError:  # damaged, or the home cannot be written to
            connection.close()
            with closing(_in_memory()) as fresh:
                _refresh(fresh, ledger)
                yield Catalog(fresh)
            return
        yield Catalog(connection)


def _connected(home: Path | None) -> sqlite3.Connection:
    if home is None or not home.is_dir():
        return _in_memory()
    file = home / FILE_NAME
    for attempt in (1, 2):
        try:
            connection = sqlite3.connect(file, timeout=60.0, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found == FORMAT:
                return connection
            if found == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                connection.executescript(_TABLES)
                return connection
            connection.close()
        except sqlite3.DatabaseError:
            pass
        if attempt == 1:
            _remove(file)
    return _in_memory()


def _in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(_TABLES)
    return connection


def _remove(file: Path) -> None:
    for one in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
        try:
            one.unlink(missing_ok=True)
        except OSError:  # another's, or on a disk that is read only: the index is made in memory then
            return


def _refresh(connection: sqlite3.Connection, ledger: Ledger) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if local_path(ledger.output_path) is None:
            _refresh_remote(connection, ledger)
        else:
            _refresh_local(connection, ledger.store, Path(ledger.output_path))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _refresh_local(connection: sqlite3.Connection, store: Store, output: Path) -> None:
    known = dict(connection.execute("SELECT place, stamp FROM folders"))
    began = time.time_ns()
    found: set[str] = set()
    for place, changed_ns in _folders(output):
        found.add(place)
        if known.get(place) == str(changed_ns):
            continue
        with os.scandir(place) as entries:
            stamps = {entry.path: _stamp(entry.stat()) for entry in entries if entry.name.endswith(".json")}
        _take_in(connection, store, place, stamps)
        if began - changed_ns > NOT_TRUSTED_S * 1e9:
            connection.execute("INSERT OR REPLACE INTO folders VALUES (?, ?)", (place, str(changed_ns)))
        else:
            connection.execute("DELETE FROM folders WHERE place = ?", (place,))
    for gone in {place for (place,) in connection.execute("SELECT DISTINCT place FROM records")} - found:
        connection.execute("DELETE FROM records WHERE place = ?", (gone,))
        connection.execute("DELETE FROM folders WHERE place = ?", (gone,))


def _folders(output: Path) -> Iterator[tuple[str, int]]:
    """The folders of records, with the times of their last change."""
    if not output.is_dir():
        raise InputError(f"{output} does not exist: check --output-path")
    with os.scandir(output) as subjects:
        for subject in subjects:
            if subject.name == "records" or subject.name.startswith("."):
                continue  # of the samples, and of the project
            for place in (f"{subject.path}/records", f"{subject.path}/records/history"):
                try:
                    yield place, os.stat(place).st_mtime_ns  # noqa: PTH116 - pathlib is slow for so many
                except (FileNotFoundError, NotADirectoryError):
                    break


def _refresh_remote(connection: sqlite3.Connection, ledger: Ledger) -> None:
    stamps: dict[str, dict[str, str]] = {}
    for uri, stat in ledger.store.scan(ledger.output_path):
        place = uri.rpartition("/")[0]
        if uri.endswith(".json") and place.removesuffix("/history").endswith("/records"):
            stamps.setdefault(place, {})[uri] = f"{stat.size}.{stat.stamp}"
    for place, found in stamps.items():
        _take_in(connection, ledger.store, place, found)
    for gone in {place for (place,) in connection.execute("SELECT DISTINCT place FROM records")} - stamps.keys():
        connection.execute("DELETE FROM records WHERE place = ?", (gone,))


def _take_in(connection: sqlite3.Connection, store: Store, place: str, stamps: dict[str, str]) -> None:
    """Reads the records of a folder that are new or others, and forgets those that are gone."""
    known = dict(connection.execute("SELECT uri, stamp FROM records WHERE place = ?", (place,)))
    for uri in known.keys() - stamps.keys():
        connection.execute("DELETE FROM records WHERE uri = ?", (uri,))
    for uri, stamp in stamps.items():
        if known.get(uri) == stamp:
            continue
        connection.execute("DELETE FROM records WHERE uri = ?", (uri,))
        try:
            record = json.loads(store.read_bytes(uri))
            told = list(_files(uri, record))
            row = (uri, place, stamp, place.endswith("/history"), record.get("finished") or record["observed"])
        except (BioinfoAssetsError, ValueError, KeyError, TypeError, AttributeError):
            continue  # no record of ours, or gone meanwhile: `verify` tells of it
        connection.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?)", row)
        connection.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?)", told)


def _files(uri: str, record: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    for role, kind in (("w", "outputs"), ("r", "inputs"), ("s", "files")):
        for file in record.get(kind, ()):
            yield uri, role, file["uri"], file["size"], file.get("sha256"), file["content"]


def _stamp(facts: os.stat_result) -> str:
    return f"{facts.st_size}.{facts.st_mtime_ns}"
