"""Claims on jobs in scratch, by which a job of a dead process or of another run is adopted instead of run twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from bioinfo_assets.errors import NotFoundError
from bioinfo_assets.launch.batch.attempt_report import AttemptReport, newest_report
from bioinfo_assets.launch.batch.batch_job import BatchSubmission, RunIdentity
from bioinfo_assets.launch.batch.client import ACTIVE, Client
from bioinfo_assets.launch.batch.job_parts import done_report
from bioinfo_assets.launch.batch.scratch_paths import ScratchPaths, job_folder_of, package_uri, submission_number
from bioinfo_assets.launch.job import Job
from bioinfo_assets.storage import conditional
from bioinfo_assets.storage.store import Store

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef


Model = TypeVar("Model", bound=BaseModel)


class Claim(BaseModel):
    """The submission, made or about to be made, that computes the result of a fingerprint.

    Attributes:
        name: Name of the submission, unique; empty while a run prepares it.
        queue: Queue it was sent to.
        index: Index in the array of that name; None for a single job.
        folder: Folder of the submission in scratch.
        budget: The run whose attempts are counted (see `RunIdentity.budget`).
        spent: Attempts used up before this submission; once it failed, including its own.
        reason: Why it failed for good; empty if it did not.
        submitted: Time of the submission.
        followers: What distinguishes the jobs that run after it in the same container from others.
        part: Its number among the parts that the container runs.
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
    followers: tuple[str, ...] = ()
    part: int = 0


@dataclass(frozen=True, slots=True)
class ClaimVersion:
    """What is in a claim's place.

    Attributes:
        claim: The claim; None if another version of this project wrote it.
        etag: Of this version of the object.
    """

    claim: Claim | None
    etag: str


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

    def find(self, fingerprint: str) -> ClaimVersion | None:
        """Read the claim of a fingerprint with its version; None if there is none."""
        found = conditional.read(self.paths.claim(fingerprint))
        if found is None:
            return None
        try:
            return ClaimVersion(Claim.model_validate_json(found.data), found.etag)
        except ValidationError:
            return ClaimVersion(None, found.etag)

    def try_to_claim(self, fingerprint: str, claim: Claim, previous: ClaimVersion | None) -> ClaimVersion | None:
        """Write the claim of a fingerprint unless another run was faster; return it as it is there, None if it was.

        Args:
            fingerprint: Of the result.
            claim: The new claim.
            previous: What `find` returned before.
        """
        data = claim.model_dump_json().encode()
        etag = None if previous is None else previous.etag
        written = conditional.write(self.paths.claim(fingerprint), data, etag)
        return None if written is None else ClaimVersion(claim, written)

    def write(self, fingerprint: str, claim: Claim) -> None:
        """Write the claim of a fingerprint, replacing any earlier one."""
        self.store.write_bytes(self.paths.claim(fingerprint), claim.model_dump_json().encode())

    def delete(self, fingerprint: str) -> None:
        """Delete the claim of a fingerprint."""
        self.store.delete(self.paths.claim(fingerprint))

    def delete_of(self, fingerprint: str, budget: str) -> None:
        """Delete the claim of a fingerprint, unless another run has taken it over."""
        claim = self.read(fingerprint)
        if claim is not None and claim.budget == budget:
            self.delete(fingerprint)

    def read_note(self, name: str, index: int | None = None) -> SubmissionNote | None:
        """Read the note of a submission; with an index, that of one adopted job of its array."""
        return self._read(self.paths.submission_note(name, index), SubmissionNote)

    def write_note(self, name: str, note: SubmissionNote, index: int | None = None) -> None:
        """Write the note of a submission, or of one job of its array."""
        self.store.write_bytes(self.paths.submission_note(name, index), note.model_dump_json().encode())

    def adopted_indexes(self) -> Mapping[str, Sequence[int]]:
        """By name of an array: the jobs of it that have a note of their own, because a run has adopted them."""
        indexes: dict[str, list[int]] = {}
        for uri in self.store.list(self.paths.submissions):
            name, _, index = uri.rpartition("/")[2].removesuffix(".json").rpartition(".")
            if index.isdecimal():
                indexes.setdefault(name, []).append(int(index))
        return indexes

    def _read(self, uri: str, model: type[Model]) -> Model | None:
        try:
            return model.model_validate_json(self.store.read_bytes(uri))
        except NotFoundError:
            return None
        except ValidationError:
            return None  # written by another version of this project: the job is run again


@dataclass(frozen=True, slots=True)
class PreviousSubmission:
    """The last submission that was made for a fingerprint.

    Attributes:
        submission: The submission.
        is_known: Whether there is a note of it, Batch lists it, or its outputs are still in scratch.
        is_usable: Whether it is queued or running, or its outputs are still in scratch.
        spent: Attempts used up before it. If it is not usable, its own are included.
        reason: Why it failed for good; empty if that is not known.
    """

    submission: BatchSubmission
    is_known: bool
    is_usable: bool
    spent: int
    reason: str


