"""The records under one output path: read, written and checked against the files they describe.

The record of a replaced result is not lost: it moves to the history of its scope, where it stays readable.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from bioinfo_assets.errors import InputError, NotFoundError, ResourceError, UnreachableError
from bioinfo_assets.launch.transfer import PublishLock, publish_lock
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.records.record import FileRecord, Observation, Record
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import FileStat, Store

_log = logging.getLogger(__name__)
_RECORD_OR_OBSERVATION: Final[TypeAdapter[Record | Observation]] = TypeAdapter(Record | Observation)
Model = TypeVar("Model", bound=BaseModel)


class DamagedRecordError(InputError):
    """A file exists where a record belongs, but is not a record of this project."""


@dataclass(frozen=True, slots=True)
class CheckedRecord:
    """A record after its files were checked.

    Attributes:
        record: With the stamps that the files have now, if all are intact.
        damage: A sentence about what is missing or changed; empty if nothing is.
    """

    record: Record
    damage: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """The records under one output path.

    Attributes:
        store: Reads and writes files.
        output_path: The output path.
        listed: Returns the files that were listed, as `listed_hash` of each: those of ten thousand samples take 30 MB.
            A file that is not among them as it is recorded is looked at by itself.
    """

    store: Store
    output_path: str
    listed: Callable[[], frozenset[int]] = field(default=frozenset, compare=False, repr=False)

    @property
    def layout(self) -> OutputLayout:
        """The addresses under the output path."""
        return OutputLayout(self.output_path)

    def uri(self, key: ResultKey) -> str:
        """The address of a result's record."""
        return self.layout.record(key)

    def read(self, key: ResultKey) -> Record | None:
        """The record of a result; None where there is no result.

        Raises:
            DamagedRecordError: the file exists but is not a record.
        """
        return self.read_at(self.uri(key))

    def read_at(self, uri: str) -> Record | None:
        """The record in a file, such as one of the shared cache; None where there is none.

        Raises:
            DamagedRecordError: the file exists but is not a record.
        """
        return self._load(uri, Record)

    def read_any(self, uri: str) -> Record | Observation:
        """The record or observation in a file.

        Raises:
            InputError: there is none.
        """
        try:
            return _RECORD_OR_OBSERVATION.validate_json(self.store.read_small(uri), context=self.layout)
        except ValidationError as error:
            raise _not_a_record(uri, error) from error

    def read_observation(self, key: ResultKey) -> Observation | None:
        """The last observation of a source; None where it was never observed."""
        return self._load(self.uri(key), Observation)

    def write(self, record: Record | Observation) -> None:
        """Write a record or an observation, atomically."""
        text = record.model_dump_json(indent=2, context=self.layout)
        self.store.write_bytes(self.uri(record.key), f"{text}\n".encode())

    def withdraw(self, record: Record) -> None:
        """Move a record to the history, before its files are replaced."""
        past = self.layout.past_record(record.key, record.finished, record.fingerprint)
        self.store.move(self.uri(record.key), past)

    def check_files(self, record: Record) -> CheckedRecord:
        """Check that a result's files are as they were published.

        Size and stamp are compared; where the stamp differs (a folder was copied), the bytes are read, and the returned
        record has the current stamps. Released files are not looked for: they are gone on purpose.
        """
        files = []
        for file in record.outputs:
            if file.released is not None or self.is_listed(file.uri, file.size, file.stamp):
                files.append(file)
                continue
            stat = self.store.find(file.uri)
            damage = self._damage(file, stat)
            if stat is None or damage:
                return CheckedRecord(record, damage)
            files.append(file if file.stamp == stat.stamp else replace(file, stamp=stat.stamp))
        outputs = tuple(files)
        return CheckedRecord(
            record if outputs == record.outputs else record.model_copy(update={"outputs": outputs}), ""
        )

    def is_listed(self, uri: str, size: int, stamp: str) -> bool:
        """Whether a file was listed with this size and stamp, so that it need not be looked at."""
        return listed_hash(uri, size, stamp) in self.listed()

    def refresh_stamps(self, before: Record, checked: Record) -> bool:
        """Record the current stamps of an intact result, so that its bytes are not read the next time.

        Whoever may only read the results has their bytes read each time.

        Returns:
            Whether `before` was still the record: another process may have published meanwhile.
        """
        if checked == before:
            return True
        try:
            with self.publishing(before.scope):
                if self.read(before.key) != before:
                    return False
                self.write(checked)
        except UnreachableError:
            raise
        except (InputError, ResourceError) as error:
            _log.info("the times of the files of %s are not recorded: %s", before.key.label, error)
        return True

    def publishing(self, scope: str) -> AbstractContextManager[PublishLock]:
        """The lock of whoever changes a scope's files or records; it is checked before a record is written."""
        return publish_lock(self.layout.publish_lock(scope))

    def _damage(self, file: FileRecord, stat: FileStat | None) -> str:
        if stat is None:
            return f"{file.uri} is missing"
        if stat.size != file.size:
            return f"{file.uri} has changed: {stat.size} bytes, published with {file.size}"
        if stat.stamp != file.stamp and self.store.digest(file.uri) != f"sha256:{file.sha256}":
            return f"{file.uri} has changed: its checksum differs from the published file's"
        return ""

    def _load(self, uri: str, model: type[Model]) -> Model | None:
        try:
            data = self.store.read_small(uri)
        except NotFoundError:
            return None
        try:
            return model.model_validate_json(data, context=self.layout)
        except ValidationError as error:
            raise _not_a_record(uri, error) from error


def listed_hash(uri: str, size: int, stamp: str) -> int:
    """Return 64 bits for a version of a file, by Python's own hash of this process.

    That a changed file is taken for one of a million others has a chance of one in 10¹³.
    """
    return hash((uri, size, stamp))


def _not_a_record(uri: str, error: ValidationError) -> DamagedRecordError:
    problem = error.errors()[0]
    where = ".".join(map(str, problem["loc"]))
    return DamagedRecordError(
        f"{uri} is not a record of this version ({where}: {problem['msg']}): move it away and run again"
    )
