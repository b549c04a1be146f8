"""Where records lie and how they are read and written: `OUTPUT/SUBJECT/records/STEP.json`, beside the data.

A record that is replaced is not lost: it moves to `records/history`, where the past of a result can be read.
"""

from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.store import Store, join
from bioinfo_assets.records.record import FileRecord, Observation, Record

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The records under one output path."""

    store: Store
    output_path: str

    def uri(self, subject: str, step: str) -> str:
        """Where the record of a step's result on a subject lies."""
        return join(self.output_path, subject, "records", f"{step}.json")

    def read(self, subject: str, step: str) -> Record | None:
        """The record of a result; None where there is no result.

        Raises:
            InputError: the file is there but is not a record.
        """
        return self._load(self.uri(subject, step), Record)

    def read_observation(self, subject: str, asset: str) -> Observation | None:
        """What was last seen of an external asset; None where it was never looked at."""
        return self._load(self.uri(subject, asset), Observation)

    def write(self, record: Record) -> None:
        """Writes a record, in one piece."""
        self._save(self.uri(record.subject, record.step), record)

    def write_observation(self, observation: Observation) -> None:
        """Writes an observation, in one piece."""
        self._save(self.uri(observation.subject, observation.asset), observation)

    def withdraw(self, record: Record) -> None:
        """Takes a record back, before its files are replaced; it stays readable in `records/history`."""
        name = f"{record.step}.{record.finished:%Y%m%dT%H%M%SZ}.{record.fingerprint[:12]}.json"
        past = join(self.output_path, record.subject, "records", "history", name)
        self.store.move(self.uri(record.subject, record.step), past)

    def damage(self, record: Record) -> str:
        """Says what of a result is gone or not as it was published; empty where it is whole.

        Size and stamp are compared; where the stamp is another (a folder was copied), the bytes are read: see
        `restamp`, which keeps them from being read every time.
        """
        for file in record.outputs:
            problem = self._damage_of(file)
            if problem:
                return problem
        return ""

    def restamp(self, record: Record) -> Record:
        """A record of a whole result with the stamps that its files have now, kept if they are new."""
        outputs = tuple(file.model_copy(update={"stamp": self.store.stat(file.uri).stamp}) for file in record.outputs)
        if outputs == record.outputs:
            return record
        restamped = record.model_copy(update={"outputs": outputs})
        self.write(restamped)
        return restamped

    def _damage_of(self, file: FileRecord) -> str:
        stat = self.store.find(file.uri)
        if stat is None:
            return f"{file.uri} is gone"
        if stat.size != file.size:
            return f"{file.uri} was changed: {stat.size} bytes, published with {file.size}"
        if stat.stamp != file.stamp and self.store.digest(file.uri) != f"sha256:{file.sha256}":
            return f"{file.uri} was changed: other bytes than were published"
        return ""

    def _load(self, uri: str, model: type[Model]) -> Model | None:
        if self.store.find(uri) is None:
            return None
        try:
            return model.model_validate_json(self.store.read_bytes(uri))
        except ValidationError as error:
            problem = error.errors()[0]["msg"]
            raise InputError(
                f"{uri} is not a record of this project ({problem}): move it away and run again"
            ) from error

    def _save(self, uri: str, model: BaseModel) -> None:
        self.store.write_bytes(uri, (model.model_dump_json(indent=2) + "\n").encode())
