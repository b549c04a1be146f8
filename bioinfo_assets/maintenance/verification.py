"""Is everything still as it was recorded? What is missing, changed, or has no record is told; nothing is written."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.maintenance.scope_folder import READERS, ScopeFolder, read_scope_folder, scope_names
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import imap_bounded
from bioinfo_assets.records.record import FileRecord, Observation
from bioinfo_assets.records.samples import sample_names
from bioinfo_assets.storage.store import FileStat

HASHERS: Final = 8
"""Files read at once, which keeps a fast disk busy; each is hashed by a processor of its own, where there is one."""

_READS: Final = "raw_reads"


class FileProblem(StrEnum):
    """What can be wrong with a file."""

    MISSING = "missing"
    CHANGED = "changed"
    NO_RECORD = "has no record"
    UNREADABLE = "cannot be read"


@dataclass(frozen=True, slots=True)
class Finding:
    """A file with which something is wrong.

    Attributes:
        scope: Whose it is.
        asset: Which result, or source; empty where no record tells.
        uri: The file.
        trouble: What is wrong.
        says: More of it; empty where there is no more to say.
    """

    scope: str
    asset: str
    uri: str
    trouble: FileProblem
    says: str = ""

    def __str__(self) -> str:
        whose = f" ({self.asset} of {self.scope})" if self.asset else ""
        return f"{self.trouble}: {self.uri}{whose}{f': {self.says}' if self.says else ''}"


@dataclass(slots=True)
class Audit:
    """A look at all that was recorded under an output path.

    Attributes:
        ledger: Of which project.
        deep: Whether the bytes of every file are read and compared; else only those of files with another stamp are.
        on_bytes: Is told, from any thread, how many bytes were read.
        looked_at: How many scopes, records and files there were, and the files' bytes; complete at the end.
    """

    ledger: Ledger
    deep: bool = False
    on_bytes: Callable[[int], None] | None = None
    looked_at: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("scopes", "records", "files", "bytes"), 0))
    _stopped: Event = field(default_factory=Event)
    _unnamed: list[tuple[str, str]] = field(default_factory=list)
    _named_elsewhere: set[str] = field(default_factory=set)

    def findings(self, names: Collection[str] = ()) -> Iterator[Finding]:
        """All that is wrong, while it is found.

        Args:
            names: Of these scopes only; of all unless given.

        Raises:
            InputError: there is no project here, or no such scope.
        """
        everything = scope_names(self.ledger)
        unknown = next((name for name in names if name not in everything), None)
        if unknown is not None:
            raise InputError(f"there is no sample {unknown!r} in {self.ledger.output_path}, and no results of one")
        self._stopped.clear()
        for finding in imap_bounded(self._read, self._seen(names or everything), HASHERS, self._stopped):
            if finding is not None:
                yield finding
        if names and self._unnamed:
            self._look_at_others(set(everything) - set(names))
        for scope, uri in self._unnamed:
            if uri not in self._named_elsewhere:
                yield Finding(scope, "", uri, FileProblem.NO_RECORD)

    def _seen(self, names: Collection[str]) -> "Iterator[_Check | Finding]":
        """What is found without reading files, and the files that must be read, folder by folder."""
        samples = set(sample_names(self.ledger))
        for folder, seen in imap_bounded(lambda name: self._looked(name, samples), names, READERS):
            self._named_elsewhere |= _elsewhere(self.ledger, folder)
            if folder.is_empty:
                continue
            self.looked_at["scopes"] += 1
            self.looked_at["records"] += len(folder.records) + len(folder.observations)
            self._unnamed += [(folder.name, uri) for uri in folder.unnamed]
            for problem in folder.problems:
                yield Finding(folder.name, "", problem.uri, FileProblem.UNREADABLE, problem.says)
            for file, found in seen:
                self.looked_at["files"] += 1
                self.looked_at["bytes"] += file.size
                if found is not None:
                    yield found

    def _looked(self, name: str, samples: Collection[str]) -> "tuple[ScopeFolder, list[_Seen]]":
        folder = read_scope_folder(self.ledger, name, samples)
        return folder, [(check.file, self._at_sight(check)) for check in _checks_of(folder)]

    def _at_sight(self, check: "_Check") -> "_Check | Finding | None":
        """What size and stamp tell of a file: nothing is wrong, or something is, or it must be read."""
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

    def _read(self, check: "_Check | Finding") -> Finding | None:
        """Reads a file whole and compares it; what was found at sight is given back."""
        if isinstance(check, Finding):
            return check
        file = check.file
        try:
            is_same = self._content(file) == (f"sha256:{file.sha256}" if file.sha256 else file.content)
        except BioinfoAssetsError as error:
            return check.finding(FileProblem.UNREADABLE, str(error))
        return None if is_same else check.finding(FileProblem.CHANGED, "other bytes than were recorded")

    def _content(self, file: FileRecord) -> str:
        """What names a file's bytes in its record: their digest, or of a remote source its ETag."""
        if file.sha256 is None:
            return self.ledger.store.content_of(file.uri, self._tell)
        return self.ledger.store.digest(file.uri, self._tell)

    def _tell(self, count: int) -> None:
        if self._stopped.is_set():
            raise InputError("nobody waits for this any more")
        if self.on_bytes is not None:
            self.on_bytes(count)

    def _look_at_others(self, names: Collection[str]) -> None:
        samples = set(sample_names(self.ledger))
        for folder in imap_bounded(lambda name: read_scope_folder(self.ledger, name, samples), names, READERS):
            self._named_elsewhere |= _elsewhere(self.ledger, folder)


@dataclass(frozen=True, slots=True)
class _Check:
    """A file to be looked at, and what the listing of its folder told of it."""

    scope: str
    asset: str
    file: FileRecord
    stat: FileStat | None

    def finding(self, trouble: FileProblem, says: str = "") -> Finding:
        return Finding(self.scope, self.asset, self.file.uri, trouble, says)


_Seen = tuple[FileRecord, _Check | Finding | None]


def _checks_of(folder: ScopeFolder) -> Iterator[_Check]:
    for record in folder.records:
        for file in record.outputs:
            yield _Check(folder.name, record.asset, file, folder.files.get(file.uri))
    for observation in folder.observations:
        for file in _still_used(folder, observation):
            yield _Check(folder.name, observation.asset, file, folder.files.get(file.uri))


def _still_used(folder: ScopeFolder, observation: Observation) -> Iterator[FileRecord]:
    """The files of a source; of FASTQs those that the sample still has, and none once it was removed."""
    lanes = folder.sample.lanes if folder.sample else ()
    used = {uri for lane in lanes for uri in (lane.read1, lane.read2)}
    for file in observation.files:
        if observation.asset != _READS or file.uri in used:
            yield file


def _elsewhere(ledger: Ledger, folder: ScopeFolder) -> set[str]:
    """What a scope's records name under the output path and outside of its own folder."""
    root, own = f"{ledger.output_path}/", f"{folder.uri}/"
    return {uri for uri in folder.named if uri.startswith(root) and not uri.startswith(own)}
