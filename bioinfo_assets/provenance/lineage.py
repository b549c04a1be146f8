"""The lineage of a result, up to the sources: read from the records next to the data, without an index.

A file that a job read is in the folder of its scope, and so is the record of the job that wrote it. If that result was
replaced since, its record is in `records/history`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from threading import RLock
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import folder_of
from bioinfo_assets.layout import history_in, records_in, scope_folder_of
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, InputRecord, Observation, Record

MAX_TRACED_SCOPES: Final = 20
"""Inputs of a job are traced individually up to this many scopes; beyond it, only the number of scopes is given."""

REPLACED: Final = "replaced since"
"""The note of a file whose result was replaced after it was read."""


@dataclass(frozen=True, slots=True)
class TracedFile:
    """One version of a file.

    Attributes:
        uri: Its address; another version may be stored there now.
        size: Bytes.
        sha256: Hex digest of its bytes, if known.
        content: Digest of its canonical form, or the ETag of a remote source; None if it has none.
        producer: The job that wrote it; None for a source, or if no record names it.
        observation: The observation of a source.
        note: A remark for users, such as that it was replaced since; empty if there is none.
    """

    uri: str
    size: int
    sha256: str | None
    content: str | None
    producer: "TracedJob | None" = None
    observation: Observation | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """Its name without the folder."""
        return self.uri.rpartition("/")[2]

    @property
    def digest(self) -> str:
        """The first eight digits of its digest; empty if it has none."""
        return (self.sha256 or (self.content or "").partition(":")[2])[:8]


@dataclass(frozen=True, slots=True)
class TracedJob:
    """A job that was run.

    Attributes:
        record: The record of its result.
        record_uri: The record's address.
        replaced: Whether the result was replaced since.
        inputs: The files it read, in the record's order.
        untraced_scopes: The number of scopes whose results it read, if these were too many to trace; otherwise 0.
    """

    record: Record
    record_uri: str
    replaced: bool
    inputs: tuple[TracedFile, ...]
    untraced_scopes: int = 0

    @property
    def name(self) -> str:
        """Asset and scope, in words."""
        return self.record.key.label


@dataclass
class ScopeRecords:
    """The records in the folder of one scope, read on first use.

    Attributes:
        ledger: The project's records.
        folder: The address of the scope's folder.
    """

    ledger: Ledger
    folder: str

    @cached_property
    def records(self) -> Mapping[str, Record | Observation]:
        """By address: the records of current results, and the observations of sources."""
        return self._read(records_in(self.folder))

    @cached_property
    def history(self) -> Mapping[str, Record | Observation]:
        """By address: the records of replaced results."""
        return self._read(history_in(self.folder))

    def with_record(self, record: Record) -> "ScopeRecords":
        """The records with another one, which was published just now; its script is not kept."""
        scope = ScopeRecords(self.ledger, self.folder)
        scope.__dict__["records"] = {**self.records, self.ledger.uri(record.key): record.without_script()}
        return scope

    def invalidate(self) -> None:
        """Forget the records, so that they are read again on their next use."""
        for name in ("records", "history"):
            self.__dict__.pop(name, None)

    def _read(self, folder: str) -> Mapping[str, Record | Observation]:
        uris = self.ledger.store.list(folder)
        return {uri: self.ledger.read_any(uri) for uri in uris if uri.endswith(".json")}


@dataclass
class Lineage:
    """The lineage of results under one output path. Safe to use from several threads.

    Attributes:
        ledger: The records.
        max_scopes: See `MAX_TRACED_SCOPES`.
        folders: The records read so far, by folder; pass those of an earlier lineage to save reading them again.
    """

    ledger: Ledger
    max_scopes: int = MAX_TRACED_SCOPES
    folders: dict[str, ScopeRecords] = field(default_factory=dict)
    _jobs: dict[tuple[str, str], TracedJob] = field(default_factory=dict)
    _in_progress: list[tuple[str, str]] = field(default_factory=list)
    _lock: RLock = field(default_factory=RLock)
    _inherited: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self._inherited = set(self.folders)

    def of_record(self, record: Record, uri: str | None = None, *, replaced: bool = False) -> TracedJob:
        """The job that produced a result, with everything upstream of it.

        Args:
            record: The result's record.
            uri: The record's address, if it is not the ledger's address for this result.
            replaced: Whether the result was replaced since.

        Raises:
            InputError: a record upstream is invalid, or a result is upstream of itself.
        """
        record_uri = uri or self.ledger.uri(record.key)
        key = record_uri, record.fingerprint + record.data_version
        with self._lock:
            if key in self._in_progress:
                raise InputError(f"{record_uri} is invalid: {record.key.label} is upstream of itself")
            if key not in self._jobs:
                self._in_progress.append(key)
                try:
                    self._jobs[key] = self._trace(record, record_uri, replaced=replaced)
                finally:
                    self._in_progress.pop()
            return self._jobs[key]

    def without_upstream(self, record: Record) -> TracedJob:
        """The job that produced a result, and the files it read, without the jobs upstream."""
        return TracedJob(
            record, self.ledger.uri(record.key), replaced=False, inputs=tuple(map(_untraced, record.inputs))
        )

    def of_file(self, uri: str, content: str | None = None) -> TracedFile:
        """A file under the output path, or a source of a sample or the reference.

        Args:
            uri: The file's address.
            content: The digest of the requested version; the current version if None.

        Raises:
            InputError: no record names it.
        """
        file = self.find(uri, content)
        if file is None:
            raise InputError(f"no record under {self.ledger.output_path} names {uri}: check the path")
        return file

    def find(self, uri: str, content: str | None = None) -> TracedFile | None:
        """As `of_file`, but None if no record names it."""
        with self._lock:
            return self._find_output(uri, content) or self._find_source(uri, content, folder_of(uri))

    def _trace(self, record: Record, record_uri: str, *, replaced: bool) -> TracedJob:
        scopes = {folder_of(item.uri) for item in record.inputs}
        if len(scopes) > self.max_scopes:
            return TracedJob(record, record_uri, replaced, tuple(map(_untraced, record.inputs)), len(scopes))
        own_folder = scope_folder_of(record_uri)
        read = record.started
        traced = {
            item.uri: self._trace_input(item, own_folder, read) for item in record.inputs if item.content is not None
        }
        producers = [file.producer for file in traced.values() if file.producer is not None]
        for item in record.inputs:
            if item.content is None:
                traced[item.uri] = _output_of(producers, item) or self._trace_input(item, own_folder, read)
        return TracedJob(record, record_uri, replaced, tuple(traced[item.uri] for item in record.inputs))

    def _trace_input(self, item: InputRecord, own_folder: str, read: datetime) -> TracedFile:
        file = (
            self._find_output(item.uri, item.content, read=read)
            or self._find_source(item.uri, item.content, own_folder)
            or self._find_output(item.uri, item.content, own_folder, read)  # imported: its file is stored elsewhere
        )
        if file is None:
            return TracedFile(item.uri, item.size, None, item.content, note="its origin is unknown")
        is_other_version = file.producer is None and file.sha256 is None and file.content == item.content
        return replace(file, size=item.size) if is_other_version else file

    def _find_output(
        self, uri: str, content: str | None, folder: str | None = None, read: datetime | None = None
    ) -> TracedFile | None:
        """An output with this content; records inherited from an earlier lineage are read again before giving up."""
        if not self.ledger.layout.contains(folder or uri):
            return None  # a source, whose folder this user may not be allowed to list
        scope = self._scope_records(folder or folder_of(uri))
        file = self._find_output_in(scope, uri, content, read)
        if (file is None or file.producer is None) and scope.folder in self._inherited:
            self._inherited.remove(scope.folder)
            scope.invalidate()
            file = self._find_output_in(scope, uri, content, read)
        return file

    def _find_output_in(
        self, scope: ScopeRecords, uri: str, content: str | None, read: datetime | None
    ) -> TracedFile | None:
        """An output with this content; of several, the one that was there when it was read.

        A result that was computed again may have the same content as before, from other tools.
        """
        is_known = False
        found: list[tuple[Record, str, FileRecord, bool]] = []
        for replaced in (False, True) if content is not None else (False,):
            records = scope.history if replaced else scope.records  # the history is rarely needed: one more list of S3
            for record_uri, record in records.items():
                file = _output(record, uri)
                if file is None or not isinstance(record, Record):
                    continue
                is_known = True
                if content is None or file.content == content:
                    found.append((record, record_uri, file, replaced))
            if found and (read is None or found[0][0].finished <= read):
                break  # the current one
        if not found:
            return (
                TracedFile(uri, 0, None, content, note=f"{REPLACED}, and its record is missing") if is_known else None
            )
        before = [item for item in found if read is not None and item[0].finished <= read]
        record, record_uri, file, replaced = max(before, key=lambda item: item[0].finished) if before else found[0]
        return traced_output(file, self.of_record(record, record_uri, replaced=replaced))

    def _find_source(self, uri: str, content: str | None, folder: str) -> TracedFile | None:
        """A source, by the observations in a scope's folder."""
        for observation in self._scope_records(folder).records.values():
            file = observation.by_uri().get(uri) if isinstance(observation, Observation) else None
            if file is None or not isinstance(observation, Observation):
                continue
            if content is None or file.content == content:
                return TracedFile(uri, file.size, file.sha256, file.content, observation=observation)
            return TracedFile(uri, file.size, None, content, note="the file has changed since")
        return None

    def _scope_records(self, folder: str) -> ScopeRecords:
        return self.folders.setdefault(folder, ScopeRecords(self.ledger, folder))


