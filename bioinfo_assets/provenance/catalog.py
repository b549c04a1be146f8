"""An index of all records under an output path, for queries over all samples: by digest, by address, downstream.

It is an SQLite file in the project's home. It is a cache: it holds nothing that the records do not, may be deleted at
any time, and is updated before each query (see `catalog_refresh`). Several processes may use it at the same time.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.provenance.catalog_refresh import JOB_COLUMNS, refresh
from bioinfo_assets.records.ledger import Ledger

FILE_NAME: Final = "catalog.sqlite"
FORMAT: Final = 5
"""The version of the schema; tables of any other version are dropped and rebuilt."""

LOCK_TIMEOUT_S: Final = 60.0
"""How long to wait for another process that writes; a transaction takes a second at most."""

_SCHEMA: Final = (
    "CREATE TABLE folders (folder TEXT PRIMARY KEY, stamp TEXT NOT NULL)",
    """CREATE TABLE records (
        id INTEGER PRIMARY KEY, uri TEXT NOT NULL UNIQUE, folder TEXT NOT NULL, stamp TEXT NOT NULL,
        replaced INTEGER NOT NULL, time TEXT NOT NULL, asset TEXT NOT NULL, scope TEXT NOT NULL
    )""",
    "CREATE INDEX records_by_folder ON records (folder)",
    """CREATE TABLE files (
        record INTEGER NOT NULL REFERENCES records (id) ON DELETE CASCADE,
        role TEXT NOT NULL, uri TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT, content TEXT,
        is_released INTEGER NOT NULL
    )""",
    "CREATE INDEX files_by_record ON files (record, role)",
    "CREATE INDEX files_by_uri ON files (uri, role)",
    "CREATE INDEX files_by_sha256 ON files (sha256)",
    "CREATE INDEX files_by_content ON files (content)",
    f"""CREATE TABLE jobs (
        record INTEGER PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE, {", ".join(JOB_COLUMNS)}
    )""",
    """CREATE VIEW entries AS
        SELECT f.uri, f.role, f.size, f.sha256, f.content, r.uri AS record, r.replaced, r.time
        FROM files f JOIN records r ON r.id = f.record""",
)

_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "cache_size = -131072",  # 128 MiB: digests come in no order
    "wal_autocheckpoint = 10000",
)

_ALL_FILES: Final = "SELECT * FROM entries ORDER BY uri"
_CURRENT_FILES: Final = "SELECT * FROM entries WHERE replaced = 0 ORDER BY uri"
_FILES_BY_URI: Final = "SELECT * FROM entries WHERE uri = ? ORDER BY role = 'r', replaced"
_FILES_BY_DIGEST: Final = """
    SELECT * FROM entries WHERE (sha256 >= ? AND sha256 < ?) OR (content >= ? AND content < ?)
    ORDER BY role = 'r', replaced, uri"""
_CONSUMERS_OF_FILE: Final = """
    SELECT DISTINCT r.id, r.uri, r.asset, r.scope, r.time FROM files f JOIN records r ON r.id = f.record
    WHERE f.uri = ? AND f.role = 'r' AND r.replaced = 0 AND f.content IS ?"""
# CROSS JOIN fixes the order of the loops: from the outputs of the results to their readers.
_CONSUMERS_OF_RESULTS: Final = """
    SELECT DISTINCT w.record, r.id, r.uri, r.asset, r.scope, r.time FROM files w
    CROSS JOIN files f ON f.uri = w.uri AND f.role = 'r' AND f.content = w.content
    JOIN records r ON r.id = f.record
    WHERE w.role = 'w' AND w.record IN (SELECT value FROM json_each(?)) AND r.replaced = 0"""
_OUTPUTS_OF_RESULTS: Final = """
    SELECT record, uri FROM files WHERE role = 'w' AND record IN (SELECT value FROM json_each(?)) ORDER BY uri"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a record.

    Attributes:
        uri: The file's address.
        role: `w` (written) for an output of a job, `r` (read) for an input, `s` for an observed source.
        size: Bytes.
        sha256: Hex digest of its bytes, if the record has it.
        content: Digest of its canonical form.
        record: The record's address.
        replaced: Whether that record's result was replaced later.
        time: When the job ended, or the source was observed; ISO 8601.
    """

    uri: str
    role: str
    size: int
    sha256: str | None
    content: str | None
    record: str
    replaced: bool
    time: str


@dataclass(frozen=True, slots=True)
class Result:
    """A current result.

    Attributes:
        id: Its number in this index.
        record: The record's address.
        asset: The asset.
        scope: The sample, or the shared scope.
        time: When its job ended; ISO 8601.
    """

    id: int
    record: str
    asset: str
    scope: str
    time: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """The index, up to date as of when it was opened."""

    connection: sqlite3.Connection

    def all_files(self, *, include_replaced: bool = False) -> Iterator[Entry]:
        """Iterate over all files that were read or written, by address, as SQLite finds them."""
        return self._entries(_ALL_FILES if include_replaced else _CURRENT_FILES)

    def by_digest(self, digest: str) -> list[Entry]:
        """The files whose SHA-256, or content digest, begins with these hex digits; outputs and sources first."""
        prefixed = f"sha256:{digest}"
        return list(self._entries(_FILES_BY_DIGEST, digest, digest + "g", prefixed, prefixed + "g"))

    def by_uri(self, uri: str) -> list[Entry]:
        """All entries of a file; first those of the job that wrote it, or of its observation."""
        return list(self._entries(_FILES_BY_URI, uri))

    def consumers_of_file(self, uri: str, content: str | None) -> list[Result]:
        """The results whose jobs read this version of a file; of an index, which has no digest, any version."""
        return [Result(*row) for row in self.connection.execute(_CONSUMERS_OF_FILE, (uri, content))]

    def consumers_of_results(self, ids: Collection[int]) -> Iterator[tuple[int, Result]]:
        """The results whose jobs read an output of one of these results, each with the id of that one.

        A BAM's index has no digest to identify its version: its readers are found by the BAM, which they read as well.
        """
        for id_, *consumer in self.connection.execute(_CONSUMERS_OF_RESULTS, (json.dumps(list(ids)),)):
            yield id_, Result(*consumer)

    def files_of(self, ids: Collection[int]) -> dict[int, list[str]]:
        """The outputs of results, by the results' ids."""
        files: dict[int, list[str]] = {id_: [] for id_ in ids}
        for id_, uri in self.connection.execute(_OUTPUTS_OF_RESULTS, (json.dumps(list(ids)),)):
            files[id_].append(uri)
        return files

    def _entries(self, statement: str, *values: str) -> Iterator[Entry]:
        for uri, role, size, sha256, content, record, replaced, time in self.connection.execute(statement, values):
            yield Entry(uri, role, size, sha256, content, record, bool(replaced), time)


