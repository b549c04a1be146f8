"""Jobs that a host left running when it died, or that another run began: they are taken over instead of run twice."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bioinfo_assets.launch.backend import State, Status
from bioinfo_assets.launch.batch.attempt_report import newest_report
from bioinfo_assets.launch.batch.batch_job import BatchJob, RunIdentity
from bioinfo_assets.launch.batch.claims import Claim, Claims, SubmissionNote
from bioinfo_assets.launch.batch.client import ACTIVE, Client, parent_of
from bioinfo_assets.launch.batch.job_package import package_uri
from bioinfo_assets.storage.store import Store, join

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef


class Adoption:
    """Looks for a job under way by its fingerprint; safe for threads.

    Args:
        client: To Batch.
        store: To S3.
        claims: Of all jobs under this scratch.
        run: Who takes over.
        listed_s: How long Batch may not tell of a new job, in seconds.
    """

    def __init__(self, client: Client, store: Store, claims: Claims, run: RunIdentity, listed_s: float) -> None:
        self._client = client
        self._store = store
        self._claims = claims
        self._run = run
        self._listed_s = listed_s

    def is_taken_over(self, job: BatchJob) -> bool:
        """Whether there is nothing to submit: the job is under way or done already, or must not be tried again."""
        claim = self._claims.read(job.fingerprint)
        if claim is None:
            return False
        is_same_budget = claim.budget == self._run.budget
        note = self._claims.read_note(claim.name)
        batch_id = self._batch_id(claim, note)
        detail = self._client.describe([batch_id]).get(batch_id) if batch_id else None
        spent = claim.spent if is_same_budget else 0
        if self._lives(claim, batch_id, detail) or self._is_done(job, claim):
            self._take_over(job, claim, batch_id, note)
            job.spent = spent
            return True
        if is_same_budget:
            # One that failed while its host was dead was not counted by anyone.
            job.spent = spent if claim.reason else spent + len(detail.get("attempts", ()) if detail else ())
        if job.spent >= job.tries:
            job.fail(f"{claim.reason or 'it failed again and again'} (its {job.tries} tries are used up)")
            return True
        return False

    def _lives(self, claim: Claim, batch_id: str, detail: "JobDetailTypeDef | None") -> bool:
        if detail is None:
            return bool(batch_id) and self._is_young(claim)
        return detail["status"] in ACTIVE and not (detail.get("isTerminated") or detail.get("isCancelled"))

    def _is_done(self, job: BatchJob, claim: Claim) -> bool:
        """Whether all it made lies there still: a host may have died as it published that."""
        told = newest_report(self._store, claim.folder)
        if told is None or not told.is_done:
            return False
        report = told.report(job.job, claim.folder, "", 1)
        return report is not None and all(self._store.exists(made.path) for made in report.files)

    def _take_over(self, job: BatchJob, claim: Claim, batch_id: str, note: SubmissionNote | None) -> None:
        job.name, job.index, job.batch_id = claim.name, claim.index, batch_id
        job.array_size = note.size if note else 0
        job.folder, job.submitted = claim.folder, claim.submitted
        job.base, _, number = claim.folder.rpartition("/")
        job.submissions = int(number)
        job.package = package_uri(join(self._claims.scratch, "packages", claim.name), claim.index)
        if batch_id:
            mine = SubmissionNote(
                batch_id=parent_of(batch_id) or batch_id, run_id=self._run.run_id, size=job.array_size
            )
            self._claims.write_note(claim.name, mine)
            if claim.index is not None:  # others of the array may be another run's
                self._claims.write_note(claim.name, mine, claim.index)
        job.status = Status(State.QUEUED, f"taken over from a run before: {claim.name}")
        job.is_submitted = True

    def _batch_id(self, claim: Claim, note: SubmissionNote | None) -> str:
        """The id of a claimed job, whether or not the answer to its submission was heard; empty where there is none."""
        find = self._client.find_surely if self._is_young(claim) else self._client.find
        found = note.batch_id if note else find(claim.queue, claim.name)
        return "" if found is None else found if claim.index is None else f"{found}:{claim.index}"

    def _is_young(self, claim: Claim) -> bool:
        return (datetime.now(UTC) - claim.submitted).total_seconds() < self._listed_s
