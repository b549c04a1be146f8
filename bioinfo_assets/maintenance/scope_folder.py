"""The contents of a scope's folder: its records, those that cannot be read, and its files."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.layout import RECORDS, records_in
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Observation, Record
from bioinfo_assets.records.samples import load_sample, sample_names
from bioinfo_assets.storage.store import FileStat

MAX_CONCURRENT_FOLDERS = 16
"""Folders read at the same time; they wait for a disk or the network."""


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A record, or a sample's file, that cannot be read.

    Attributes:
        uri: Its address.
        message: A sentence about what is wrong.
    """

    uri: str
    message: str


@dataclass(frozen=True, slots=True)
class ScopeFolder:
    """The folder of one scope.

    Attributes:
        name: The scope: a sample's name, or a scope that all samples share.
        uri: The folder's address.
        is_sample: Whether the project has a sample of this name now.
        sample: That sample; None if there is none, or if its file cannot be read.
        records: The records of results.
        observations: The observations of sources.
        unreadable: The records that cannot be read.
        files: All files except the records, with size and stamp; hidden files are left out.
    """

    name: str
    uri: str
    is_sample: bool
    sample: Sample | None
    records: tuple[Record, ...]
    observations: tuple[Observation, ...]
    unreadable: tuple[UnreadableRecord, ...]
    files: Mapping[str, FileStat]

    @property
    def is_empty(self) -> bool:
        """Whether it has no records, and so is not a scope's folder."""
        return not (self.records or self.observations or self.unreadable)

    @property
    def source_files(self) -> set[str]:
        """The files that the project did not produce: the observed ones, and the sample's FASTQs."""
        observed = {file.uri for observation in self.observations for file in observation.files}
        lanes = self.sample.lanes if self.sample else ()
        return observed | {uri for lane in lanes for uri in (lane.read1, lane.read2)}

    @property
    def recorded_files(self) -> set[str]:
        """All files that a record in this folder names, wherever they are stored."""
        outputs = {file.uri for record in self.records for file in record.outputs}
        return self.source_files | outputs | {item.uri for record in self.records for item in record.inputs}

    @property
    def unrecorded_files(self) -> list[str]:
        """The files in this folder that no record in it names, in order."""
        recorded = self.recorded_files
        return sorted(uri for uri in self.files if uri not in recorded)


def scope_names(ledger: Ledger) -> tuple[str, ...]:
    """The names of all samples and of all folders that may have records, sorted.

    Raises:
        InputError: there is no project under the output path.
    """
    folders, samples = ledger.store.folders(ledger.output_path), sample_names(ledger)
    # Without samples, a folder with records must show that this is a project.
    if not samples and not any(_record_uris(ledger, name) for name in folders):
        raise InputError(f"there is no project in {ledger.output_path}: check the output path")
    return tuple(sorted({*folders, *samples} - {RECORDS}))


def read_scope_folder(ledger: Ledger, name: str, samples: Collection[str]) -> ScopeFolder:
    """Read the records of a scope and list its files; the files of a folder without records are not listed.

    Args:
        ledger: The project's records.
        name: The scope.
        samples: The names of the project's current samples.
    """
    folder = ledger.layout.scope(name)
    unreadable: list[UnreadableRecord] = []
    sample = _load_sample(ledger, name, unreadable) if name in samples else None
    records = list(_read_records(ledger, name, unreadable))
    return ScopeFolder(
        name=name,
        uri=folder,
        is_sample=name in samples,
        sample=sample,
        records=tuple(record for record in records if isinstance(record, Record)),
        observations=tuple(record for record in records if isinstance(record, Observation)),
        unreadable=tuple(unreadable),
        files=dict(_list_files(ledger, folder)) if records or unreadable else {},
    )


def foreign_files(ledger: Ledger, folder: ScopeFolder, uris: Collection[str]) -> set[str]:
    """Those of these files that are stored in another scope's folder of the same project."""
    return {uri for uri in uris if ledger.layout.contains(uri) and not uri.startswith(f"{folder.uri}/")}


def _record_uris(ledger: Ledger, name: str) -> list[str]:
    return [uri for uri in ledger.store.list(ledger.layout.records(name)) if uri.endswith(".json")]


def _load_sample(ledger: Ledger, name: str, unreadable: list[UnreadableRecord]) -> Sample | None:
    try:
        return load_sample(ledger, name)
    except BioinfoAssetsError as error:
        unreadable.append(UnreadableRecord(ledger.layout.sample_file(name), str(error)))
        return None


def _read_records(ledger: Ledger, name: str, unreadable: list[UnreadableRecord]) -> Iterator[Record | Observation]:
    for uri in _record_uris(ledger, name):
        try:
            record = ledger.read_any(uri)
        except BioinfoAssetsError as error:
            unreadable.append(UnreadableRecord(uri, str(error)))
            continue
        expected = ledger.uri(record.key)
        if expected == uri:
            yield record
        else:
            message = f"{uri} is the record of {record.key.label}: move it to {expected}, or delete it"
            unreadable.append(UnreadableRecord(uri, message))


def _list_files(ledger: Ledger, folder: str) -> Iterator[tuple[str, FileStat]]:
    records = records_in(folder) + "/"
    for uri, stat in ledger.store.scan(folder):
        if not uri.startswith(records):
            yield uri, stat
