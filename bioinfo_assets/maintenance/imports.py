"""Import of a BAM or a pair of FASTQs as a result: the files are checked, hashed and recorded, and stay where they are.

Everything that the steps downstream rely on is checked first, by the files' first and last bytes (`imported_files`).
"""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from threading import Event
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.bam_header import parse_sam_header
from bioinfo_assets.genomics.read_group import ReadGroup, read_groups_of
from bioinfo_assets.genomics.reference import Contig
from bioinfo_assets.genomics.sample import Sample, check_sample_name
from bioinfo_assets.maintenance import imported_files
from bioinfo_assets.records.bam_files import read_bam_header
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import imap_bounded
from bioinfo_assets.records.record import FileRecord, Record, data_version_of, user_name
from bioinfo_assets.records.samples import has_sample, load_sample, save_sample
from bioinfo_assets.result_key import (
    ALIGNED_BAM,
    MARKED_BAM,
    MERGED_READS,
    RECALIBRATED_BAM,
    REFERENCE_INDEX,
    REFERENCES,
    TRIMMED_READS,
    ResultKey,
)
from bioinfo_assets.storage.store import FileStat, local_path

READS: Final = (MERGED_READS, TRIMMED_READS)
GROUPED_BAMS: Final = (ALIGNED_BAM,)
SORTED_BAMS: Final = (MARKED_BAM, RECALIBRATED_BAM)
IMPORTABLE: Final = (*READS, *GROUPED_BAMS, *SORTED_BAMS)
"""The assets that can be imported: what users have from other pipelines, and steps continue from."""

IMPORTED: Final = "import"
"""Stands for the backend, the job and the step's version in the record of an import."""

MAX_CONCURRENT_READS: Final = 4

_FILES_WITH_CONTENT: Final = frozenset({"bam", "reads1", "reads2"})
"""Keys of files with a content of their own; an index is derived from its BAM."""

_UNKNOWN_FACTS: Final[Mapping[str, Mapping[str, str]]] = {RECALIBRATED_BAM: {"recalibrated": "unknown"}}
"""Facts that the steps report about their results, and that are unknown for imported ones."""

_ANY_PLATFORM: Final = "ILLUMINA"
"""The ids of read groups do not depend on the platform."""


@dataclass(frozen=True, slots=True)
class Import:
    """A request to import files.

    Attributes:
        asset: The asset as whose result they are imported; one of `IMPORTABLE`.
        sample: The sample; the project need not have it yet.
        files: A BAM with or without its index, or the FASTQs of read 1 and read 2.
        read_groups: The read groups of FASTQs, unless the sample's lanes define them.

    Raises:
        InputError: one of them is invalid.
    """

    asset: str
    sample: str
    files: tuple[str, ...]
    read_groups: tuple[ReadGroup, ...] = ()

    def __post_init__(self) -> None:
        check_sample_name(self.sample)
        if self.asset not in IMPORTABLE:
            raise InputError(f"{self.asset!r} cannot be imported: import as one of {', '.join(IMPORTABLE)}")
        if len(set(self.files)) != len(self.files):
            raise InputError(f"{self.files[0]} is given twice: give each file once")
        other = next((group for group in self.read_groups if group.sample != self.sample), None)
        if other is not None:
            raise InputError(
                f"read group {other.id} belongs to sample {other.sample} (SM), not to {self.sample}: correct it"
            )
        if self.read_groups and self.asset not in READS:
            raise InputError(f"{self.asset} has its read groups in its header: omit --read-group")

    @property
    def parameters(self) -> dict[str, tuple[str, ...]]:
        """The parameters of its record: the header lines of its read groups, which the aligner needs."""
        groups = sorted(self.read_groups, key=lambda group: group.id)
        return {"read_groups": tuple(group.header_line() for group in groups)} if groups else {}


@dataclass(frozen=True, slots=True)
class CheckedImport:
    """An import whose files were checked, except for their full contents.

    Attributes:
        request: What is to be imported.
        files: Address, size and stamp of each file, by key.
        warnings: Sentences for the user.
        existing: The record, if these files are already imported and unchanged.
        replace: Whether it may replace a result that a job computed.
    """

    request: Import
    files: Mapping[str, tuple[str, FileStat]]
    warnings: tuple[str, ...]
    existing: Record | None = None
    replace: bool = False

    @property
    def size(self) -> int:
        """The size of all files, in bytes."""
        return sum(stat.size for _, stat in self.files.values())


