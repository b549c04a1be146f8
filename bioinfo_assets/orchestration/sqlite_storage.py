"""Dagster's event log and runs in SQLite, with engines that are kept, and events that are stored together.

Dagster builds an engine and opens a connection for each event that it stores or reads, and SQLAlchemy compiles each
statement again for each engine: two thirds of a run's CPU time when its jobs take none (`benchmarks/instant_jobs.py`).
Each event of an asset takes seven statements in two files; those of a batch take as many together. The files and their
contents are Dagster's own, so that the webserver reads them with Dagster's class.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final

import dagster as dg
from sqlalchemy import Connection, Engine, NullPool, StaticPool, create_engine, text

from bioinfo_assets.orchestration.database_tables import complete_tables
from bioinfo_assets.orchestration.internals import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
    SQLITE_BUSY_TIMEOUT_SECONDS,
    ConfigurableClassData,
    DagsterSqliteStorage,
    InstanceRef,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
    SqliteRunStorage,
)

STATEMENT_TIMEOUT_MS: Final = 60_000
POOL_RECYCLE_S: Final = 3600

MAX_CONNECTIONS: Final = 8
"""Files that are kept open: the index of all runs, and one file for each run."""


MAX_BATCH: Final = 500
"""Events that are stored together at most; SQLite's other writers wait for the transaction."""

_BATCH_SIZE_VARIABLE: Final = "DAGSTER_EVENT_BATCH_SIZE"
"""By it Dagster passes the planned events of a run on together (dagster/_core/instance/utils.py)."""

StoredIds = dict[tuple[dg.AssetKey, str | None], int]
"""The storage ids of materializations, by asset and partition."""


class FastSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's SQLite event log, with an open connection for each of the files that are in use."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._tables: set[str] = set()
        self._asset_key_columns: dict[str, bool] = {}
        self._thread = threading.local()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.get(shard)
        if engine is not None and not Path(self.path_for_shard(shard)).exists():
            self._engines.pop(shard).dispose()  # a run whose events were deleted, by this process or another
            engine = None
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,
                # The lock keeps threads from using it at the same time.
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            self._engines[shard] = engine
        self._engines.move_to_end(shard)
        while len(self._engines) > MAX_CONNECTIONS:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; Dagster looks it up for each event of an asset."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        """Whether the table of assets has a column, which older versions lack; Dagster looks for it at each event."""
        if column_name not in self._asset_key_columns:
            self._asset_key_columns[column_name] = super()._has_asset_key_col_on_connection(conn, column_name)
        return self._asset_key_columns[column_name]

    @contextmanager
    def batch(self) -> Iterator[StoredIds]:
        """Store the events of this thread together when the block ends, however it does; then the ids are filled in."""
        events: list[dg.EventLogEntry] = []
        ids: StoredIds = {}
        self._thread.batch = events, ids
        try:
            yield ids
        finally:
            self._thread.batch = None
            ids |= self._store_batch(events)

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store an event, or keep it for the end of this thread's batch."""
        batch: tuple[list[dg.EventLogEntry], StoredIds] | None = getattr(self._thread, "batch", None)
        if batch is None:
            super().store_event(event)
            return
        events, ids = batch
        events.append(event)
        if len(events) == MAX_BATCH:
            ids |= self._store_batch(events)
            events.clear()

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events in one transaction for each file."""
        self._store_batch(events)

    def _store_batch(self, events: Sequence[dg.EventLogEntry]) -> StoredIds:
        """Store events together; those that begin or end a run one by one as Dagster does, and without their ids."""
        if len({event.run_id for event in events}) != 1 or not all(map(_can_be_stored_together, events)):
            for event in events:
                super().store_event(event)
            return {}
        rows = {id(event): self._event_to_row(event) for event in events}
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), list(rows.values()))
        of_assets = [event for event in events if event.is_dagster_event and event.dagster_event_type in ASSET_EVENTS]
        if not of_assets:
            return {}
        with self.index_transaction() as connection:
            connection.execute(SqlEventLogStorageTable.insert(), [rows[id(event)] for event in of_assets])
            # Whoever inserts holds SQLite's one lock: the ids follow each other.
            last_id = int(connection.execute(text("SELECT last_insert_rowid()")).scalar_one())
            ids = range(last_id - len(of_assets) + 1, last_id + 1)
            self._store_asset_event_tags(connection, of_assets, ids)
            newest = {
                (event.get_dagster_event().asset_key, event.dagster_event_type): (event, event_id)
                for event, event_id in zip(of_assets, ids, strict=True)
            }
            for event, event_id in newest.values():  # a row of the table of assets describes the newest only
                self._store_asset_event(connection, event, event_id)
        return dict(_materialization_ids(of_assets, ids))

    def dispose(self) -> None:
        """Close all files."""
        while self._engines:
            self._engines.popitem()[1].dispose()
        super().dispose()


def _materialization_ids(
    events: Iterable[dg.EventLogEntry], ids: Iterable[int]
) -> Iterator[tuple[tuple[dg.AssetKey, str | None], int]]:
    for event, event_id in zip(events, ids, strict=True):
        dagster_event = event.get_dagster_event()
        if event.dagster_event_type is dg.DagsterEventType.ASSET_MATERIALIZATION and dagster_event.asset_key:
            yield (dagster_event.asset_key, dagster_event.partition), event_id


def _can_be_stored_together(event: dg.EventLogEntry) -> bool:
    kind = event.dagster_event_type if event.is_dagster_event else None
    return kind not in EVENT_TYPE_TO_PIPELINE_RUN_STATUS and kind not in ASSET_CHECK_EVENTS


@contextmanager
def event_batch(instance: dg.DagsterInstance) -> Iterator[StoredIds]:
    """Store the events of this thread together when the block ends, if the instance's event log can do that.

    Yields:
        The ids of the materializations, filled in at the end; those that were not stored together are missing.
    """
    storage = instance.event_log_storage
    if isinstance(storage, FastSqliteEventLogStorage):
        with storage.batch() as ids:
            yield ids
    else:
        yield {}


class FastSqliteRunStorage(SqliteRunStorage):
    """Dagster's runs in SQLite, with an engine that is kept.

    The status of a run is read every two seconds, for which Dagster builds two engines: four fifths of its CPU time.
    """

    @cached_property
    def _engine(self) -> Engine:
        return create_engine(self._conn_string, poolclass=NullPool)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection in a transaction; each has a connection of its own, so that threads do not meet."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @cached_property
    def _has_run_times(self) -> bool:
        return super().has_run_stats_index_cols()

    def has_run_stats_index_cols(self) -> bool:
        """Whether the table of runs has their times, which older versions lack; Dagster looks for them each time."""
        return self._has_run_times


class FastSqliteStorage(DagsterSqliteStorage):
    """Dagster's storage in SQLite, with that event log and those runs."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._run_storage = FastSqliteRunStorage(self._run_storage._conn_string)  # noqa: SLF001 - of Dagster
        self._event_log_storage = FastSqliteEventLogStorage(str(Path(base_dir) / "history" / "runs"))  # as Dagster's

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, object]
    ) -> "FastSqliteStorage":
        """Open the storage that a `dagster.yaml` describes."""
        return cls(str(config_value["base_dir"]), inst_data)


def open_fast(home: Path) -> dg.DagsterInstance:
    """Open the Dagster instance of a project's home; one that its `dagster.yaml` keeps elsewhere as Dagster does.

    Raises:
        Exception: whatever Dagster raises for a malformed `dagster.yaml`.
    """
    os.environ.setdefault(_BATCH_SIZE_VARIABLE, str(MAX_BATCH))
    ref = InstanceRef.from_dir(str(home))
    storage = ref.storage_data
    if storage is not None and storage.class_name == DagsterSqliteStorage.__name__:
        fast = ConfigurableClassData(FastSqliteStorage.__module__, FastSqliteStorage.__name__, storage.config_yaml)
        ref = ref._replace(storage_data=fast)
    instance = dg.DagsterInstance.from_ref(ref)
    complete_tables(instance)
    # As the webserver does: PostgreSQL's connections are kept too. Dagster connects for each event otherwise.
    instance.optimize_for_webserver(
        statement_timeout=STATEMENT_TIMEOUT_MS, pool_recycle=POOL_RECYCLE_S, max_overflow=MAX_CONNECTIONS
    )
    return instance
