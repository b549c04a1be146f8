"""A file as a user names it, found in the records: a result, a source, a digest, or a copy of one of them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.genomics.uri import folder_of
from bioinfo_assets.layout import records_in
from bioinfo_assets.provenance.catalog import Catalog, Entry, open_catalog
from bioinfo_assets.provenance.lineage import Lineage, TracedFile
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, Record
from bioinfo_assets.settings import home_of, output_path_of
from bioinfo_assets.storage.store import Store

_DIGEST: Final = re.compile(r"(?:sha256:)?([0-9a-f]{8,64})")

_DEPTH: Final = 4
"""Folders above a file that are looked at for records: a result lies in its scope's, or in one within it."""


@dataclass(frozen=True, slots=True)
class ResolvedFile:
    """What was asked for, and where it is known from.

    Attributes:
        ledger: The records of the project.
        file: The file, with all that came before it.
        note: What is to be said of it first; empty where there is nothing.
    """

    ledger: Ledger
    file: TracedFile
    note: str = ""


def ledger_of(output_path: str) -> Ledger:
    """The records under an output path."""
    return Ledger(Store(), output_path.rstrip("/"))


@contextmanager
def catalog_of(ledger: Ledger) -> Iterator[Catalog]:
    """The index of all records, kept in the project's home where there is one."""
    with open_catalog(ledger, _home(ledger.output_path)) as catalog:
        yield catalog


def _home(output_path: str) -> Path | None:
    try:
        home = home_of(output_path)
        return home if output_path_of(home) in {None, output_path} else None  # another project's is left as it is
    except InputError:  # in the cloud, and no home is set; or its settings cannot be read
        return None


def resolve_file(given: str, output_path: str | None) -> ResolvedFile:
    """Finds what was asked for: a result, a source, or the origin of a copy.

    Raises:
        InputError: nothing is known of it.
    """
    digest = _DIGEST.fullmatch(given.lower())
    if digest is not None and not Path(given).exists():
        if output_path is None:
            raise InputError(f"give --output-path with a digest: where are the results among which {given} is?")
        return _by_digest(ledger_of(absolute_path(output_path)), digest[1], given)
    uri = absolute_path(given)
    place = absolute_path(output_path) if output_path else _output_path_above(uri)
    if place is None:
        raise InputError(f"{uri} lies beside no records: give --output-path, to look for it among those of a project")
    ledger = ledger_of(place)
    return _result(ledger, uri) or _elsewhere(ledger, uri)


def _output_path_above(uri: str) -> str | None:
    """The folder of a project that a file lies in: its scope's folder has records; None where it lies in none."""
    folder = folder_of(uri)
    for _ in range(_DEPTH):
        if not folder.strip("/") or folder.endswith(":/"):
            return None
        if any(one.endswith(".json") for one in Store().list(records_in(folder))):
            return folder_of(folder)
        folder = folder_of(folder)
    return None


def _result(ledger: Ledger, uri: str) -> ResolvedFile | None:
    """A result in its scope's folder, by the records there; None where they do not name it."""
    if not ledger.layout.contains(uri):
        return None
    file = Lineage(ledger).find(uri)
    return ResolvedFile(ledger, file, _changed(ledger.store, file)) if file else None


def _by_digest(ledger: Ledger, digest: str, given: str) -> ResolvedFile:
    with catalog_of(ledger) as catalog:
        entries = catalog.by_digest(digest)
    if not entries:
        raise InputError(f"no record under {ledger.output_path} names a file with the digest {given}")
    others = {entry.sha256 or entry.content for entry in entries if entry.role == entries[0].role}
    note = f"{len(others)} files begin with these digits: give more of them to be sure" if len(others) > 1 else ""
    return ResolvedFile(ledger, _traced(ledger, entries[0]), note)


def _elsewhere(ledger: Ledger, uri: str) -> ResolvedFile:
    """A source, or a copy of a file that lies somewhere else."""
    with catalog_of(ledger) as catalog:
        entries = catalog.by_uri(uri)
        if entries:
            file = _traced(ledger, entries[0])
            return ResolvedFile(ledger, file, _changed(ledger.store, file))
        digest = ledger.store.digest(uri).removeprefix("sha256:")
        entries = catalog.by_digest(digest)
    if not entries:
        raise InputError(f"no record under {ledger.output_path} names {uri}, or a file with its bytes")
    return ResolvedFile(ledger, _traced(ledger, entries[0]), f"{uri} has the bytes of this file.")


def _traced(ledger: Ledger, entry: Entry) -> TracedFile:
    """What the catalog found, with all that came before it."""
    kept = ledger.read_any(entry.record)
    note = "replaced since" if entry.replaced else ""
    if not isinstance(kept, Record):
        return TracedFile(entry.uri, entry.size, entry.sha256, entry.content, observation=kept, note=note)
    job = Lineage(ledger).of_record(kept, entry.record, replaced=entry.replaced)
    if entry.role == "w":
        return TracedFile(entry.uri, entry.size, entry.sha256, entry.content, job, note=note)
    return next(file for file in job.inputs if (file.uri, file.content) == (entry.uri, entry.content))


def _changed(store: Store, file: TracedFile) -> str:
    """Whether the file is still the one that records speak of, in words; empty where it is."""
    kept = file.producer.record.outputs if file.producer else file.observation.files if file.observation else ()
    recorded = next((one for one in kept if one.uri == file.uri), None)
    try:
        stat = store.find(file.uri)
        if stat is None:
            return "It is gone; this is what was there."
        if recorded is None or (stat.size, stat.stamp) == (recorded.size, recorded.stamp):
            return ""
        if stat.size == recorded.size and _same_bytes(store, recorded):
            return ""
    except BioinfoAssetsError as error:
        return f"Whether it is there still is not known: {error}"
    return "It was changed since: this is told of what was there before."


def _same_bytes(store: Store, recorded: FileRecord) -> bool:
    if recorded.sha256 is None:
        return store.content_of(recorded.uri) == recorded.content
    return store.digest(recorded.uri) == f"sha256:{recorded.sha256}"
