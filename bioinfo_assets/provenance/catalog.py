"""An index of all records under an output path, for what goes over all samples: a digest, or what was made of a file.

It is an SQLite file in the project's home that may be deleted at any time: it holds nothing that the records do not,
and is brought up to date before each question; see `catalog_refresh`. Several processes may ask at once.
"""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.provenance.catalog_refresh import refresh
from bioinfo_assets.records.ledger import Ledger

FILE_NAME: Final = "catalog.sqlite"
FORMAT: Final = 2
"""Of the tables; those of another format are made anew."""

WAITING_S: Final = 60.0
"""For another process that writes; a transaction takes a second at most."""

_TABLES: Final = (
    "CREATE TABLE folders (place TEXT PRIMARY KEY, stamp TEXT NOT NULL)",
    """CREATE TABLE records (
        id INTEGER PRIMARY KEY, uri TEXT NOT NULL UNIQUE, place TEXT NOT NULL, stamp TEXT NOT NULL,
        past INTEGER NOT NULL, time TEXT NOT NULL, asset TEXT NOT NULL, scope TEXT NOT NULL
    )""",
    "CREATE INDEX records_by_place ON records (place)",
    """CREATE TABLE files (
        record INTEGER NOT NULL REFERENCES records (id) ON DELETE CASCADE,
        role TEXT NOT NULL, uri TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT, content TEXT
    )""",
    "CREATE INDEX files_by_record ON files (record, role)",
    "CREATE INDEX files_by_uri ON files (uri, role)",
    "CREATE INDEX files_by_sha256 ON files (sha256)",
    "CREATE INDEX files_by_content ON files (content)",
)


_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "cache_size = -131072",  # 128 MiB: digests come in no order
    "wal_autocheckpoint = 10000",
)


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


@dataclass(frozen=True, slots=True)
class Result:
    """A result that is there now.

    Attributes:
        id: Its number in this index.
        record: Where its record lies.
        asset: Which result.
        scope: Of which sample, or of what all share.
        time: When its job ended; ISO 8601.
    """

    id: int
    record: str
    asset: str
    scope: str
    time: str


_ENTRY: Final = "f.uri, f.role, f.size, f.sha256, f.content, r.uri, r.past, r.time"
_RESULT: Final = "r.id, r.uri, r.asset, r.scope, r.time"
_NUMBERS: Final = "(SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class Catalog:
    """The index, up to date as of when it was opened."""

    connection: sqlite3.Connection

    def all_files(self, *, past: bool = False) -> Iterator[Entry]:
        """All files that were read or written, by path and while they are found; of replaced results too if `past`."""
        where = "" if past else "WHERE r.past = 0"
        return self._entries(f"{where} ORDER BY f.uri")

    def by_digest(self, digest: str) -> list[Entry]:
        """The files whose SHA-256, or whose content's digest, begins with these hex digits; first those made here."""
        ranges = "(f.sha256 >= ? AND f.sha256 < ?) OR (f.content >= ? AND f.content < ?)"
        prefixed = f"sha256:{digest}"
        bounds = (digest, digest + "g", prefixed, prefixed + "g")
        return list(self._entries(f"WHERE {ranges} ORDER BY f.role = 'r', r.past, f.uri", *bounds))

    def by_uri(self, uri: str) -> list[Entry]:
        """All that records say of a file; first what made it, or what was seen of it."""
        return list(self._entries("WHERE f.uri = ? ORDER BY f.role = 'r', r.past", uri))

    def readers(self, uri: str, content: str | None) -> list[Result]:
        """The results whose jobs read this version of a file; of an index, which has no digest, any version."""
        rows = self.connection.execute(
            f"SELECT DISTINCT {_RESULT} FROM files f JOIN records r ON r.id = f.record "  # noqa: S608 - no value is in it
            "WHERE f.uri = ? AND f.role = 'r' AND r.past = 0 AND f.content IS ?",
            (uri, content),
        )
        return [Result(*row) for row in rows]

    def made_from(self, results: Collection[int]) -> Iterator[tuple[int, Result]]:
        """The results whose jobs read what was made by these, each with the number of the one it was made from.

        A BAM's index has no digest that tells its version: what read it counts by the BAM that it read beside it.
        """
        rows = self.connection.execute(
            f"SELECT DISTINCT w.record, {_RESULT} FROM files w "  # noqa: S608 - no value is in it
            "CROSS JOIN files f ON f.uri = w.uri AND f.role = 'r' AND f.content = w.content "
            f"JOIN records r ON r.id = f.record WHERE w.role = 'w' AND w.record IN {_NUMBERS} AND r.past = 0",
            (_numbers(results),),
        )
        for made_from, *result in rows:
            yield made_from, Result(*result)

    def files_of(self, results: Collection[int]) -> dict[int, list[str]]:
        """By a result's number: the files that were made."""
        rows = self.connection.execute(
            f"SELECT record, uri FROM files WHERE role = 'w' AND record IN {_NUMBERS} ORDER BY uri",  # noqa: S608 - as above
            (_numbers(results),),
        )
        files: dict[int, list[str]] = {number: [] for number in results}
        for number, uri in rows:
            files[number].append(uri)
        return files

    def _entries(self, rest: str, *bounds: str) -> Iterator[Entry]:
        rows = self.connection.execute(
            f"SELECT {_ENTRY} FROM files f JOIN records r ON r.id = f.record {rest}",  # noqa: S608 - no value is in it
            bounds,
        )
        for uri, role, size, sha256, content, record, is_past, when in rows:
            yield Entry(uri, role, size, sha256, content, record, bool(is_past), when)


def _numbers(results: Collection[int]) -> str:
    return f"[{','.join(map(str, results))}]"


@contextmanager
def open_catalog(ledger: Ledger, home: Path | None) -> Iterator[Catalog]:
    """Opens the index of an output path and brings it up to date.

    Args:
        ledger: The records.
        home: Where it is kept; in memory, for this question alone, if None or if it cannot be kept there.

    Raises:
        InputError: the output path cannot be read; or the index was found damaged while it was asked, and removed.
    """
    file = home / FILE_NAME if home is not None and home.is_dir() else None
    with closing(_up_to_date(ledger, file)) as connection:
        try:
            yield Catalog(connection)
        except sqlite3.DatabaseError as error:
            if file is not None:
                _remove(file)
            raise InputError(f"{file or 'the index'} was damaged ({error}) and is removed: ask again") from error


def _up_to_date(ledger: Ledger, file: Path | None) -> sqlite3.Connection:
    """Opens what is kept, or makes it anew where it is damaged, or in memory where it cannot be written."""
    for place in (file, file, None):
        if place is None:
            break
        try:
            return _opened(place, ledger)
        except sqlite3.OperationalError:  # read only, full, or another writes for too long: not damaged
            break
        except sqlite3.DatabaseError:
            _remove(place)
    return _opened(":memory:", ledger)


def _opened(place: Path | str, ledger: Ledger) -> sqlite3.Connection:
    connection = sqlite3.connect(place, timeout=WAITING_S, isolation_level=None)
    try:
        _prepare(connection)
        refresh(connection, ledger)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Makes the tables where they are missing, or of another format."""
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    if _format(connection) == FORMAT:
        return
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        if _format(connection) == FORMAT:  # another process was first
            return
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            connection.execute(f'DROP TABLE "{table}"')
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {FORMAT}")


def _format(connection: sqlite3.Connection) -> int:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    return int(found)


def _remove(file: Path) -> None:
    for one in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
        with suppress(OSError):  # another's, or on a disk that is read only: the index is made in memory then
            one.unlink(missing_ok=True)
