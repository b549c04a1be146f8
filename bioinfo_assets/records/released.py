"""Released results: their large files were deleted on purpose, their records stay with the digests.

A released result counts as one that exists, so that jobs downstream of it are built and compared as before. If one of
them has to run and reads a released file, the result is computed again first.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Job
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, Record
from bioinfo_assets.result_key import ResultKey


def released_inputs(job: Job, records: Iterable[Record]) -> tuple[Record, ...]:
    """The results that must be computed again before a job can run, because it reads files of them that were released.

    Args:
        job: The job, built from the records.
        records: The records upstream that it may read files of.
    """
    read = {item.file.uri for item in job.inputs}
    return tuple(
        record for record in records if any(file.released is not None and file.uri in read for file in record.outputs)
    )


def reason_to_restore(reader: ResultKey) -> str:
    """Why a released result is computed again, in a few words.

    Args:
        reader: The result whose job reads its files.
    """
    return f"its files were released and {reader.label} needs them"


def reason_not_restored(released: ResultKey) -> str:
    """Why a job cannot run that reads a released result which is not to be computed; a sentence with what to do."""
    return f"the files of {released.label} were released: select {released.asset} too, to compute them again"


@dataclass(frozen=True, slots=True)
class Releasable:
    """A result whose large files may be deleted.

    Attributes:
        record: Its record.
        keys: The keys of those files; the others stay.
        dependents: The records of the results that were computed from it, as they were found intact and up to date.
        reason: Why its retention has ended, in a few words.
    """

    record: Record
    keys: Collection[str]
    dependents: Sequence[Record]
    reason: str

    @property
    def files(self) -> tuple[FileRecord, ...]:
        """The files to delete."""
        return tuple(file for file in self.record.kept_outputs if file.key in self.keys)

    @property
    def size(self) -> int:
        """Bytes that deleting them frees."""
        return sum(file.size for file in self.files)


def release(ledger: Ledger, item: Releasable, now: datetime) -> bool:
    """Delete the large files of a result; its record first states that they were released.

    A process that dies in between leaves files that the record does not need any more: garbage, which the next
    collection deletes.

    Args:
        ledger: The project's records.
        item: The result.
        now: What the record states as the time.

    Returns:
        Whether they were deleted; False if one of the records has changed since, as by a run.

    Raises:
        InputError: the result was imported, so that its files belong to somebody else.
    """
    record = item.record
    if record.imported:
        raise InputError(f"{record.key.label} was imported: its files belong to somebody else and are not released")
    gone = {file.uri for file in item.files}
    with ledger.publishing(record.scope) as lock:
        if any(ledger.read(known.key) != known for known in (record, *item.dependents)):
            return False
        outputs = (replace(file, released=now) if file.uri in gone else file for file in record.outputs)
        lock.check()
        ledger.write(record.model_copy(update={"outputs": tuple(outputs)}))
        for uri in gone:
            lock.check()  # since it was lost, a run may have computed them again; what stays is garbage
            ledger.store.delete(uri)
    return True
