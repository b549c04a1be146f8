"""Whether Dagster knows of the results that a run would find.

A run that finds everything as it should be needs no Dagster, if Dagster was told of just that before. What it was told
last is kept as one digest in the project's home: of every result's record and code version, and of when each source was
last seen to be another. Any other run takes its place.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from bioinfo_assets.application.preflight import Plan
from bioinfo_assets.pipeline.code_versions import code_versions
from bioinfo_assets.pipeline.graph import KNOWN_SITES_SOURCE, RAW_READS, REFERENCE_SOURCE, REFERENCES
from bioinfo_assets.records.record import Record
from bioinfo_assets.storage.atomic import atomic_write

FILE_NAME: Final = Path("history", "told-to-dagster")
"""Within the home, beside Dagster's database of events, so that it is lost with it."""


def is_synced(plan: Plan, records: Iterable[Record]) -> bool:
    """Whether Dagster was told last of just these results of a plan."""
    file = plan.home / FILE_NAME
    return file.exists() and file.read_text(encoding="utf-8") == _digest(plan, records)


def clear_marker(plan: Plan) -> None:
    """Says that Dagster is being told of something else."""
    (plan.home / FILE_NAME).unlink(missing_ok=True)


def write_marker(plan: Plan) -> None:
    """Says that Dagster was told of the results of a plan as they are."""
    ledger = plan.project.ledger
    found = (ledger.read(scope, asset) for asset in plan.assets for scope in plan.scopes(asset))
    digest = _digest(plan, (record for record in found if record is not None))
    file = plan.home / FILE_NAME
    file.parent.mkdir(exist_ok=True)  # which is not there where Dagster's database is elsewhere
    with atomic_write(file) as part:
        part.write_text(digest, encoding="utf-8")


def _digest(plan: Plan, records: Iterable[Record]) -> str:
    # A cache that is new to the project is to get its results, which a run by Dagster sees to.
    lines = sorted([*_results(plan, records), *_sources(plan), f"cache\t{plan.project.settings.cache or ''}"])
    return sha256("\n".join(lines).encode()).hexdigest()


def _results(plan: Plan, records: Iterable[Record]) -> Iterator[str]:
    versions = code_versions(plan.project)
    for record in records:
        yield f"{record.asset}\t{record.scope}\t{record.fingerprint}\t{record.data_version}\t{versions[record.asset]}"


def _sources(plan: Plan) -> Iterator[str]:
    scopes = [(REFERENCES, REFERENCE_SOURCE), (REFERENCES, KNOWN_SITES_SOURCE)]
    for scope, source in [*scopes, *((name, RAW_READS) for name in plan.names)]:
        seen = plan.project.ledger.read_observation(scope, source)
        if seen is not None:
            yield f"{source}\t{scope}\t{seen.data_version}\t{seen.observed.isoformat()}"