@contextmanager
def open_catalog(ledger: Ledger, home: Path | None) -> Iterator[Catalog]:
    """Open the index of an output path and bring it up to date.

    Args:
        ledger: The records.
        home: The folder that keeps it; if None, or if nothing can be written there, it is built in memory.

    Raises:
        InputError: the output path cannot be read; or the index turned out to be damaged, and was removed.
    """
    file = home / FILE_NAME if home is not None and home.is_dir() else None
    with closing(_open_or_rebuild(ledger, file)) as connection:
        try:
            yield Catalog(connection)
        except sqlite3.OperationalError as error:  # such as a full disk: the file may be intact
            raise InputError(
                f"{file or 'the index'} could not be read ({error}): free some space, also in the folder of temporary "
                "files, and repeat the command"
            ) from error
        except sqlite3.DatabaseError as error:
            if file is not None:
                _remove(file)
            raise InputError(
                f"{file or 'the index'} was damaged ({error}) and has been removed: repeat the command"
            ) from error


def _open_or_rebuild(ledger: Ledger, file: Path | None) -> sqlite3.Connection:
    """Open the index; if it is damaged, rebuild it, and if it cannot be written, build one in memory."""
    for attempt in (file, file):
        if attempt is None:
            break
        try:
            return _open(attempt, ledger)
        except sqlite3.OperationalError:  # read only, full, or locked by another process for too long: not damaged
            break
        except sqlite3.DatabaseError:
            _remove(attempt)
    return _open(":memory:", ledger)


