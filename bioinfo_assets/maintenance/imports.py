"""Registers what was made elsewhere, a BAM or a pair of FASTQs, as a result; its files stay where they are.

All that the steps after it rely on is checked before (`records.import_checks`).
"""

import getpass
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from threading import Event
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.read_group import ReadGroup
from bioinfo_assets.genomics.sample import Sample, check_sample_name
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import imap_bounded
from bioinfo_assets.records.record import FileRecord, Record, data_version_of
from bioinfo_assets.records.samples import has_sample, save_sample
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import FileStat

READS: Final = ("merged_reads", "trimmed_reads")
GROUPED_BAMS: Final = ("aligned_bam",)
SORTED_BAMS: Final = ("marked_bam", "recalibrated_bam")
IMPORTABLE: Final = (*READS, *GROUPED_BAMS, *SORTED_BAMS)
"""The assets that can be registered: what a user may have from elsewhere, and a step here goes on from."""

MADE_BY: Final = "import"
"""Stands for the backend, the job and the step's version of a record that no job made."""

_READERS: Final = 4
_MAIN: Final = frozenset({"bam", "reads1", "reads2"})
"""Files with a content of their own; an index follows from its BAM."""

_FACTS: Final[Mapping[str, Mapping[str, str]]] = {"recalibrated_bam": {"recalibrated": "unknown"}}
"""What the steps tell of their results, and nobody knows of one from elsewhere."""


@dataclass(frozen=True, slots=True)
class Import:
    """What is to be registered.

    Attributes:
        asset: As which asset's result; one of `IMPORTABLE`.
        sample: Of which sample; the project need not have it.
        files: A BAM and maybe its index, or the FASTQs of first and second reads.
        read_groups: Those of the reads, where the sample has no lanes that tell them.
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
            raise InputError(f"{self.files[0]} is named twice: name each file once")
        other = next((group for group in self.read_groups if group.sample != self.sample), None)
        if other is not None:
            raise InputError(
                f"read group {other.id} is of sample {other.sample} (SM), not of {self.sample}: correct it"
            )
        if self.read_groups and self.asset not in READS:
            raise InputError(f"{self.asset} has its read groups in its header: leave --read-group out")

    @property
    def parameters(self) -> dict[str, tuple[str, ...]]:
        """Those of its record: the lines of the read groups that were given, by which the reads can be aligned."""
        groups = sorted(self.read_groups, key=lambda group: group.id)
        return {"read_groups": tuple(group.header_line() for group in groups)} if groups else {}


@dataclass(frozen=True, slots=True)
class Checked:
    """An import whose files are what they must be, as far as that can be told without reading them whole.

    Attributes:
        asked: What is to be registered.
        files: Address, size and stamp of each file, by the key that steps know it by.
        warnings: What a person should know.
        there: The record, where these very files are registered already.
    """

    asked: Import
    files: Mapping[str, tuple[str, FileStat]]
    warnings: tuple[str, ...]
    there: Record | None = None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(stat.size for _, stat in self.files.values())


@dataclass(frozen=True, slots=True)
class Imported:
    """A result that is registered: its record, and whether it had been before."""

    record: Record
    is_new: bool


def register(ledger: Ledger, checked: Checked, on_bytes: Callable[[int], None] | None = None) -> Imported:
    """Reads files whole for their digests and records them; a record that is replaced stays in the history.

    Raises:
        InputError: a file was written to meanwhile.
    """
    asked = checked.asked
    if checked.there is not None:
        there = checked.there.model_copy(update={"warnings": checked.warnings})
        ledger.refresh_stamps(checked.there, there)  # which keeps what is told of them too
        _keep_sample(ledger, asked.sample)
        return Imported(there, is_new=False)
    record = _record(checked, datetime.now(UTC), _digested(ledger, checked, on_bytes))
    with ledger.publishing(asked.sample):
        before = ledger.read(ResultKey(asked.asset, asked.sample))
        is_same = before is not None and (before.fingerprint, _uris(before)) == (record.fingerprint, _uris(record))
        if before is not None and is_same:  # of the same bytes, which were written again
            record = before.model_copy(update={"outputs": record.outputs, "warnings": record.warnings})
        elif before is not None:
            ledger.withdraw(before)
        ledger.write(record)
    _keep_sample(ledger, asked.sample)
    return Imported(record, is_new=not is_same)


def _digested(ledger: Ledger, checked: Checked, on_bytes: Callable[[int], None] | None) -> tuple[FileRecord, ...]:
    stopped = Event()

    def tell(count: int) -> None:
        if stopped.is_set():  # whoever interrupts this does not wait until hundreds of GB are read
            raise InputError("nobody waits for this any more")
        if on_bytes is not None:
            on_bytes(count)

    def digested(item: tuple[str, tuple[str, FileStat]]) -> FileRecord:
        key, (uri, stat) = item
        content = ledger.store.digest(uri, tell)
        if ledger.store.stat(uri) != stat:
            raise InputError(f"{uri} was written to while it was read: import it when it is whole")
        sha256, own = content.removeprefix("sha256:"), content if key in _MAIN else None
        return FileRecord(key=key, uri=uri, size=stat.size, sha256=sha256, content=own, stamp=stat.stamp)

    return tuple(imap_bounded(digested, checked.files.items(), _READERS, stopped))


def _record(checked: Checked, started: datetime, files: tuple[FileRecord, ...]) -> Record:
    finished = datetime.now(UTC)
    asked = checked.asked
    groups = "\n".join(asked.parameters.get("read_groups", ()))
    contents = [*((file.key, file.content) for file in files), ("read_groups", groups or None)]
    return Record(
        asset=asked.asset,
        scope=asked.sample,
        version=MADE_BY,
        fingerprint=f"imported:{data_version_of(contents)}",
        script="",
        parameters=asked.parameters,
        inputs=(),
        outputs=files,
        tools={},
        backend=MADE_BY,
        job_id=MADE_BY,
        host=socket.gethostname(),
        user=getpass.getuser(),
        software=version("bioinfo-assets"),
        started=started,
        finished=finished,
        wall_s=(finished - started).total_seconds(),
        cpu_s=None,
        peak_memory_mib=None,
        facts=dict(_FACTS.get(asked.asset, {})),
        warnings=checked.warnings,
        imported=True,
    )


def _keep_sample(ledger: Ledger, name: str) -> None:
    if not has_sample(ledger, name):
        save_sample(ledger, Sample(name, (), imported=True))


def _uris(record: Record) -> set[str]:
    return {file.uri for file in record.outputs}
