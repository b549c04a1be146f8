"""What a result was made from, all the way up to the sources: read from the records beside the data, without an index.

A file that a job read lies in the folder of its scope, and so does the record of the job that made it. Where that has
been replaced since, its record is looked for in `records/history`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import RLock
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import folder_of
from bioinfo_assets.layout import history_in, records_in, scope_folder_of
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, InputRecord, Observation, Record

MAX_TRACED_SCOPES: Final = 20
"""Scopes whose results a job may read for each of them to be traced; of more, their number is told."""


@dataclass(frozen=True, slots=True)
class TracedFile:
    """One version of a file.

    Attributes:
        uri: Where it lies, or lay.
        size: Bytes.
        sha256: Hex digest of its bytes, where it is known.
        content: Digest of its canonical form, or the ETag of a remote source; None where it has none.
        maker: The job that made it; None of a source, or where nothing is known of it.
        observation: What was seen of a source.
        note: What is to be known of it, such as that it was replaced since.
    """

    uri: str
    size: int
    sha256: str | None
    content: str | None
    maker: "TracedJob | None" = None
    observation: Observation | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """Its name without the folder."""
        return self.uri.rpartition("/")[2]

    @property
    def digest(self) -> str:
        """Eight digits by which people know it; empty where it has no digest."""
        return (self.sha256 or (self.content or "").partition(":")[2])[:8]


@dataclass(frozen=True, slots=True)
class TracedJob:
    """A job that was run.

    Attributes:
        record: Of what it made.
        record_uri: Where that record lies.
        past: Whether the result was replaced since.
        inputs: What it read, in the record's order.
        untraced: The number of scopes whose results it read, where these were too many to trace.
    """

    record: Record
    record_uri: str
    past: bool
    inputs: tuple[TracedFile, ...]
    untraced: int = 0

    @property
    def name(self) -> str:
        """Step and scope, for people."""
        return f"{self.record.asset} of {self.record.scope}"


@dataclass
class ScopeRecords:
    """The records in the folder of one scope, read when they are asked for."""

    ledger: Ledger
    place: str

    @cached_property
    def makers(self) -> Mapping[str, str]:
        """By file name in `records`: its URI."""
        store = self.ledger.store
        return {uri.rpartition("/")[2]: uri for uri in store.list(records_in(self.place)) if uri.endswith(".json")}

    @cached_property
    def records(self) -> Mapping[str, Record | Observation]:
        """By URI: of the results that are there, and what was seen of sources."""
        return {uri: self.ledger.read_any(uri) for uri in self.makers.values()}

    def reread(self) -> None:
        """Has the records read again when they are asked for next."""
        for name in ("makers", "records", "past"):
            self.__dict__.pop(name, None)

    @cached_property
    def past(self) -> Mapping[str, Record | Observation]:
        """By URI: of results that were replaced."""
        uris = self.ledger.store.list(history_in(self.place))
        return {uri: self.ledger.read_any(uri) for uri in uris if uri.endswith(".json")}


@dataclass
class Lineage:
    """The history of results under one output path, and of what they were made from. May be used by several threads.

    Attributes:
        ledger: The records.
        widest: See `WIDEST`.
        folders: The folders that were read, by place; one who asks again later may hand over those of before.
    """

    ledger: Ledger
    widest: int = MAX_TRACED_SCOPES
    folders: dict[str, ScopeRecords] = field(default_factory=dict)
    _jobs: dict[tuple[str, str], TracedJob] = field(default_factory=dict)
    _tracing: list[tuple[str, str]] = field(default_factory=list)
    _lock: RLock = field(default_factory=RLock)
    _handed_over: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self._handed_over = set(self.folders)

    def of_record(self, record: Record, uri: str | None = None, *, past: bool = False) -> TracedJob:
        """The job that made a result, and all that was done before it.

        Args:
            record: Of the result.
            uri: Where the record lies, if it is not where the ledger has it.
            past: Whether the result was replaced since.

        Raises:
            InputError: a record upstream is none, or says that a result was made from itself.
        """
        place = uri or self.ledger.uri(record.key)
        key = place, record.fingerprint + record.data_version
        with self._lock:
            if key in self._tracing:
                raise InputError(f"{place} says that {record.key.label} was made from itself")
            if key not in self._jobs:
                self._tracing.append(key)
                try:
                    self._jobs[key] = self._traced(record, place, past=past)
                finally:
                    self._tracing.pop()
            return self._jobs[key]

    def alone(self, record: Record) -> TracedJob:
        """The job that made a result, and the files it read, without what was done before it."""
        return TracedJob(
            record,
            self.ledger.uri(record.key),
            past=False,
            inputs=tuple(map(_untraced, record.inputs)),
        )

    def of_file(self, uri: str, content: str | None = None) -> TracedFile:
        """A file under the output path, or a source that a sample or the reference was made from.

        Args:
            uri: Where it lies.
            content: The digest of the version that is meant; the present one if None.

        Raises:
            InputError: no record names it.
        """
        found = self.find(uri, content)
        if found is None:
            raise InputError(f"no record under {self.ledger.output_path} names {uri}: check the path")
        return found

    def find(self, uri: str, content: str | None = None) -> TracedFile | None:
        """As `of_file`; None where no record names it."""
        with self._lock:
            return self._made(uri, content) or self._seen(uri, content, folder_of(uri))

    def of_source(self, uri: str, scope: str) -> TracedFile | None:
        """A source as it was last seen for a scope; None where it was not."""
        with self._lock:
            return self._seen(uri, None, self.ledger.layout.scope(scope))

    def _traced(self, record: Record, place: str, *, past: bool) -> TracedJob:
        scopes = {folder_of(item.uri) for item in record.inputs}
        if len(scopes) > self.widest:
            return TracedJob(record, place, past, tuple(map(_untraced, record.inputs)), len(scopes))
        own = scope_folder_of(place)
        traced = {item.uri: self._input(item, own) for item in record.inputs if item.content is not None}
        makers = [file.maker for file in traced.values() if file.maker is not None]
        for item in record.inputs:
            if item.content is None:
                traced[item.uri] = _made_beside(item, makers) or self._input(item, own)
        return TracedJob(record, place, past, tuple(traced[item.uri] for item in record.inputs))

    def _input(self, item: InputRecord, own: str) -> TracedFile:
        found = (
            self._made(item.uri, item.content)
            or self._seen(item.uri, item.content, own)
            or self._made(item.uri, item.content, own)  # imported: its file lies elsewhere
        )
        return found or TracedFile(item.uri, item.size, None, item.content, note="nothing is known of it")

    def _made(self, uri: str, content: str | None, place: str | None = None) -> TracedFile | None:
        """A result, of the version that has this content; looked for again in a folder that was read long ago."""
        if not self.ledger.layout.contains(place or uri):
            return None  # a source, whose folder may be nobody's to list
        folder = self._folder(place or folder_of(uri))
        found = self._made_in(folder, uri, content)
        if (found is None or found.maker is None) and folder.place in self._handed_over:
            self._handed_over.remove(folder.place)
            folder.reread()
            found = self._made_in(folder, uri, content)
        return found

    def _made_in(self, folder: ScopeRecords, uri: str, content: str | None) -> TracedFile | None:
        named = False
        for past, kept in ((False, folder.records), (True, folder.past if content is not None else {})):
            for place, record in kept.items():
                file = _output(record, uri)
                if file is None or not isinstance(record, Record):
                    continue
                named = True
                if content is None or file.content == content:
                    maker = self.of_record(record, place, past=past)
                    note = "replaced since" if past else ""
                    return TracedFile(uri, file.size, file.sha256, file.content, maker, note=note)
        return TracedFile(uri, 0, None, content, note="replaced since, and its record is gone") if named else None

    def _seen(self, uri: str, content: str | None, folder: str) -> TracedFile | None:
        """A source, by the observations of a scope's folder."""
        for kept in self._folder(folder).records.values():
            file = kept.by_uri().get(uri) if isinstance(kept, Observation) else None
            if file is None or not isinstance(kept, Observation):
                continue
            if content is None or file.content == content:
                return TracedFile(uri, file.size, file.sha256, file.content, observation=kept)
            return TracedFile(uri, file.size, None, content, note="another file lies there now")
        return None

    def _folder(self, place: str) -> ScopeRecords:
        return self.folders.setdefault(place, ScopeRecords(self.ledger, place))


