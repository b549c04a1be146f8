"""Dagster's event log in SQLite, with connections that are kept between events.

Dagster builds an engine and opens a connection for each event that it stores or reads, and SQLAlchemy compiles each
statement again for each engine: two thirds of a run's CPU time when its jobs take none (`benchmarks/cohort.py`). The
files and their contents are Dagster's own, so that the webserver reads them with Dagster's class.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import dagster as dg
from sqlalchemy import Connection, Engine, StaticPool, create_engine

from bioinfo_assets.orchestration.internals import (
    SQLITE_BUSY_TIMEOUT_SECONDS,
    ConfigurableClassData,
    DagsterSqliteStorage,
    InstanceRef,
    SqliteEventLogStorage,
)

STATEMENT_TIMEOUT_MS: Final = 60_000
POOL_RECYCLE_S: Final = 3600

MAX_CONNECTIONS: Final = 8
"""Files that are kept open: the index of all runs, and one file for each run."""


class FastSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's SQLite event log, with an open connection for each of the files that are in use."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._tables: set[str] = set()
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

    def dispose(self) -> None:
        """Close all files."""
        while self._engines:
            self._engines.popitem()[1].dispose()
        super().dispose()


class FastSqliteStorage(DagsterSqliteStorage):
    """Dagster's storage in SQLite, with that event log."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
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
    ref = InstanceRef.from_dir(str(home))
    storage = ref.storage_data
    if storage is not None and storage.class_name == DagsterSqliteStorage.__name__:
        fast = ConfigurableClassData(FastSqliteStorage.__module__, FastSqliteStorage.__name__, storage.config_yaml)
        ref = ref._replace(storage_data=fast)
    instance = dg.DagsterInstance.from_ref(ref)
    # As the webserver does: PostgreSQL's connections are kept too. Dagster connects for each event otherwise.
    instance.optimize_for_webserver(
        statement_timeout=STATEMENT_TIMEOUT_MS, pool_recycle=POOL_RECYCLE_S, max_overflow=MAX_CONNECTIONS
    )
    return instance
