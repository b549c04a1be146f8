"""Writes a crate: into a temporary folder next to the target, which is then renamed to it (an atomic write)."""

import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.provenance.crate.contents import CrateRequest, describe_contents
from bioinfo_assets.provenance.crate.entities import Entities
from bioinfo_assets.provenance.crate.files import Files
from bioinfo_assets.provenance.lineage import Lineage, ScopeRecords, TracedJob
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.storage.store import local_path

MAX_CONCURRENT_SCOPES: Final = 16
"""Scopes whose records are read at the same time: in S3 each record takes tenths of a second."""


@dataclass(frozen=True, slots=True)
class WrittenCrate:
    """What is in a crate.

    Attributes:
        jobs: The number of jobs that it describes.
        damage: For each result whose files are not those of its record any longer, a sentence.
    """

    jobs: int
    damage: tuple[str, ...]


def write_crate(ledger: Ledger, request: CrateRequest, target: Path) -> WrittenCrate:
    """Write a crate to a folder, or to a ZIP file if the target's name ends with `.zip`.

    Raises:
        InputError: a scope has no results, or the target exists or is in the folder of one. Nothing was written.
    """
    if os.path.lexists(target):
        raise InputError(f"{target} exists already: remove it, or choose another name")
    jobs = _collect_jobs(ledger, request.scopes)
    for scope in {job.record.scope for job in jobs}:
        folder = local_path(ledger.layout.scope(scope))
        if folder is not None and target.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{target} is in the folder of the results of {scope}: choose a place outside of {folder}")
    with _atomic_target(target) as folder:
        entities = Entities(folder)
        describe_contents(entities, Files(entities, ledger, with_copies=request.with_small_files), jobs, request)
    return WrittenCrate(len(jobs), _damage(ledger, jobs))


def _damage(ledger: Ledger, jobs: Iterable[TracedJob]) -> tuple[str, ...]:
    """What is wrong with the files of results; those of results that were replaced are gone, as is known."""
    current = [job.record for job in jobs if not job.replaced]
    with ThreadPoolExecutor(MAX_CONCURRENT_SCOPES) as pool:
        return tuple(checked.damage for checked in pool.map(ledger.check_files, current) if checked.damage)


def _collect_jobs(ledger: Ledger, scopes: Iterable[str]) -> tuple[TracedJob, ...]:
    """The jobs that produced the results of these scopes, and all jobs upstream, each after those it depends on."""
    folders = {scope: ScopeRecords(ledger, ledger.layout.scope(scope)) for scope in scopes}
    with ThreadPoolExecutor(MAX_CONCURRENT_SCOPES) as pool:
        all_records = list(pool.map(lambda folder: folder.records, folders.values()))
    lineage = Lineage(ledger, max_scopes=sys.maxsize, folders={scope.folder: scope for scope in folders.values()})
    jobs: dict[str, TracedJob] = {}
    for scope, records in zip(folders, all_records, strict=True):
        results = {uri: record for uri, record in records.items() if isinstance(record, Record)}
        if not results:
            raise InputError(f"{scope!r} has no results under {ledger.output_path}: run it first, or check the name")
        for uri, record in results.items():
            _add_with_upstream(lineage.of_record(record, uri), jobs)
    return tuple(jobs.values())


def _add_with_upstream(job: TracedJob, jobs: dict[str, TracedJob]) -> None:
    if job.record_uri in jobs:
        return
    for file in job.inputs:
        if file.producer is not None:
            _add_with_upstream(file.producer, jobs)
    jobs[job.record_uri] = job


@contextmanager
def _atomic_target(target: Path) -> Iterator[Path]:
    """A temporary folder that becomes the target once it is complete.

    Raises:
        InputError: nothing can be written there.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror}): choose another path") from error
    try:
        folder = temporary / "crate"
        folder.mkdir()
        yield folder
        if target.suffix == ".zip":
            folder = _zip(folder, temporary / "crate.zip")
        folder.rename(target)
    except OSError as error:
        raise InputError(f"{target} could not be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary)


def _zip(folder: Path, target: Path) -> Path:
    """Pack a folder reproducibly: the same files give the same bytes, as times are left out."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix())
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as packed:
                shutil.copyfileobj(source, packed)
    return target