class Adoption:
    """Finds and adopts submissions by fingerprint; safe for threads.

    Args:
        client: Client for Batch.
        store: Store for S3.
        claims: Claims under this scratch prefix.
        run: The run that adopts.
        visibility_grace_s: Seconds for which Batch may not yet list a new job.
    """

    def __init__(
        self, client: Client, store: Store, claims: Claims, run: RunIdentity, visibility_grace_s: float
    ) -> None:
        self._client = client
        self._store = store
        self._claims = claims
        self._run = run
        self._visibility_grace_s = visibility_grace_s

    def find_previous(self, claim: Claim | None, jobs: Sequence[Job]) -> PreviousSubmission | None:
        """Return the submission that a claim is for, or None if there is none; nothing is changed."""
        if claim is None or not claim.name:
            return None
        note = self._claims.read_note(claim.name)
        batch_id = self._batch_id(claim, note)
        detail = self._client.describe([batch_id]).get(batch_id) if batch_id else None
        is_usable = self._is_active(claim, batch_id, detail) or self._is_done(jobs, claim)
        spent = claim.spent if claim.budget == self._run.budget else 0
        if not is_usable and not claim.reason and claim.budget == self._run.budget:
            # It failed after its process had died, so that its attempts were not counted.
            spent += len(detail.get("attempts", ())) if detail else 0
        submission = BatchSubmission(
            name=claim.name,
            index=claim.index,
            array_size=note.size if note else 0,
            folder=claim.folder,
            package=package_uri(self._claims.paths.packages(claim.name), claim.index),
            number=submission_number(claim.folder),
            submitted=claim.submitted,
            batch_id=batch_id,
        )
        return PreviousSubmission(submission, is_usable or bool(batch_id), is_usable, spent, claim.reason)

    def is_active(self, claim: Claim) -> bool:
        """Whether the job of a claim waits or runs."""
        if not claim.name:
            return False
        batch_id = self._batch_id(claim, self._claims.read_note(claim.name))
        return self._is_active(claim, batch_id, self._client.describe([batch_id]).get(batch_id) if batch_id else None)

    def can_adopt(self, claim: Claim) -> bool:
        """Whether the job of a claim waits or runs, or all its parts are done from that of the claim on."""
        marks = self._claims.paths.parts_of(job_folder_of(claim.folder))
        numbers = range(claim.part, claim.part + 1 + len(claim.followers))
        return self.is_active(claim) or all(done_report(self._store, marks, number) for number in numbers)

    def has_made(self, claim: Claim, job: Job) -> bool:
        """Whether the outputs of a claim's own job are in scratch, whatever runs after it."""
        if claim.followers or claim.part:
            report = done_report(self._store, self._claims.paths.parts_of(job_folder_of(claim.folder)), claim.part)
        else:
            report = newest_report(self._store, claim.folder)
        return self._has_outputs(job, report)

    def try_adopt(self, previous: PreviousSubmission) -> BatchSubmission | None:
        """Make this run the one that waits for a submission; return None if the submission is not usable."""
        if not previous.is_usable:
            return None
        submission = previous.submission
        if submission.batch_id:
            batch_id = submission.parent or submission.batch_id
            note = SubmissionNote(batch_id=batch_id, run_id=self._run.run_id, size=submission.array_size)
            self._claims.write_note(submission.name, note)
            if submission.index is not None:  # other jobs of the array may be adopted by other runs
                self._claims.write_note(submission.name, note, submission.index)
        return submission

    def _is_active(self, claim: Claim, batch_id: str, detail: "JobDetailTypeDef | None") -> bool:
        if detail is None:
            return bool(batch_id) and self._is_new(claim)
        return detail["status"] in ACTIVE and not (detail.get("isTerminated") or detail.get("isCancelled"))

    def _is_done(self, jobs: Sequence[Job], claim: Claim) -> bool:
        """Whether all outputs are still in scratch; a process may have died while it published them."""
        if len(jobs) == 1 and claim.part == 0:
            return self._has_outputs(jobs[0], newest_report(self._store, claim.folder))
        marks = self._claims.paths.parts_of(job_folder_of(claim.folder))
        return all(
            self._has_outputs(job, done_report(self._store, marks, number))
            for number, job in enumerate(jobs, start=claim.part)
        )

    def _has_outputs(self, job: Job, report: AttemptReport | None) -> bool:
        if report is None or not report.is_done:
            return False
        job_report = report.job_report(job, "", 1)
        if job_report is None:
            return False
        return all(self._store.exists(file.path) for file in job_report.files if file.is_published)

    def _batch_id(self, claim: Claim, note: SubmissionNote | None) -> str:
        """Return Batch's id of a claimed job, even if the answer to its submission was lost; empty if it has none."""
        if note is not None:
            found: str | None = note.batch_id
        else:
            find = self._client.find_until_listed if self._is_new(claim) else self._client.find
            found = find(claim.queue, claim.name)
        if found is None:
            return ""
        return found if claim.index is None else f"{found}:{claim.index}"

    def _is_new(self, claim: Claim) -> bool:
        return (datetime.now(UTC) - claim.submitted).total_seconds() < self._visibility_grace_s
