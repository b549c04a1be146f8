"""The samples of a project: read from a samples file, checked, and saved under the output path.

Each sample is one small JSON file, so that adding one of ten thousand touches one file, and the samples are known
without Dagster's database. A sample that was removed or renamed moves to the history. FASTQs under the output path are
recorded relative to it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from bioinfo_assets.errors import InputError, NotFoundError
from bioinfo_assets.genomics.fastq import check_pair, lane_of, trailing_number
from bioinfo_assets.genomics.fastq_head import HEAD_BYTES, FastqHead, read_head
from bioinfo_assets.genomics.sample import Lane, Sample, check_distinct
from bioinfo_assets.genomics.samplesheet import (
    SheetRow,
    is_samplesheet,
    pair_up,
    parse_folder_list,
    parse_samplesheet,
)
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import is_unchanged
from bioinfo_assets.records.parallel import MAX_CONCURRENT_READS, imap_bounded, map_reads
from bioinfo_assets.records.record import FileRecord
from bioinfo_assets.result_key import RAW_READS, ResultKey
from bioinfo_assets.storage.store import Store

_SAMPLE: Final = TypeAdapter(Sample)


class PastSample(BaseModel):
    """A sample that was removed or renamed.

    Attributes:
        end: Which of the two.
        new_name: The new name; empty if it was removed.
        at: When.
        by: The user who did it.
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
    """The saved lanes of a project, whose FASTQs need no second check while they are unchanged.

    Attributes:
        ledger: The project's records.
    """

    ledger: Ledger
    _cache: dict[str, tuple[Sample | None, dict[str, FileRecord]]] = field(default_factory=dict)

    def find(self, row: SheetRow) -> Lane | None:
        """The lane of a pair of FASTQs; None if it has to be checked."""
        sample, files = self._load(row.sample)
        for lane in sample.lanes if sample else ():
            if (lane.read1, lane.read2) == (row.read1, row.read2) and _matches(row, lane):
                known = (files.get(uri) for uri in (row.read1, row.read2))
                return lane if all(is_unchanged(self.ledger.store, file) for file in known) else None
        return None

    def _load(self, name: str) -> tuple[Sample | None, dict[str, FileRecord]]:
        if name not in self._cache:
            sample = find_sample(self.ledger, name)
            observation = self.ledger.read_observation(ResultKey(RAW_READS, name)) if sample else None
            self._cache[name] = sample, observation.by_uri() if observation else {}
        return self._cache[name]


def _matches(row: SheetRow, lane: Lane) -> bool:
    """Whether a row agrees with the library, number and flow cell of a lane."""
    return (
        (row.library or row.sample) == lane.library
        and trailing_number(row.lane) in {None, lane.number}
        and row.flowcell in {None, lane.flowcell}
    )


def read_samples_file(store: Store, samples_file: str, known: KnownLanes | None = None) -> tuple[Sample, ...]:
    """Read a samplesheet or a list of folders, and check the first records of every FASTQ.

    Args:
        store: Files by URI.
        samples_file: The file.
        known: Lanes that need no second check.

    Raises:
        InputError: the file or one of its FASTQs is wrong; the sentence names it.
    """
    return samples_of(store, read_rows(store, samples_file), known)


def read_rows(
    store: Store, samples_file: str, is_emptied: Callable[[str], bool] = lambda _: False
) -> tuple[SheetRow, ...]:
    """Read a samplesheet or a list of folders; no FASTQ is read.

    Args:
        store: Files by URI.
        samples_file: The file.
        is_emptied: Whether a folder of the list may have no files, since those that it had are in an archive by now.

    Raises:
        InputError: the file is wrong, or a FASTQ in a folder has no mate; the sentence names it.
    """
    text = _read_text(store, samples_file)
    if is_samplesheet(text):
        return tuple(parse_samplesheet(text, samples_file))
    folders = parse_folder_list(text, samples_file)
    files = dict(zip(folders, imap_bounded(store.list, folders, MAX_CONCURRENT_READS), strict=True))
    for folder, uris in files.items():
        if not uris and not is_emptied(folder):
            raise InputError(f"{samples_file}: there are no files in {folder}: correct the line or remove it")
    rows = pair_up(uri for uris in files.values() for uri in uris)
    if not rows and all(files.values()):
        raise InputError(f"{samples_file}: none of its folders has FASTQs named SAMPLE_FLOWCELL_LANE_READ.fastq.gz")
    return rows


def samples_of(store: Store, rows: Iterable[SheetRow], known: KnownLanes | None = None) -> tuple[Sample, ...]:
    """The samples of rows of read pairs, each with all its lanes, in order of name.

    Raises:
        InputError: a FASTQ is wrong, or belongs to two samples.
    """
    lanes: dict[str, list[Lane]] = defaultdict(list)
    rows = tuple(rows)
    given = {row.sample: row for row in rows}
    with ThreadPoolExecutor(MAX_CONCURRENT_READS) as pool:
        checked = pool.map(lambda row: (known.find(row) if known else None) or _read_lane(store, row), rows)
        for row, lane in zip(rows, checked, strict=True):
            lanes[row.sample].append(lane)
    samples = tuple(
        Sample(name, tuple(found), sex=given[name].sex, patient=given[name].patient)
        for name, found in sorted(lanes.items())
    )
    check_distinct(samples)
    return samples


