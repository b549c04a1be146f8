"""Which jobs a crate tells of: those of its subjects, and all that were done before them."""

import sys
from collections.abc import Iterable

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.store import join
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.lineage import Lineage, TracedJob
from bioinfo_assets.records.record import Record


def jobs_of(ledger: Ledger, subjects: Iterable[str]) -> tuple[TracedJob, ...]:
    """The jobs that made the results of these subjects, and all upstream of them, each after those it depends on.

    Raises:
        InputError: a subject has no results.
    """
    lineage = Lineage(ledger, widest=sys.maxsize)
    found: dict[str, TracedJob] = {}
    for subject in subjects:
        records = _records(ledger, subject)
        if not records:
            raise InputError(f"{subject!r} has no results under {ledger.output_path}: run it first, or check the name")
        for record in records:
            _collect(lineage.of_record(record), found)
    return tuple(found.values())


def _records(ledger: Ledger, subject: str) -> list[Record]:
    uris = ledger.store.list(join(ledger.output_path, subject, "records"))
    kept = (ledger.read_any(uri) for uri in uris if uri.endswith(".json"))
    return [one for one in kept if isinstance(one, Record)]


def _collect(job: TracedJob, found: dict[str, TracedJob]) -> None:
    if job.record_uri in found:
        return
    for file in job.inputs:
        if file.maker is not None:
            _collect(file.maker, found)
    found[job.record_uri] = job
