"""Claims and submission notes in scratch: they let a later process adopt the jobs of one that died.

A claim is written before a job is submitted, under its fingerprint: a later process finds the job by the name in the
claim, even if the answer to the submission was lost. A submission note is written after it: the id that Batch returned
and the run that waits for it. Neither is needed once the result has its record.
"""

from dataclasses import dataclass
from typing import TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from bioinfo_assets.errors import NotFoundError
from bioinfo_assets.launch.batch.scratch_paths import ScratchPaths
from bioinfo_assets.storage.store import Store

Model = TypeVar("Model", bound=BaseModel)


class Claim(BaseModel):
    """The submission, made or about to be made, that computes the result of a fingerprint.

    Attributes:
        name: Name of the submission, unique.
        queue: Queue it was sent to.
        index: Index in the array of that name; None for a single job.
        folder: Folder of the submission in scratch.
        budget: The run whose attempts are counted (see `RunIdentity.budget`).
        spent: Attempts used up before this submission; once it failed, including its own.
        reason: Why it failed for good; empty if it did not.
        submitted: Time of the submission.
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
    """Batch's answer to a submission, and the run that waits for it now.

    Attributes:
        batch_id: Id of the job or of the array.
        run_id: The run.
        size: Number of jobs in the array; 0 for a single job.
    """

    model_config = ConfigDict(frozen=True)

    batch_id: str
    run_id: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims and submission notes under one scratch prefix."""

    store: Store
    paths: ScratchPaths

    def read(self, fingerprint: str) -> Claim | None:
        """Read the claim of a fingerprint; None if there is none, or none that this version understands."""
        return self._read(self.paths.claim(fingerprint), Claim)

    def write(self, fingerprint: str, claim: Claim) -> None:
        """Write the claim of a fingerprint, replacing any earlier one."""
        self.store.write_bytes(self.paths.claim(fingerprint), claim.model_dump_json().encode())

    def delete(self, fingerprint: str) -> None:
        """Delete the claim of a fingerprint."""
        self.store.delete(self.paths.claim(fingerprint))

    def read_note(self, name: str, index: int | None = None) -> SubmissionNote | None:
        """Read the note of a submission; with an index, that of one adopted job of its array."""
        return self._read(self.paths.submission_note(name, index), SubmissionNote)

    def write_note(self, name: str, note: SubmissionNote, index: int | None = None) -> None:
        """Write the note of a submission, or of one job of its array."""
        self.store.write_bytes(self.paths.submission_note(name, index), note.model_dump_json().encode())

    def delete_note(self, name: str, index: int | None = None) -> None:
        """Delete the note of a submission, or of one job of its array."""
        self.store.delete(self.paths.submission_note(name, index))

    def _read(self, uri: str, model: type[Model]) -> Model | None:
        try:
            return model.model_validate_json(self.store.read_bytes(uri))
        except NotFoundError:
            return None
        except ValidationError:
            return None  # written by another version of this project: the job is run again
