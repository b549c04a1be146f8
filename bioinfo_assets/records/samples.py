"""The samples of a project: read from a samples file, checked, and kept under the output path.

Each sample is one small JSON file, `OUTPUT/records/samples/NAME.json`, so that adding one of ten thousand touches one
file, and the samples are known without Dagster's database. One that was removed or renamed is kept in
`OUTPUT/records/samples/history`.
"""

import getpass
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.fastq import check_pair, lane_of, trailing_number
from bioinfo_assets.genomics.fastq_head import HEAD_BYTES, FastqHead, read_head
from bioinfo_assets.genomics.sample import Lane, Sample, check_sample_name
from bioinfo_assets.genomics.samplesheet import (
    SheetRow,
    is_samplesheet,
    pair_up,
    parse_folder_list,
    parse_samplesheet,
)
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, Record
from bioinfo_assets.storage.store import Store, join

READERS = 16
"""FASTQs whose first records are read at once; they wait for the network more than for a processor."""

_SAMPLE = TypeAdapter(Sample)


class PastSample(BaseModel):
    """A sample that the project had.

    Attributes:
        end: What became of it.
        new_name: What it was renamed to; empty where it was removed.
        at: When.
        by: Who did it.
        sample: The sample as it was.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    end: Literal["removed", "renamed"]
    new_name: str = ""
    at: datetime
    by: str
    sample: Sample

    def __str__(self) -> str:
        return f"renamed to {self.new_name}" if self.new_name else "removed"


@dataclass(frozen=True)
class KnownLanes:
    """The lanes that a project has already, whose FASTQs need no second look while they are not written again.

    Attributes:
        ledger: Of which project.
    """

    ledger: Ledger
    _found: dict[str, tuple[Sample | None, dict[str, FileRecord]]] = field(default_factory=dict)

    def of(self, row: SheetRow) -> Lane | None:
        """The lane of a pair of FASTQs; None where it has to be looked at."""
        sample, seen = self._sample(row.sample)
        for lane in sample.lanes if sample else ():
            if (lane.read1, lane.read2) == (row.read1, row.read2) and _is_said_of(row, lane):
                return lane if all(self._is_as_it_was(seen.get(uri)) for uri in (row.read1, row.read2)) else None
        return None

    def _sample(self, name: str) -> tuple[Sample | None, dict[str, FileRecord]]:
        if name not in self._found:
            sample = load_sample(self.ledger, name) if self.ledger.store.exists(_uri(self.ledger, name)) else None
            observation = self.ledger.read_observation(name, "raw_reads") if sample else None
            self._found[name] = sample, observation.by_uri() if observation else {}
        return self._found[name]

    def _is_as_it_was(self, seen: FileRecord | None) -> bool:
        if seen is None:
            return False
        stat = self.ledger.store.find(seen.uri)
        return stat is not None and (stat.size, stat.stamp) == (seen.size, seen.stamp)


def _is_said_of(row: SheetRow, lane: Lane) -> bool:
    """Whether a row says of a lane what is known of it."""
    number = trailing_number(row.lane)
    return (row.library or row.sample) == lane.library and number in {None, lane.number}


def read_samples_file(store: Store, samples_file: str, known: KnownLanes | None = None) -> tuple[Sample, ...]:
    """The samples of a samplesheet, or of a list of folders, with the first records of every FASTQ checked.

    Args:
        store: Files by URI.
        samples_file: Where it is.
        known: The lanes that need no second look.

    Raises:
        InputError: the file or one of its FASTQs is not what it should be; the sentence names it.
    """
    text = _text(store, samples_file)
    if is_samplesheet(text):
        return samples_of(store, parse_samplesheet(text, samples_file), known)
    folders = parse_folder_list(text, samples_file)
    found = {folder: store.list(folder) for folder in folders}
    for folder, files in found.items():
        if not files:
            raise InputError(f"{samples_file}: there are no files in {folder}: correct the line or take it out")
    rows = pair_up(uri for files in found.values() for uri in files)
    if not rows:
        raise InputError(f"{samples_file}: none of its folders has FASTQs named SAMPLE_FLOWCELL_LANE_READ.fastq.gz")
    return samples_of(store, rows, known)


def samples_of(store: Store, rows: Iterable[SheetRow], known: KnownLanes | None = None) -> tuple[Sample, ...]:
    """The samples that rows of read pairs make up, each with its lanes joined, in order of name."""
    lanes: dict[str, list[Lane]] = defaultdict(list)
    rows = tuple(rows)
    with ThreadPoolExecutor(READERS) as pool:
        looked = pool.map(lambda row: (known.of(row) if known else None) or _lane(store, row), rows)
        for row, lane in zip(rows, looked, strict=True):
            lanes[row.sample].append(lane)
    return tuple(Sample(name, tuple(found)) for name, found in sorted(lanes.items()))


def save_sample(ledger: Ledger, sample: Sample) -> bool:
    """Keeps a sample; tells whether anything changed."""
    uri = _uri(ledger, sample.name)
    data = _SAMPLE.dump_json(sample, indent=2, exclude=None if sample.imported else {"imported"}) + b"\n"
    if ledger.store.exists(uri) and ledger.store.read_bytes(uri) == data:
        return False
    ledger.store.write_bytes(uri, data)
    return True


def load_sample(ledger: Ledger, name: str) -> Sample:
    """A sample that was kept.

    Raises:
        InputError: there is no such sample.
    """
    uri = _uri(ledger, name)
    if not ledger.store.exists(uri):
        raise InputError(f"there is no sample {name!r} under {ledger.output_path}: add it with `samples add`")
    try:
        return _SAMPLE.validate_json(ledger.store.read_bytes(uri))
    except ValidationError as error:
        raise InputError(f"{uri} is not a sample of this project: add {name} again with `samples add`") from error


def check_reads(store: Store, sample: Sample) -> None:
    """Looks at the first records of a sample's FASTQs again: they may have been replaced since it was added.

    Raises:
        InputError: a FASTQ is missing, is not what it should be, or is now of another lane; or there is none, because
            the sample was imported.
    """
    if not sample.lanes:
        raise InputError(
            f"sample {sample.name} has no FASTQs, for it was imported: add them with `samples add`, or `--select` "
            "what is made of the import"
        )
    for lane in sample.lanes:
        row = SheetRow(sample.name, lane.read1, lane.read2, lane.library, str(lane.number))
        if _lane(store, row) != lane:
            raise InputError(
                f"{lane.read1} is no longer of flow cell {lane.flowcell}, lane {lane.number}:"
                f" add sample {sample.name} again"
            )


def sample_names(ledger: Ledger) -> tuple[str, ...]:
    """The names of all samples kept, in order."""
    files = ledger.store.list(_folder(ledger))
    return tuple(sorted(file.rsplit("/", 1)[-1].removesuffix(".json") for file in files if file.endswith(".json")))


def has_sample(ledger: Ledger, name: str) -> bool:
    """Whether the project has a sample of this name now."""
    return ledger.store.exists(_uri(ledger, name))


def remove_samples(ledger: Ledger, names: Sequence[str]) -> None:
    """Takes samples out of the project: all of them, or where one is not there none. Results and records stay.

    Raises:
        InputError: there is no such sample.
    """
    found = [load_sample(ledger, name) for name in dict.fromkeys(names)]
    for sample in found:
        _keep_past(ledger, PastSample(end="removed", at=datetime.now(UTC), by=getpass.getuser(), sample=sample))
        ledger.store.delete(_uri(ledger, sample.name))
        _withdraw_imports(ledger, sample.name)


def rename_sample(ledger: Ledger, old: str, new: str) -> Sample:
    """Gives a sample's FASTQs to a new name; results and records of the old one stay where they are.

    A library that was only named for the sample gets the new name too.

    Raises:
        InputError: there is no such sample, the new name is taken or cannot be one, or the sample has no FASTQs.
    """
    check_sample_name(new)
    before = load_sample(ledger, old)
    if has_sample(ledger, new):
        raise InputError(f"there is a sample {new} already: remove it first, or choose another name than {new}")
    if not before.lanes:
        raise InputError(
            f"sample {old} was imported, and its read groups name it: change their SM with `samtools reheader`, and "
            f"import the result as {new}"
        )
    lanes = (replace(lane, library=new) if lane.library == old else lane for lane in before.lanes)
    sample = replace(before, name=new, lanes=tuple(lanes))
    at, by = datetime.now(UTC), getpass.getuser()
    # In this order a process that dies in between leaves a sample too many, which can be removed, and never one less.
    _keep_past(ledger, PastSample(end="renamed", new_name=new, at=at, by=by, sample=before))
    save_sample(ledger, sample)
    ledger.store.delete(_uri(ledger, old))
    _withdraw_imports(ledger, old)
    return sample


def _withdraw_imports(ledger: Ledger, name: str) -> None:
    """Moves the records of imports to the history: no job would replace them for a later sample of that name."""
    for uri in ledger.store.list(join(ledger.output_path, name, "records")):
        if uri.endswith(".json"):
            with suppress(InputError):  # no record of ours, and no import
                kept = ledger.read_any(uri)
                if isinstance(kept, Record) and kept.imported:
                    ledger.withdraw(kept)


def past_samples(ledger: Ledger) -> tuple[PastSample, ...]:
    """The samples that were removed or renamed, the latest last; a name may have been there more than once.

    Raises:
        InputError: a file among them is none of this project.
    """
    with ThreadPoolExecutor(READERS) as pool:
        files = ledger.store.list(join(_folder(ledger), "history"))
        found = pool.map(lambda uri: _past(ledger, uri), [uri for uri in files if uri.endswith(".json")])
        return tuple(sorted(found, key=lambda past: past.at))


def _past(ledger: Ledger, uri: str) -> PastSample:
    try:
        return PastSample.model_validate_json(ledger.store.read_bytes(uri))
    except ValidationError as error:
        raise InputError(f"{uri} is not a sample that this project had: move it away") from error


def _keep_past(ledger: Ledger, past: PastSample) -> None:
    name = f"{past.sample.name}.{past.at:%Y%m%dT%H%M%S%fZ}.json"
    data = past.model_dump_json(indent=2) + "\n"
    ledger.store.write_bytes(join(_folder(ledger), "history", name), data.encode())


def _text(store: Store, samples_file: str) -> str:
    try:
        return store.read_bytes(samples_file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{samples_file} is not text in UTF-8: save it so (in a spreadsheet as 'CSV UTF-8') and try again"
        ) from error


def _lane(store: Store, row: SheetRow) -> Lane:
    read1, read2 = (_head(store, uri) for uri in (row.read1, row.read2))
    check_pair(read1, read2)
    return lane_of(read1, read2, library=row.library or row.sample, lane=row.lane)


def _head(store: Store, uri: str) -> FastqHead:
    data = store.read_bytes(uri, 0, HEAD_BYTES)
    return read_head(uri, data, complete=len(data) < HEAD_BYTES)


def _folder(ledger: Ledger) -> str:
    return join(ledger.output_path, "records", "samples")


def _uri(ledger: Ledger, name: str) -> str:
    return join(_folder(ledger), f"{name}.json")
