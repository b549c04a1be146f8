"""Which jobs a crate tells of: those of its scopes, and all that were done before them."""

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from bioinfo_assets.errors import InputError
from bioinfo_assets.provenance.lineage import Lineage, ScopeRecords, TracedJob
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.storage.store import join

READERS = 16
"""Scopes whose records are read side by side: in S3 each record takes tenths of a second."""


def jobs_of(ledger: Ledger, scopes: Iterable[str]) -> tuple[TracedJob, ...]:
    """The jobs that made the results of these scopes, and all upstream of them, each after those it depends on.

    Raises:
        InputError: a scope has no results.
    """
    folders = {scope: ScopeRecords(ledger, join(ledger.output_path, scope)) for scope in scopes}
    with ThreadPoolExecutor(READERS) as pool:
        found = dict(zip(folders, pool.map(_results, folders.values()), strict=True))
    lineage = Lineage(ledger, widest=sys.maxsize, folders={folder.place: folder for folder in folders.values()})
    jobs: dict[str, TracedJob] = {}
    for scope, records in found.items():
        if not records:
            raise InputError(f"{scope!r} has no results under {ledger.output_path}: run it first, or check the name")
        for uri, record in records.items():
            _collect(lineage.of_record(record, uri), jobs)
    return tuple(jobs.values())


def _results(folder: ScopeRecords) -> dict[str, Record]:
    return {uri: record for uri, record in folder.records.items() if isinstance(record, Record)}


def _collect(job: TracedJob, found: dict[str, TracedJob]) -> None:
    if job.record_uri in found:
        return
    for file in job.inputs:
        if file.maker is not None:
            _collect(file.maker, found)
    found[job.record_uri] = job
