"""Finds a file or a result in the records by what a user typed: a path, a digest, a record, or SAMPLE/ASSET."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.genomics.uri import folder_of
from bioinfo_assets.layout import is_past_record, records_in, scope_folder_of
from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets.provenance.catalog import Catalog, Entry, open_catalog
from bioinfo_assets.provenance.lineage import Lineage, TracedFile, TracedJob
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, Record
from bioinfo_assets.result_key import ResultKey, is_name
from bioinfo_assets.settings import home_of, output_path_of
from bioinfo_assets.storage.store import Store

_DIGEST: Final = re.compile(r"(?:sha256:)?([0-9a-f]{8,64})")

_MAX_NAMED: Final = 3

_MAX_DEPTH: Final = 4
"""Folders above a file that are searched for records: a result is in its scope's folder or one within it."""


@dataclass(frozen=True, slots=True)
class ResolvedFile:
    """The file that a user named.

    Attributes:
        ledger: The records of its project.
        file: The file, traced upstream.
        note: A remark to show before everything else; may be empty.
    """

    ledger: Ledger
    file: TracedFile
    note: str = ""


def ledger_of(output_path: str) -> Ledger:
    """Return the records under an output path."""
    return Ledger(Store(), output_path)


@contextmanager
def catalog_of(ledger: Ledger) -> Iterator[Catalog]:
    """Open the index of all records, stored in the project's home if there is one."""
    with open_catalog(ledger, own_home(ledger.output_path)) as catalog:
        yield catalog


def own_home(output_path: str) -> Path | None:
    """The project's home; None if there is none, or if it is another project's."""
    try:
        home = home_of(output_path)
        return home if output_path_of(home) in {None, output_path} else None
    except InputError:  # the project is remote and no home is set, or its settings cannot be read
        return None


def resolve_file(name: str, output_path: str | None) -> ResolvedFile:
    """Find a file by its path, address or digest.

    Raises:
        InputError: no record lists it.
    """
    digest = _DIGEST.fullmatch(name.lower())
    if digest is not None and not Path(name).exists():
        if output_path is None:
            raise InputError(f"give --output-path with a digest, or a file: {name} does not exist")
        return _find_by_digest(ledger_of(absolute_path(output_path)), digest[1], name)
    uri = absolute_path(name)
    project = absolute_path(output_path) if output_path is not None else _find_output_path(uri)
    if project is None:
        raise InputError(f"there are no records near {uri}: give --output-path, to search a project's records for it")
    ledger = ledger_of(project)
    return _find_result(ledger, uri) or _find_in_catalog(ledger, uri)


def _find_output_path(uri: str) -> str | None:
    """The output path that a file is under: the folder above the first one with records; None if there is none."""
    folder = folder_of(uri)
    for _ in range(_MAX_DEPTH):
        if not folder.strip("/") or folder.endswith(":/"):
            return None
        if any(record.endswith(".json") for record in Store().list(records_in(folder))):
            return folder_of(folder)
        folder = folder_of(folder)
    return None


def _find_result(ledger: Ledger, uri: str) -> ResolvedFile | None:
    """A result, by the records of its scope; None if they do not list it."""
    if not ledger.layout.contains(uri):
        return None
    file = Lineage(ledger).find(uri)
    return ResolvedFile(ledger, file, _describe_change(ledger.store, file)) if file else None


def _find_by_digest(ledger: Ledger, digest: str, name: str) -> ResolvedFile:
    with catalog_of(ledger) as catalog:
        entries = catalog.by_digest(digest)
    if not entries:
        raise InputError(f"no record under {ledger.output_path} lists a file with the digest {name}")
    matches = {entry.sha256 or entry.content for entry in entries if entry.role == entries[0].role}
    note = f"{len(matches)} files match this digest: give more digits" if len(matches) > 1 else _same_files(entries)
    return ResolvedFile(ledger, _trace(ledger, entries[0]), note)


def _find_in_catalog(ledger: Ledger, uri: str) -> ResolvedFile:
    """A source, or the original of a copied file."""
    with catalog_of(ledger) as catalog:
        entries = catalog.by_uri(uri)
        if entries:
            file = _trace(ledger, entries[0])
            return ResolvedFile(ledger, file, _describe_change(ledger.store, file))
        digest = ledger.store.digest(uri).removeprefix("sha256:")
        entries = catalog.by_digest(digest)
    if not entries:
        raise InputError(f"no record under {ledger.output_path} lists {uri}, or a file with the same checksum")
    note = f"{uri} has the same checksum as this file. {_same_files(entries)}".rstrip()
    return ResolvedFile(ledger, _trace(ledger, entries[0]), note)


