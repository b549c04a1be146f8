"""Where records lie and how they are read and written: `OUTPUT/SCOPE/records/STEP.json`, beside the data.

A record that is replaced is not lost: it moves to `records/history`, where the past of a result can be read.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from bioinfo_assets.errors import InputError, NotFoundError
from bioinfo_assets.launch.publish import publish_lock
from bioinfo_assets.records.record import FileRecord, Observation, Record
from bioinfo_assets.storage.store import FileStat, Store, join

_KEPT: Final[TypeAdapter[Record | Observation]] = TypeAdapter(Record | Observation)
Model = TypeVar("Model", bound=BaseModel)


class DamagedRecordError(InputError):
    """A file exists where a record belongs, but is not a record of this project."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A record after a look at its files.

    Attributes:
        record: With the stamps that the files have now, if all are whole.
        damage: What is gone or changed, in words; empty where nothing is.
    """

    record: Record
    damage: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """The records under one output path."""

    store: Store
    output_path: str

    def uri(self, scope: str, step: str) -> str:
        """Where the record of a step's result on a scope lies."""
        return join(self.output_path, scope, "records", f"{step}.json")

    def read(self, scope: str, step: str) -> Record | None:
        """The record of a result; None where there is no result.

        Raises:
            DamagedRecordError: the file exists but is not a record.
        """
        return self.read_at(self.uri(scope, step))

    def read_at(self, uri: str) -> Record | None:
        """The record that lies in a file of its own, as in the shared cache; None where there is none.

        Raises:
            DamagedRecordError: the file exists but is not a record.
        """
        return self._load(uri, Record)

    def read_any(self, uri: str) -> Record | Observation:
        """The record or observation that lies in a file.

        Raises:
            InputError: there is none.
        """
        try:
            return _KEPT.validate_json(self.store.read_bytes(uri))
        except ValidationError as error:
            raise DamagedRecordError(f"{uri} is not a record of this project: move it away and run again") from error

    def read_observation(self, scope: str, asset: str) -> Observation | None:
        """What was last seen of an external asset; None where it was never looked at."""
        return self._load(self.uri(scope, asset), Observation)

    def write(self, record: Record) -> None:
        """Writes a record, in one piece."""
        self._save(self.uri(record.scope, record.asset), record)

    def write_observation(self, observation: Observation) -> None:
        """Writes an observation, in one piece."""
        self._save(self.uri(observation.scope, observation.asset), observation)

    def withdraw(self, record: Record) -> None:
        """Takes a record back, before its files are replaced; it stays readable in `records/history`."""
        name = f"{record.asset}.{record.finished:%Y%m%dT%H%M%SZ}.{record.fingerprint[:12]}.json"
        past = join(self.output_path, record.scope, "records", "history", name)
        self.store.move(self.uri(record.scope, record.asset), past)

    def verify(self, record: Record) -> Verified:
        """Looks whether a result is whole: its files as they were published.

        Size and stamp are compared; where the stamp is another (a folder was copied), the bytes are read, and the
        record that comes back has the stamps of the writings that were read.
        """
        files = []
        for file in record.outputs:
            stat = self.store.find(file.uri)
            damage = self._damage(file, stat)
            if stat is None or damage:
                return Verified(record, damage)
            files.append(file.model_copy(update={"stamp": stat.stamp}))
        return Verified(record.model_copy(update={"outputs": tuple(files)}), "")

    def keep_stamps(self, before: Record, verified: Record) -> bool:
        """Keeps the stamps that a whole result was found with, so that its bytes are not read the next time.

        Tells whether `before` was still the record: another process may have published meanwhile.
        """
        if verified == before:
            return True
        with self.publishing(before.scope):
            if self.read(before.scope, before.asset) != before:
                return False
            self.write(verified)
            return True

    def publishing(self, scope: str) -> AbstractContextManager[None]:
        """Held by whoever changes a scope's files or records; one process of this machine at a time."""
        return publish_lock(self.uri(scope, "publishing"))

    def _damage(self, file: FileRecord, stat: FileStat | None) -> str:
        if stat is None:
            return f"{file.uri} is gone"
        if stat.size != file.size:
            return f"{file.uri} was changed: {stat.size} bytes, published with {file.size}"
        if stat.stamp != file.stamp and self.store.digest(file.uri) != f"sha256:{file.sha256}":
            return f"{file.uri} was changed: other bytes than were published"
        return ""

    def _load(self, uri: str, model: type[Model]) -> Model | None:
        try:
            data = self.store.read_bytes(uri)
        except NotFoundError:
            return None
        try:
            return model.model_validate_json(data)
        except ValidationError as error:
            problem = error.errors()[0]["msg"]
            raise DamagedRecordError(
                f"{uri} is not a record of this project ({problem}): move it away and run again"
            ) from error

    def _save(self, uri: str, model: BaseModel) -> None:
        self.store.write_bytes(uri, (model.model_dump_json(indent=2) + "\n").encode())