@dataclass(frozen=True, slots=True)
class Imported:
    """An imported result: its record, and whether this import added it."""

    record: Record
    is_new: bool


def check_import(ledger: Ledger, request: Import, *, replace: bool = False) -> CheckedImport:
    """Check the files of an import. Nothing is written, and no file is read completely.

    Args:
        ledger: The project's records.
        request: What is to be imported.
        replace: Whether it may replace a result that a job computed.

    Raises:
        InputError: a file is missing or unsuitable, or a job computed this result.
    """
    uris = _files_by_key(request)
    for uri in uris.values():
        imported_files.check_location(ledger, uri, request.sample)
        ledger.store.stat(uri)
    previous = ledger.read(ResultKey(request.asset, request.sample))
    _check_may_replace(previous, may_replace=replace)
    warnings: list[str] = []
    if request.asset in READS:
        _check_reads(ledger, request)
    else:
        uris = _check_bam(ledger, request, uris, warnings)
    files = {key: (uri, ledger.store.stat(uri)) for key, uri in uris.items()}
    is_current = previous is not None and previous.imported and _describes(previous, request, files)
    return CheckedImport(request, files, tuple(warnings), previous if is_current else None, replace)


def _check_may_replace(previous: Record | None, *, may_replace: bool) -> None:
    if previous is not None and not previous.imported and not may_replace:
        raise InputError(
            f"a job computed {previous.key.label} on {previous.finished:%Y-%m-%d}: give --replace to replace it by "
            "these files"
        )


def register(ledger: Ledger, checked: CheckedImport, on_bytes: Callable[[int], None] | None = None) -> Imported:
    """Hash the files of an import and record them; a record that is replaced moves to the history.

    Args:
        ledger: The project's records.
        checked: The import.
        on_bytes: Called, from any thread, with the number of bytes just read.

    Raises:
        InputError: a file was written to meanwhile, or a job has computed the result meanwhile.
    """
    request = checked.request
    if checked.existing is not None:
        current = checked.existing.model_copy(update={"warnings": checked.warnings})
        ledger.refresh_stamps(checked.existing, current)  # which records the warnings too
        _ensure_sample(ledger, request.sample)
        return Imported(current, is_new=False)
    record = _record(checked, datetime.now(UTC), _hash_files(ledger, checked, on_bytes))
    with ledger.publishing(request.sample) as lock:
        previous = ledger.read(record.key)
        _check_may_replace(previous, may_replace=checked.replace)
        is_same = previous is not None and (previous.fingerprint, _uris(previous)) == (
            record.fingerprint,
            _uris(record),
        )
        if previous is not None and is_same:  # the same bytes, written again
            record = previous.model_copy(update={"outputs": record.outputs, "warnings": record.warnings})
        lock.check()
        if previous is not None and not is_same:
            ledger.withdraw(previous)
        ledger.write(record)
    _ensure_sample(ledger, request.sample)
    return Imported(record, is_new=not is_same)


def _files_by_key(request: Import) -> dict[str, str]:
    """The addresses of the files, by the keys that steps use."""
    if request.asset in READS:
        if len(request.files) != 2:
            raise InputError(
                f"{request.asset} is two FASTQs, not {len(request.files)}: give those of read 1 and read 2"
            )
        return dict(zip(("reads1", "reads2"), request.files, strict=True))
    bams = [uri for uri in request.files if not uri.endswith(".bai")]
    indexes = [uri for uri in request.files if uri.endswith(".bai")]
    if len(bams) != 1 or len(indexes) > (request.asset in SORTED_BAMS):
        index = " and its index (.bai)" if request.asset in SORTED_BAMS else ""
        raise InputError(f"{request.asset} is one BAM{index}, not {', '.join(request.files)}: give only these")
    return {"bam": bams[0], **({"bai": indexes[0]} if indexes else {})}


def _describes(record: Record, request: Import, files: Mapping[str, tuple[str, FileStat]]) -> bool:
    """Whether a record describes these files, unchanged, with the same read groups."""
    current = {(key, uri, stat.size, stat.stamp) for key, (uri, stat) in files.items()}
    recorded = {(file.key, file.uri, file.size, file.stamp) for file in record.outputs}
    return current == recorded and dict(record.parameters) == request.parameters


def _check_reads(ledger: Ledger, request: Import) -> None:
    groups = imported_files.read_groups_in(ledger.store, request.files)
    known = request.read_groups
    if not known and has_sample(ledger, request.sample):
        known = read_groups_of(load_sample(ledger, request.sample), _ANY_PLATFORM)
    imported_files.check_read_groups(request.files, groups, [group.id for group in known], request.sample)