def as_markdown(job: TracedJob) -> str:
    """The dataflow that led to a result, as a list for Dagit: jobs with their tools, files with their digests."""
    return "\n".join(_lines(job, 0, set()))


def _lines(job: TracedJob, depth: int, told: set[str]) -> Iterator[str]:
    indent = "  " * depth
    if job.record_uri in told:
        yield f"{indent}- **{job.name}**, as above"
        return
    told.add(job.record_uri)
    yield f"{indent}- **{job.name}**: {_how(job)}"
    if job.untraced:
        yield f"{indent}  - {len(job.inputs)} files of {job.untraced} samples: the page of each tells its own"
        return
    makers = {file.maker.record_uri: file.maker for file in job.inputs if file.maker is not None}
    for place, maker in makers.items():
        files = [file for file in job.inputs if file.maker is not None and file.maker.record_uri == place]
        yield f"{indent}  - {_named(files)} from"
        yield from _lines(maker, depth + 2, told)
    for file in job.inputs:
        if file.maker is None:
            note = f", {file.note}" if file.note else ""
            yield f"{indent}  - `{file.uri}` {file.digest}{note}"


def _how(job: TracedJob) -> str:
    record = job.record
    if record.imported:
        return f"made elsewhere, imported by {record.user} on {record.finished:%Y-%m-%d %H:%M} UTC"
    tools = ", ".join(f"{tool} {version}" for tool, version in sorted(record.tools.items())) or "bash"
    return f"{tools}; {record.finished:%Y-%m-%d %H:%M} UTC"


def _named(files: Iterable[TracedFile]) -> str:
    return ", ".join(f"`{file.name}` {file.digest}".rstrip() for file in files)


def _output(record: Record | Observation, uri: str) -> FileRecord | None:
    outputs = record.outputs if isinstance(record, Record) else ()
    return next((file for file in outputs if file.uri == uri), None)


def _made_beside(item: InputRecord, makers: Iterable[TracedJob]) -> TracedFile | None:
    """A file that has no digest to tell its version by, such as a BAM's index: it came with what was read beside it."""
    for maker in makers:
        file = _output(maker.record, item.uri)
        if file is not None:
            note = "replaced since" if maker.past else ""
            return TracedFile(item.uri, file.size, file.sha256, file.content, maker, note=note)
    return None


def _untraced(item: InputRecord) -> TracedFile:
    return TracedFile(item.uri, item.size, None, item.content)