def save_sample(ledger: Ledger, sample: Sample) -> bool:
    """Save a sample; results of it that were imported before stay so.

    Returns:
        Whether anything changed.
    """
    uri = ledger.layout.sample_file(sample.name)
    before = _read_if_there(ledger.store, uri)
    if not sample.imported and _was_imported(before):
        sample = replace(sample, imported=True)
    recorded = with_addresses(sample, ledger.layout.relative)
    absent = {name for name in ("imported", "sex", "patient") if not getattr(sample, name)}
    data = _SAMPLE.dump_json(recorded, indent=2, exclude=absent) + b"\n"
    if before == data:
        return False
    ledger.store.write_bytes(uri, data)
    return True


def save_samples(ledger: Ledger, samples: Sequence[Sample]) -> tuple[bool, ...]:
    """Save samples; returns for each whether anything changed."""
    return tuple(map_reads(ledger, partial(save_sample, ledger), samples))


def _was_imported(data: bytes | None) -> bool:
    try:
        return _SAMPLE.validate_json(data or b"").imported
    except (ValidationError, InputError):  # there is none, or a damaged one is replaced
        return False


def load_sample(ledger: Ledger, name: str) -> Sample:
    """Load a saved sample.

    Raises:
        InputError: there is no such sample.
    """
    sample = find_sample(ledger, name)
    if sample is None:
        raise InputError(f"there is no sample {name!r} under {ledger.output_path}: add it with `samples add`")
    return sample


def find_sample(ledger: Ledger, name: str) -> Sample | None:
    """Load a saved sample; None if there is none of this name.

    Raises:
        InputError: its file is damaged.
    """
    uri = ledger.layout.sample_file(name)
    data = _read_if_there(ledger.store, uri)
    try:
        return None if data is None else with_addresses(_SAMPLE.validate_json(data), ledger.layout.absolute)
    except ValidationError as error:
        raise InputError(f"{uri} is not a sample of this project: add {name} again with `samples add`") from error


def check_reads(store: Store, sample: Sample) -> None:
    """Check the first records of a sample's FASTQs again: they may have been replaced since it was added.

    Raises:
        InputError: a FASTQ is missing, is invalid, or belongs to another lane now; or there is none, because the sample
            was imported.
    """
    if not sample.lanes:
        raise InputError(
            f"sample {sample.name} has no FASTQs, because it was imported: add them with `samples add`, or `--select` "
            "only assets downstream of the import"
        )
    for lane in sample.lanes:
        row = SheetRow(sample.name, lane.read1, lane.read2, lane.library, str(lane.number), lane.flowcell)
        if _read_lane(store, row) != lane:
            raise InputError(
                f"{lane.read1} no longer belongs to flow cell {lane.flowcell}, lane {lane.number}: "
                f"add sample {sample.name} again with `samples add --replace`"
            )


def sample_names(ledger: Ledger) -> tuple[str, ...]:
    """The names of all samples, sorted."""
    files = ledger.store.list(ledger.layout.samples)
    return tuple(sorted(file.rsplit("/", 1)[-1].removesuffix(".json") for file in files if file.endswith(".json")))


def check_reads_are_new(ledger: Ledger, new: Sequence[Sample]) -> None:
    """Check that no FASTQ belongs to two samples: of new ones, and of those of the project that they do not replace.

    Raises:
        InputError: One does.
    """
    others = set(sample_names(ledger)).difference(sample.name for sample in new)
    check_distinct([*map_reads(ledger, partial(load_sample, ledger), sorted(others)), *new])


def has_sample(ledger: Ledger, name: str) -> bool:
    """Whether the project has a sample of this name."""
    return ledger.store.exists(ledger.layout.sample_file(name))


def past_samples(ledger: Ledger) -> tuple[PastSample, ...]:
    """The samples that were removed or renamed, the latest last; a name may occur more than once.

    Raises:
        InputError: one of their files is invalid.
    """
    with ThreadPoolExecutor(MAX_CONCURRENT_READS) as pool:
        files = [uri for uri in ledger.store.list(ledger.layout.past_samples) if uri.endswith(".json")]
        return tuple(sorted(pool.map(lambda uri: _load_past(ledger, uri), files), key=lambda past: past.at))


def _load_past(ledger: Ledger, uri: str) -> PastSample:
    try:
        past = PastSample.model_validate_json(ledger.store.read_small(uri))
    except ValidationError as error:
        raise InputError(f"{uri} is not a past sample of this project: move it away") from error
    return past.model_copy(update={"sample": with_addresses(past.sample, ledger.layout.absolute)})


def with_addresses(sample: Sample, convert: Callable[[str], str]) -> Sample:
    """A sample with the addresses of its FASTQs converted, as by a layout's `relative` or `absolute`."""
    lanes = (replace(lane, read1=convert(lane.read1), read2=convert(lane.read2)) for lane in sample.lanes)
    return replace(sample, lanes=tuple(lanes))


def _read_if_there(store: Store, uri: str) -> bytes | None:
    with suppress(NotFoundError):
        return store.read_small(uri)
    return None


def _read_text(store: Store, samples_file: str) -> str:
    try:
        return store.read_small(samples_file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{samples_file} is not UTF-8 text: save it as UTF-8 (in a spreadsheet as 'CSV UTF-8') and try again"
        ) from error


def _read_lane(store: Store, row: SheetRow) -> Lane:
    read1, read2 = (_read_head(store, uri) for uri in (row.read1, row.read2))
    check_pair(read1, read2)
    return lane_of(read1, read2, library=row.library or row.sample, lane=row.lane, flowcell=row.flowcell)


def _read_head(store: Store, uri: str) -> FastqHead:
    data = store.read_bytes(uri, 0, HEAD_BYTES)
    return read_head(uri, data, complete=len(data) < HEAD_BYTES)
