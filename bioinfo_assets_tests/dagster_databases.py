"""Dagster's empty databases in SQLite, created once for each process that runs tests.

Nearly every test of a run opens a Dagster home or starts a run, and each of them has databases of its own. To create
those of a home takes 150 ms of CPU time, to copy them 3.
"""

import contextlib
import os
import tempfile
from pathlib import Path

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Engine

LOGS = Path("history", "runs")
"""Where a home has the event log of each run."""


def copy_empty_databases() -> None:
    """Make Dagster copy its empty databases, in this process, where it would create them."""
    create_home, create_log = DagsterSqliteStorage.__init__, SqliteEventLogStorage._initdb
    with tempfile.TemporaryDirectory() as folder:
        with DagsterSqliteStorage(folder).event_log_storage.run_connection("run"):  # type: ignore[attr-defined]
            pass
        home = {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*.db")}
    log = home.pop(LOGS / "run.db")

    def copy_home(self: DagsterSqliteStorage, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        if not Path(base_dir, "history").exists():
            for name, content in home.items():
                _write_new(Path(base_dir, name), content)
        create_home(self, base_dir, inst_data)

    def copy_log(self: SqliteEventLogStorage, engine: Engine, **options: bool) -> None:
        path = Path(str(engine.url.database))
        if not path.exists():
            _write_new(path, log)
        create_log(self, engine, **options)

    DagsterSqliteStorage.__init__ = copy_home  # type: ignore[method-assign]
    SqliteEventLogStorage._initdb = copy_log  # type: ignore[method-assign, assignment]


def _write_new(path: Path, content: bytes) -> None:
    """Write a file whole; if another process was first, keep that one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent) as part:
        part.write(content)
        part.flush()
        with contextlib.suppress(FileExistsError):
            os.link(part.name, path)