def _open(file: Path | str, ledger: Ledger) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=LOCK_TIMEOUT_S, isolation_level=None)
    try:
        _create_schema(connection)
        refresh(connection, ledger)
    except BaseException:
        connection.close()
        raise
    return connection


def _create_schema(connection: sqlite3.Connection) -> None:
    """Create the tables, unless they exist in this format."""
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    if _read_format(connection) == FORMAT:
        return
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        if _read_format(connection) == FORMAT:  # another process was first
            return
        existing = connection.execute("SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
        for kind, name in existing:
            connection.execute(f'DROP {kind} "{name}"')
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {FORMAT}")


def _read_format(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    return int(number)


def _remove(file: Path) -> None:
    for path in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
        with suppress(OSError):  # another user's, or on a read-only disk: the index is built in memory then
            path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Downstream:
    """The results that depend on a file.

    Attributes:
        results: By id in the catalog.
        direct: The ids of those whose jobs read the file itself.
        consumers: By a result's id: the ids of the results whose jobs read its outputs.
    """

    results: Mapping[int, Result]
    direct: tuple[int, ...]
    consumers: Mapping[int, tuple[int, ...]]

    def inputs(self) -> dict[int, list[int]]:
        """By a result's id: the results among these that its job read; none if it read only the file itself."""
        inputs: dict[int, list[int]] = {id_: [] for id_ in self.results}
        for id_, consumers in self.consumers.items():
            for consumer in consumers:
                inputs[consumer].append(id_)
        return inputs


@dataclass(frozen=True, slots=True)
class Branch:
    """Results of one asset with the same inputs, and what depends on them.

    Attributes:
        results: In the order of scopes; one, or more than a tree should list.
        is_repeated: Whether all of them were shown before, with what depends on them.
        branches: What depends on them.
    """

    results: tuple[Result, ...]
    is_repeated: bool
    branches: "tuple[Branch, ...]"


def find_downstream(catalog: Catalog, uri: str, content: str | None) -> Downstream:
    """Find all current results that depend on one version of a file."""
    results = {result.id: result for result in catalog.consumers_of_file(uri, content)}
    direct = tuple(results)
    consumers: dict[int, tuple[int, ...]] = {}
    level = direct
    while level:
        edges: dict[int, list[int]] = {id_: [] for id_ in level}
        new: dict[int, Result] = {}
        for id_, consumer in catalog.consumers_of_results(level):
            edges[id_].append(consumer.id)
            if consumer.id not in results:
                new[consumer.id] = consumer
        consumers |= {id_: tuple(ids) for id_, ids in edges.items()}
        results |= new
        level = tuple(new)
    return Downstream(results, direct, consumers)


def downstream_tree(downstream: Downstream, max_siblings: int) -> tuple[Branch, ...]:
    """The results as a tree in which each is shown once.

    Args:
        downstream: The results.
        max_siblings: Up to so many results of one asset get a branch each; more of them share one branch.
    """
    return tuple(_branches(downstream, downstream.direct, max_siblings, set()))


def _branches(downstream: Downstream, ids: Iterable[int], max_siblings: int, shown: set[int]) -> Iterator[Branch]:
    by_asset: dict[str, list[Result]] = {}
    for result in sorted((downstream.results[id_] for id_ in ids), key=lambda result: (result.time, result.scope)):
        by_asset.setdefault(result.asset, []).append(result)
    for siblings in by_asset.values():
        in_order = tuple(sorted(siblings, key=lambda result: result.scope))
        groups = [in_order] if len(siblings) > max_siblings else [(result,) for result in in_order]
        for group in groups:
            new = [result.id for result in group if result.id not in shown]
            shown.update(new)
            consumers = dict.fromkeys(consumer for id_ in new for consumer in downstream.consumers[id_])
            branches = tuple(_branches(downstream, consumers, max_siblings, shown))
            yield Branch(group, is_repeated=not new, branches=branches)
