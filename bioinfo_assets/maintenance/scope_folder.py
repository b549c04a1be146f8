"""A scope's folder as it is found: its records, what cannot be read of them, and its files."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.layout import RECORDS, records_in
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Observation, Record
from bioinfo_assets.records.samples import load_sample, sample_names
from bioinfo_assets.storage.store import FileStat

READERS = 16
"""Folders looked at at once; they wait for a disk or the network."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A record, or a sample's file, that cannot be read."""

    uri: str
    says: str


@dataclass(frozen=True, slots=True)
class ScopeFolder:
    """What lies in the folder of one scope.

    Attributes:
        name: The scope: a sample, or what all samples share.
        uri: The folder.
        is_sample: Whether the project has a sample of this name now.
        sample: That sample; None where there is none, or its file cannot be read.
        records: Of results.
        observations: Of sources.
        problems: Of records that cannot be read.
        files: All files beside the records, with size and stamp; hidden ones are left out.
    """

    name: str
    uri: str
    is_sample: bool
    sample: Sample | None
    records: tuple[Record, ...]
    observations: tuple[Observation, ...]
    problems: tuple[Problem, ...]
    files: Mapping[str, FileStat]

    @property
    def is_empty(self) -> bool:
        """Whether there are no records, so that it is no scope's folder."""
        return not (self.records or self.observations or self.problems)

    @property
    def sources(self) -> set[str]:
        """The files that came from outside: those that were seen, and the FASTQs of the sample."""
        seen = {file.uri for observation in self.observations for file in observation.files}
        return seen | {uri for lane in (self.sample.lanes if self.sample else ()) for uri in (lane.read1, lane.read2)}

    @property
    def named(self) -> set[str]:
        """All files that a record here names."""
        made = {file.uri for record in self.records for file in record.outputs}
        return self.sources | made | {item.uri for record in self.records for item in record.inputs}

    @property
    def unnamed(self) -> list[str]:
        """The files here that no record here names, in order."""
        named = self.named
        return sorted(uri for uri in self.files if uri not in named)


def scope_names(ledger: Ledger) -> tuple[str, ...]:
    """The names of all folders that may have records, and of all samples; in order.

    Raises:
        InputError: there is no project at this place.
    """
    folders, samples = ledger.store.folders(ledger.output_path), sample_names(ledger)
    # Without samples, the folders must show that this is a project, and no folder of something else.
    if not samples and not any(_records(ledger, name) for name in folders):
        raise InputError(f"there is no project in {ledger.output_path}: check the output path")
    return tuple(sorted({*folders, *samples} - {RECORDS}))


def read_scope_folder(ledger: Ledger, name: str, samples: Collection[str]) -> ScopeFolder:
    """Looks into a scope's folder; a folder without records is not looked through.

    Args:
        ledger: Of which project.
        name: The scope.
        samples: The names of the samples that the project has now.
    """
    folder = ledger.layout.scope(name)
    problems: list[Problem] = []
    sample = _sample(ledger, name, problems) if name in samples else None
    kept = list(_kept(ledger, name, problems))
    has_records = bool(kept or problems)
    return ScopeFolder(
        name=name,
        uri=folder,
        is_sample=name in samples,
        sample=sample,
        records=tuple(one for one in kept if isinstance(one, Record)),
        observations=tuple(one for one in kept if isinstance(one, Observation)),
        problems=tuple(problems),
        files=dict(_files(ledger, folder)) if has_records else {},
    )


def _records(ledger: Ledger, name: str) -> list[str]:
    return [uri for uri in ledger.store.list(ledger.layout.records(name)) if uri.endswith(".json")]


def _sample(ledger: Ledger, name: str, problems: list[Problem]) -> Sample | None:
    try:
        return load_sample(ledger, name)
    except BioinfoAssetsError as error:
        problems.append(Problem(ledger.layout.sample_file(name), str(error)))
        return None


def _kept(ledger: Ledger, name: str, problems: list[Problem]) -> Iterator[Record | Observation]:
    for uri in _records(ledger, name):
        try:
            found = ledger.read_any(uri)
        except BioinfoAssetsError as error:
            problems.append(Problem(uri, str(error)))
        else:
            if ledger.uri(found.key) == uri:
                yield found
            else:
                says = f"{uri} is the record of {found.key.label}: move it to where that is, or away"
                problems.append(Problem(uri, says))


def _files(ledger: Ledger, folder: str) -> Iterator[tuple[str, FileStat]]:
    records = records_in(folder) + "/"
    for uri, stat in ledger.store.scan(folder):
        if not uri.startswith(records):
            yield uri, stat