def _same_files(entries: Sequence[Entry]) -> str:
    """A sentence about the files with the same bytes as the first one, such as those of a renamed sample; or none."""
    uris = list(dict.fromkeys(entry.uri for entry in entries if entry.role == entries[0].role))
    others = uris[1 : 1 + _MAX_NAMED]
    more = f" and {len(uris) - 1 - _MAX_NAMED} more" if len(uris) - 1 > _MAX_NAMED else ""
    return f"The same bytes are in {', '.join(others)}{more}." if others else ""


def _trace(ledger: Ledger, entry: Entry) -> TracedFile:
    """A file of the catalog, traced upstream."""
    record = ledger.read_any(entry.record)
    note = "replaced since" if entry.replaced else ""
    if not isinstance(record, Record):
        return TracedFile(entry.uri, entry.size, entry.sha256, entry.content, observation=record, note=note)
    job = Lineage(ledger).of_record(record, entry.record, replaced=entry.replaced)
    if entry.role == "w":
        return TracedFile(entry.uri, entry.size, entry.sha256, entry.content, job, note=note)
    return next(file for file in job.inputs if (file.uri, file.content) == (entry.uri, entry.content))


def _describe_change(store: Store, file: TracedFile) -> str:
    """How a file differs from its record, in a sentence; empty if it does not."""
    files = file.producer.record.outputs if file.producer else file.observation.files if file.observation else ()
    recorded = next((item for item in files if item.uri == file.uri), None)
    try:
        stat = store.find(file.uri)
        if stat is None and recorded is not None and recorded.released is not None:
            when = f"{recorded.released:%Y-%m-%d %H:%M} UTC"
            return f"The file was released on {when}, by its retention: a run computes it again where a job needs it."
        if stat is None:
            return "The file no longer exists; showing the recorded version."
        if recorded is None or (stat.size, stat.stamp) == (recorded.size, recorded.stamp):
            return ""
        if stat.size == recorded.size and _has_recorded_bytes(store, recorded):
            return ""
    except BioinfoAssetsError as error:
        return f"The file could not be compared with its record: {error}"
    return "The file has changed since; showing the recorded version."


def _has_recorded_bytes(store: Store, recorded: FileRecord) -> bool:
    if recorded.sha256 is None:
        return store.content_of(recorded.uri) == recorded.content
    return store.digest(recorded.uri) == f"sha256:{recorded.sha256}"


_ADVICE: Final = "name a result by its file, by its record, or as SAMPLE/ASSET with --output-path"


@dataclass(frozen=True, slots=True)
class ResolvedResult:
    """The result that a user named.

    Attributes:
        job: The job that produced it, traced upstream.
        lineage: The lineage of its project.
    """

    job: TracedJob
    lineage: Lineage


def resolve_result(name: str, output_path: str | None, store: Store) -> ResolvedResult:
    """Find a result.

    Args:
        name: The path of a file or record, or `SAMPLE/ASSET`.
        output_path: The project's output path; needed for `SAMPLE/ASSET`.
        store: Reads the files.

    Raises:
        InputError: there is no such result.
    """
    scope, _, asset = name.partition("/")
    if output_path is not None and is_name(scope) and asset in GRAPH:
        return _find_by_key(Lineage(Ledger(store, absolute_path(output_path))), scope, asset)
    uri = absolute_path(name)
    scope_folder = scope_folder_of(uri)
    if scope_folder != uri and uri.endswith(".json"):
        return _find_by_record(Lineage(Ledger(store, folder_of(scope_folder))), uri, past=is_past_record(uri))
    return _find_by_file(Lineage(Ledger(store, folder_of(folder_of(uri)))), uri)


def _find_by_key(lineage: Lineage, scope: str, asset: str) -> ResolvedResult:
    record = lineage.ledger.read(ResultKey(asset, scope))
    if record is None:
        raise InputError(f"there is no {asset} of {scope} in {lineage.ledger.output_path}: run it, or check the name")
    return ResolvedResult(lineage.of_record(record), lineage)


def _find_by_record(lineage: Lineage, uri: str, *, past: bool) -> ResolvedResult:
    if not lineage.ledger.store.exists(uri):
        raise InputError(f"there is no record {uri}: check the path")
    record = lineage.ledger.read_any(uri)
    if not isinstance(record, Record):
        raise InputError(f"{uri} describes source files, not a result: {_ADVICE}")
    return ResolvedResult(lineage.of_record(record, uri, replaced=past), lineage)


def _find_by_file(lineage: Lineage, uri: str) -> ResolvedResult:
    try:
        file = lineage.of_file(uri)
    except InputError as error:
        raise InputError(f"no record next to {uri} lists it as a result: {_ADVICE}") from error
    if file.producer is None:
        raise InputError(f"{uri} is a source file, not a result: {_ADVICE}")
    return ResolvedResult(file.producer, lineage)