def traced_output(file: FileRecord, producer: TracedJob) -> TracedFile:
    """An output with the job that wrote it."""
    note = REPLACED if producer.replaced else release_note(file)
    return TracedFile(file.uri, file.size, file.sha256, file.content, producer, note=note)


def release_note(file: FileRecord) -> str:
    """The note of a file that was deleted on purpose; empty if it is kept."""
    return f"released on {file.released:%Y-%m-%d}, not kept" if file.released is not None else ""


def as_markdown(job: TracedJob) -> str:
    """The lineage of a result as a list for Dagit: jobs with their tools, files with their digests."""
    return "\n".join(_markdown_lines(job, 0, set()))


def _markdown_lines(job: TracedJob, depth: int, shown: set[str]) -> Iterator[str]:
    indent = "  " * depth
    if job.record_uri in shown:
        yield f"{indent}- **{job.name}**, as above"
        return
    shown.add(job.record_uri)
    yield f"{indent}- **{job.name}**: {_origin(job.record)}"
    if job.untraced_scopes:
        yield f"{indent}  - {len(job.inputs)} files of {job.untraced_scopes} samples: see the page of each sample"
        return
    producers = {file.producer.record_uri: file.producer for file in job.inputs if file.producer is not None}
    for uri, producer in producers.items():
        files = [file for file in job.inputs if file.producer is not None and file.producer.record_uri == uri]
        yield f"{indent}  - {', '.join(f'`{file.name}` {file.digest}'.rstrip() for file in files)} from"
        yield from _markdown_lines(producer, depth + 2, shown)
    for file in job.inputs:
        if file.producer is None:
            note = f", {file.note}" if file.note else ""
            yield f"{indent}  - `{file.uri}` {file.digest}{note}"


def _origin(record: Record) -> str:
    if record.imported:
        return f"imported by {record.user} on {record.finished:%Y-%m-%d %H:%M} UTC"
    tools = ", ".join(f"{tool} {version}" for tool, version in sorted(record.tools.items())) or "bash"
    return f"{tools}; {record.finished:%Y-%m-%d %H:%M} UTC"


def _output(record: Record | Observation, uri: str) -> FileRecord | None:
    outputs = record.outputs if isinstance(record, Record) else ()
    return next((file for file in outputs if file.uri == uri), None)


def _output_of(producers: Iterable[TracedJob], item: InputRecord) -> TracedFile | None:
    """An input without a digest of its version, such as a BAM's index: an output of the job that wrote the BAM."""
    for producer in producers:
        file = _output(producer.record, item.uri)
        if file is not None:
            return traced_output(file, producer)
    return None


def _untraced(item: InputRecord) -> TracedFile:
    return TracedFile(item.uri, item.size, None, item.content)
