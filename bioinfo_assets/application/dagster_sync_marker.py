"""A marker of what Dagster's history contains, so that an up-to-date run need not open it.

After each run, the project's home holds one digest of the plan's records, with the code versions and what is upstream
of their assets, the sources' observations, the output path, since Dagster shows its addresses, and the number of
materializations in Dagster's database, which `dagster asset wipe` changes. The next run of another plan replaces it.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from bioinfo_assets.application.plan import Plan
from bioinfo_assets.pipeline.code_versions import code_versions
from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.atomic import atomic_write

FILE_NAME: Final = Path("history", "last-synced")
"""In the home, next to Dagster's database of events, so that both are lost together."""

_DATABASE: Final = Path("history", "runs", "index.db")
"""The events of assets in Dagster's SQLite storage (dagster/_core/storage/event_log/sqlite)."""

_COUNT: Final = "SELECT COUNT(*) FROM event_logs WHERE asset_key = ? AND dagster_event_type = 'ASSET_MATERIALIZATION'"


def is_synced(plan: Plan, records: Iterable[Record]) -> bool:
    """Return whether Dagster has exactly these results of a plan."""
    file, versions = plan.home / FILE_NAME, code_versions(plan.project)
    results = (_line(record, versions) for record in records)
    try:
        return file.exists() and file.read_text(encoding="utf-8") == _digest(plan, results)
    except sqlite3.Error:  # Dagster reports what is wrong with its database
        return False


def clear_marker(plan: Plan) -> None:
    """Remove the marker, before a run reports other results to Dagster."""
    (plan.home / FILE_NAME).unlink(missing_ok=True)


def write_marker(plan: Plan, reported: Mapping[ResultKey, str]) -> None:
    """Write the marker: Dagster has the current results of a plan.

    Args:
        plan: The plan.
        reported: The data versions of the results that Dagster has. If another process has published or imported
            others meanwhile, there is no marker, and the next run reports those.
    """
    ledger, versions = plan.project.ledger, code_versions(plan.project)
    results = []
    for record in map_reads(ledger, ledger.read, plan.result_keys()):
        # In turn, and not kept: the records of ten thousand samples take 800 MB.
        if record is not None:
            if record.data_version != reported.get(record.key):
                return
            results.append(_line(record, versions))
    file = plan.home / FILE_NAME
    file.parent.mkdir(exist_ok=True)  # it does not exist if Dagster's database is elsewhere
    with suppress(sqlite3.Error):  # without a marker, the next run asks Dagster
        digest = _digest(plan, results)
        with atomic_write(file) as part:
            part.write_text(digest, encoding="utf-8")


def _digest(plan: Plan, results: Iterable[str]) -> str:
    settings = plan.project.settings
    # A newly set shared cache receives the project's results in a run by Dagster.
    places = (f"output\t{settings.output_path}", f"cache\t{settings.cache or ''}")
    lines = sorted([*results, *_sources(plan), *_materializations(plan), *places])
    return sha256("\n".join(lines).encode()).hexdigest()


def _line(record: Record, versions: Mapping[str, str]) -> str:
    """A result as the digest has it, with the code versions by asset."""
    # Dagster calls a result stale if its asset has got another one upstream, as in a new release.
    version, upstream = versions[record.asset], ",".join(GRAPH[record.asset].upstream)
    return f"{record.asset}\t{record.scope}\t{record.fingerprint}\t{record.data_version}\t{version}\t{upstream}"


def _sources(plan: Plan) -> Iterator[str]:
    for source in plan.project.last_observations(plan.names):
        yield f"{source.asset}\t{source.scope}\t{source.data_version}\t{source.observed.isoformat()}"


def _materializations(plan: Plan) -> Iterator[str]:
    """How often Dagster has each asset as materialized; nothing if its database is elsewhere.

    Raises:
        sqlite3.Error: the database cannot be read.
    """
    file = plan.home / _DATABASE
    if file.exists():
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)) as database:
            for asset in plan.assets:
                (count,) = database.execute(_COUNT, (json.dumps([asset]),)).fetchone()
                yield f"{asset}\t{count} materializations"