def _check_bam(ledger: Ledger, request: Import, uris: Mapping[str, str], warnings: list[str]) -> dict[str, str]:
    """Check a BAM and its index.

    Returns:
        The addresses of both: the index is looked up next to the BAM if it was not given.
    """
    uri = uris["bam"]
    header = read_bam_header(ledger.store, uri)
    imported_files.check_sample_of(uri, header, request.sample)
    reference = _reference_contigs(ledger)
    if reference is None:
        warnings.append("the project's reference has no index yet, so the BAM's contigs were not compared with it")
    else:
        imported_files.check_contigs(uri, header, reference)
    if request.asset in GROUPED_BAMS:
        imported_files.check_grouped(uri, header)
        return {"bam": uri}
    imported_files.check_sorted(uri, header)
    index = uris.get("bai") or imported_files.find_index(ledger.store, uri)
    imported_files.check_index(ledger.store, index, uri, header)
    if _is_older(ledger, index, uri):
        warnings.append(
            f"{index} is older than its BAM: if the BAM was changed, create the index again with `samtools index -b`"
        )
    return {"bam": uri, "bai": index}


def _is_older(ledger: Ledger, index: str, bam: str) -> bool:
    """Whether an index was written before its BAM, which is known only of local files."""
    if local_path(index) is None or local_path(bam) is None:
        return False
    return int(ledger.store.stat(index).stamp) < int(ledger.store.stat(bam).stamp)


def _reference_contigs(ledger: Ledger) -> tuple[Contig, ...] | None:
    """The contigs of the project's reference; None if it is not indexed yet."""
    index = ledger.read(ResultKey(REFERENCE_INDEX, REFERENCES))
    if index is None:
        return None
    dictionary = index.file("dict").uri
    try:
        return parse_sam_header(ledger.store.read_small(dictionary).decode()).contigs
    except ValueError as error:
        raise InputError(f"{dictionary} is not a sequence dictionary ({error}): index the reference again") from error


def _hash_files(
    ledger: Ledger, checked: CheckedImport, on_bytes: Callable[[int], None] | None
) -> tuple[FileRecord, ...]:
    stopped = Event()

    def report_bytes(count: int) -> None:
        if stopped.is_set():  # an interrupt does not have to wait until hundreds of GB are read
            raise InputError("cancelled")
        if on_bytes is not None:
            on_bytes(count)

    def hash_file(item: tuple[str, tuple[str, FileStat]]) -> FileRecord:
        key, (uri, stat) = item
        digest = ledger.store.digest(uri, report_bytes)
        if ledger.store.stat(uri) != stat:
            raise InputError(f"{uri} was written to while it was read: import it once it is complete")
        sha256, content = digest.removeprefix("sha256:"), digest if key in _FILES_WITH_CONTENT else None
        return FileRecord(key=key, uri=uri, size=stat.size, sha256=sha256, content=content, stamp=stat.stamp)

    return tuple(imap_bounded(hash_file, checked.files.items(), MAX_CONCURRENT_READS, stopped))


def _record(checked: CheckedImport, started: datetime, files: tuple[FileRecord, ...]) -> Record:
    finished = datetime.now(UTC)
    request = checked.request
    groups = "\n".join(request.parameters.get("read_groups", ()))
    contents = [*((file.key, file.content) for file in files), ("read_groups", groups or None)]
    return Record(
        asset=request.asset,
        scope=request.sample,
        version=IMPORTED,
        fingerprint=f"imported:{data_version_of(contents)}",
        script="",
        parameters=request.parameters,
        inputs=(),
        outputs=files,
        tools={},
        backend=IMPORTED,
        job_id=IMPORTED,
        host=socket.gethostname(),
        user=user_name(),
        software=version("bioinfo-assets"),
        started=started,
        finished=finished,
        wall_s=(finished - started).total_seconds(),
        cpu_s=None,
        peak_memory_mib=None,
        facts=dict(_UNKNOWN_FACTS.get(request.asset, {})),
        warnings=checked.warnings,
        imported=True,
    )


def _ensure_sample(ledger: Ledger, name: str) -> None:
    """Add the sample, or note that results of it were imported."""
    sample = load_sample(ledger, name) if has_sample(ledger, name) else Sample(name, (), imported=True)
    save_sample(ledger, replace(sample, imported=True))


def _uris(record: Record) -> set[str]:
    return {file.uri for file in record.outputs}
