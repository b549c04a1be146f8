"""Verification of a project: reports files that are missing, changed or not recorded. Nothing is written."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.maintenance.scope_folder import (
    MAX_CONCURRENT_FOLDERS,
    ScopeFolder,
    foreign_files,
    read_scope_folder,
    scope_names,
)
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import imap_bounded
from bioinfo_assets.records.record import FileRecord, Observation
from bioinfo_assets.records.samples import sample_names
from bioinfo_assets.result_key import RAW_READS
from bioinfo_assets.storage.store import FileStat

MAX_CONCURRENT_READS: Final = 8
"""Files read at the same time, which keeps a fast disk busy; each is hashed on a processor of its own if possible."""


class FileProblem(StrEnum):
    """What can be wrong with a file."""

    MISSING = "missing"
    CHANGED = "changed"
    NO_RECORD = "has no record"
    UNREADABLE = "cannot be read"


@dataclass(frozen=True, slots=True)
class Finding:
    """A file with a problem.

    Attributes:
        scope: The scope whose record names it, or whose folder it is in.
        asset: The result or source that it belongs to; empty if no record names it.
        uri: The file.
        problem: What is wrong.
        message: Details; empty if there are none.
    """

    scope: str
    asset: str
    uri: str
    problem: FileProblem
    message: str = ""

    def __str__(self) -> str:
        owner = f" ({self.asset} of {self.scope})" if self.asset else ""
        return f"{self.problem}: {self.uri}{owner}{f': {self.message}' if self.message else ''}"


@dataclass(slots=True)
class Audit:
    """The verification of everything that was recorded under an output path.

    Attributes:
        ledger: The project's records.
        deep: Whether to read and compare the bytes of every file; otherwise only of files whose stamp has changed.
        on_bytes: Called, from any thread, with the number of bytes just read.
        checked: The numbers of scopes, records and files, and the files' bytes; complete at the end.
        released: The number of files that were deleted on purpose by their retention, and their bytes; likewise.
    """

    ledger: Ledger
    deep: bool = False
    on_bytes: Callable[[int], None] | None = None
    checked: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("scopes", "records", "files", "bytes"), 0))
    released: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("files", "bytes"), 0))
    _stopped: Event = field(default_factory=Event)
    _unrecorded: list[tuple[str, str]] = field(default_factory=list)
    _recorded_elsewhere: set[str] = field(default_factory=set)

    def findings(self, names: Collection[str] = ()) -> Iterator[Finding]:
        """Iterate over all problems, as they are found.

        Args:
            names: Check only these scopes; all if empty.

        Raises:
            InputError: there is no project under the output path, or no such scope.
        """
        all_names = scope_names(self.ledger)
        unknown = next((name for name in names if name not in all_names), None)
        if unknown is not None:
            raise InputError(
                f"there is no sample {unknown!r} in {self.ledger.output_path}, and no result of one: check the name"
            )
        self._stopped.clear()
        checks = self._check_folders(names or all_names)
        for finding in imap_bounded(self._check_contents, checks, MAX_CONCURRENT_READS, self._stopped):
            if finding is not None:
                yield finding
        if names and self._unrecorded:  # records of the other scopes may name them
            for folder in self._read_folders(set(all_names) - set(names)):
                self._recorded_elsewhere |= foreign_files(self.ledger, folder, folder.recorded_files)
        for scope, uri in self._unrecorded:
            if uri not in self._recorded_elsewhere:
                yield Finding(scope, "", uri, FileProblem.NO_RECORD)

    def _read_folders(self, names: Collection[str]) -> Iterator[ScopeFolder]:
        samples = set(sample_names(self.ledger))
        return imap_bounded(lambda name: read_scope_folder(self.ledger, name, samples), names, MAX_CONCURRENT_FOLDERS)

    def _check_folders(self, names: Collection[str]) -> "Iterator[_Check | Finding]":
        """Folder by folder: what size and stamp reveal, and the files whose bytes must be read."""
        samples = set(sample_names(self.ledger))

        def check_folder(name: str) -> tuple[ScopeFolder, list[tuple[FileRecord, _Check | Finding | None]]]:
            folder = read_scope_folder(self.ledger, name, samples)
            return folder, [(check.file, self._check_stat(check)) for check in _checks_of(folder)]

        for folder, results in imap_bounded(check_folder, names, MAX_CONCURRENT_FOLDERS):
            self._recorded_elsewhere |= foreign_files(self.ledger, folder, folder.recorded_files)
            if folder.is_empty:
                continue
            self.checked["scopes"] += 1
            self.checked["records"] += len(folder.records) + len(folder.observations)
            released = [file for record in folder.records for file in record.outputs if file.released is not None]
            self.released["files"] += len(released)
            self.released["bytes"] += sum(file.size for file in released)
            self._unrecorded += [(folder.name, uri) for uri in folder.unrecorded_files]
            for record in folder.unreadable:
                yield Finding(folder.name, "", record.uri, FileProblem.UNREADABLE, record.message)
            for file, result in results:
                self.checked["files"] += 1
                self.checked["bytes"] += file.size
                if result is not None:
                    yield result

    def _check_stat(self, check: "_Check") -> "_Check | Finding | None":
        """Compare size and stamp.

        Returns:
            A finding; the check itself if the bytes must be read; None if the file is intact.
        """
        file = check.file
        try:
            stat = check.stat or self.ledger.store.find(file.uri)
        except BioinfoAssetsError as error:
            return check.finding(FileProblem.UNREADABLE, str(error))
        if stat is None:
            return check.finding(FileProblem.MISSING)
        if stat.size != file.size:
            return check.finding(FileProblem.CHANGED, f"{stat.size} bytes, recorded with {file.size}")
        return check if self.deep or stat.stamp != file.stamp else None

    def _check_contents(self, check: "_Check | Finding") -> Finding | None:
        """Read a file and compare its digest; findings pass through."""
        if isinstance(check, Finding):
            return check
        file = check.file
        try:
            is_same = self._digest(file) == (f"sha256:{file.sha256}" if file.sha256 else file.content)
        except BioinfoAssetsError as error:
            return check.finding(FileProblem.UNREADABLE, str(error))
        return None if is_same else check.finding(FileProblem.CHANGED, "its checksum differs from the recorded one")

    def _digest(self, file: FileRecord) -> str:
        """The digest of a file's bytes, or the ETag of a remote source that is recorded by it."""
        if file.sha256 is None:
            return self.ledger.store.content_of(file.uri, self._report_bytes)
        return self.ledger.store.digest(file.uri, self._report_bytes)

    def _report_bytes(self, count: int) -> None:
        if self._stopped.is_set():
            raise InputError("cancelled")
        if self.on_bytes is not None:
            self.on_bytes(count)


@dataclass(frozen=True, slots=True)
class _Check:
    """A file to check, with its stat if its folder's listing has it."""

    scope: str
    asset: str
    file: FileRecord
    stat: FileStat | None

    def finding(self, problem: FileProblem, message: str = "") -> Finding:
        return Finding(self.scope, self.asset, self.file.uri, problem, message)


def _checks_of(folder: ScopeFolder) -> Iterator[_Check]:
    for record in folder.records:
        for file in record.kept_outputs:
            yield _Check(folder.name, record.asset, file, folder.files.get(file.uri))
    for observation in folder.observations:
        for file in _files_in_use(folder, observation):
            yield _Check(folder.name, observation.asset, file, folder.files.get(file.uri))


def _files_in_use(folder: ScopeFolder, observation: Observation) -> Iterator[FileRecord]:
    """The files of a source; of FASTQs only those that the sample still has, so none after its removal."""
    lanes = folder.sample.lanes if folder.sample else ()
    reads = {uri for lane in lanes for uri in (lane.read1, lane.read2)}
    for file in observation.files:
        if observation.asset != RAW_READS or file.uri in reads:
            yield file
