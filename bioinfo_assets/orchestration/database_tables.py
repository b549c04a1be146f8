"""Tables of Dagster's database on a server, whose creation was interrupted.

Dagster creates them one by one when it first connects, and from then on takes them to be complete: if the server or the
process ends in between, each later run fails. In SQLite it looks for the revision, which is written last.
"""

from typing import Any, Final

import dagster as dg
import sqlalchemy
from sqlalchemy import MetaData

from bioinfo_assets.orchestration.internals import (
    RunStorageSqlMetadata,
    ScheduleStorageSqlMetadata,
    SqlEventLogStorageMetadata,
)

_MIGRATIONS: Final = ("migrate", "optimize", "reindex_events", "reindex_assets")
"""What Dagster calls after it has created tables, as far as a storage has it; nothing is done twice."""


def complete_tables(instance: dg.DagsterInstance) -> None:
    """Create the tables that are missing; one of an older Dagster is left to `dagster instance migrate`."""
    _complete(instance.run_storage, RunStorageSqlMetadata)
    _complete(instance.event_log_storage, SqlEventLogStorageMetadata)
    _complete(instance.schedule_storage, ScheduleStorageSqlMetadata)


def _complete(storage: Any, metadata: MetaData) -> None:  # noqa: ANN401 - Dagster has no type for those on a server
    if not hasattr(storage, "postgres_url"):
        return
    names = sqlalchemy.inspect(storage._engine).get_table_names()  # noqa: SLF001 - with its credentials
    if metadata.tables.keys() <= set(names):
        return
    revision, newest = storage.alembic_version()
    if revision not in {None, newest}:
        return
    storage._init_db()  # noqa: SLF001 - it creates those that do not exist
    for migration in _MIGRATIONS:
        if hasattr(storage, migration):
            getattr(storage, migration)()
