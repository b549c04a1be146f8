"""What lies in scratch for those who come after a host that died: which job makes what, and whose it is.

A claim is written before a job is submitted, under its fingerprint: a later process finds the job by the name in it,
whether or not the answer to the submission was ever heard. A submission is written after: the id that Batch gave, and
the run that waits for it. Nothing here is needed once the result has its record.
"""

from dataclasses import dataclass
from typing import TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from bioinfo_assets.errors import NotFoundError
from bioinfo_assets.storage.store import Store, join

Model = TypeVar("Model", bound=BaseModel)


class Claim(BaseModel):
    """A job that was, or was about to be, submitted for a fingerprint.

    Attributes:
        name: The name it was submitted by, unique to the submission.
        queue: To which queue.
        index: Its place in the array of that name; None where it went alone.
        folder: Its folder in scratch.
        budget: Whose tries it takes (see `RunIdentity.budget`).
        spent: How many of them were used up, before this submission or with it.
        reason: Why it failed for good; empty where it did not.
        submitted: When.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    queue: str
    index: int | None
    folder: str
    budget: str
    spent: int = 0
    reason: str = ""
    submitted: AwareDatetime


class SubmissionNote(BaseModel):
    """What Batch answered to a submission, and the run that waits for it now.

    Attributes:
        batch_id: The id of the job, or of the array.
        run_id: The run.
        size: How many jobs the array has; 0 for one that goes alone.
    """

    model_config = ConfigDict(frozen=True)

    batch_id: str
    run_id: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims under one scratch prefix."""

    store: Store
    scratch: str

    def read(self, fingerprint: str) -> Claim | None:
        """The claim on a fingerprint; None where nobody made one, or none that can be read."""
        return self._load(self._claim(fingerprint), Claim)

    def write(self, fingerprint: str, claim: Claim) -> None:
        """Claims a fingerprint, in place of any earlier claim."""
        self.store.write_bytes(self._claim(fingerprint), claim.model_dump_json().encode())

    def drop(self, fingerprint: str) -> None:
        """Gives a claim up."""
        self.store.delete(self._claim(fingerprint))

    def read_note(self, name: str, index: int | None = None) -> SubmissionNote | None:
        """What is known of a submission by its name; with an index, of a job of an array that was taken over."""
        return self._load(self._note(name, index), SubmissionNote)

    def write_note(self, name: str, note: SubmissionNote, index: int | None = None) -> None:
        """Keeps what Batch answered, or who waits for it now."""
        self.store.write_bytes(self._note(name, index), note.model_dump_json().encode())

    def drop_note(self, name: str, index: int | None = None) -> None:
        """Removes what is known of a submission."""
        self.store.delete(self._note(name, index))

    def _claim(self, fingerprint: str) -> str:
        return join(self.scratch, "claims", f"{fingerprint}.json")

    def _note(self, name: str, index: int | None) -> str:
        return join(self.scratch, "submissions", f"{name}.json" if index is None else f"{name}.{index}.json")

    def _load(self, uri: str, model: type[Model]) -> Model | None:
        try:
            return model.model_validate_json(self.store.read_bytes(uri))
        except ValidationError:
            return None  # of another version of this project: what it told is not known, so the job is run
        except NotFoundError:
            return None
