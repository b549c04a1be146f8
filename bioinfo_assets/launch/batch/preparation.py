"""What comes before a job's submission: it is claimed for this run, adopted, postponed, or ended."""

import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, UnreachableError
from bioinfo_assets.launch.batch.adoption import Adoption, Claim, Claims, ClaimVersion, PreviousSubmission
from bioinfo_assets.launch.batch.batch_job import BatchJob, BatchSubmission, RunIdentity
from bioinfo_assets.launch.batch.job_package import check_inputs
from bioinfo_assets.storage.clock import seconds_since_boot

PREPARATION_TIMEOUT_S: Final = 300.0
"""Seconds after which a run that has claimed jobs and not submitted them has died; ten thousand take two minutes."""

SUBMISSION_TIMEOUT_S: Final = 900.0
"""Seconds after which a run that was about to call SubmitJob has died: after the first claim of an array it writes the
others for some minutes, then repeats the call for five, and looks a minute for the job if there was no answer."""

RENEWAL_AGE_S: Final = 60.0
"""Seconds after which a claim is renewed before its job is submitted: a run that was suspended may have lost it."""

FIRST_PAUSE_S: Final = 2.0
MAX_PAUSE_S: Final = 60.0
"""Seconds between two questions whether a job is over that computes the same result with other followers: from the
first to the last, each pause is twice the one before it. All runs of an account share its calls of AWS Batch."""

PUBLICATION_TIMEOUT_S: Final = 300.0
"""Seconds for which the run of such a job may take to publish what it made."""

_MAX_CLOCK_SKEW_S: Final = 3600.0
"""How far the clocks of two hosts may differ."""


class Preparation(Enum):
    """What became of a job that was to be submitted."""

    CLAIMED = "claimed"
    POSTPONED = "postponed"
    DONE = "done"


class JobPreparer:
    """Decides what becomes of a job that is to be submitted; safe for threads as long as each has jobs of its own.

    Args:
        claims: The claims of all runs.
        adoption: Finds submissions that can be adopted.
        run: The run that jobs belong to.
        error_timeout_s: Seconds for which a job is postponed because AWS cannot be reached.
    """

    def __init__(self, claims: Claims, adoption: Adoption, run: RunIdentity, error_timeout_s: float) -> None:
        self._claims = claims
        self._adoption = adoption
        self._run = run
        self._error_timeout_s = error_timeout_s
        self._pending: dict[str, tuple[str, float]] = {}
        self._own: dict[str, tuple[ClaimVersion, float]] = {}
        self._pauses: dict[str, tuple[float, float]] = {}
        self._made_since: dict[tuple[str, str], float] = {}

    def prepare(self, job: BatchJob) -> Preparation:
        """Claim a job for this run, adopt it, end it, or postpone it."""
        try:
            if job.state.termination_reason:
                if job.fingerprint in self._own:  # it was postponed since
                    self.release([job])
                job.cancel("cancelled before it started")
                return Preparation.DONE
            is_first = job.parts.current == 0  # if not, it is submitted again, and its first result is published
            if job.fingerprint and is_first and (self._is_paused(job) or not self._adopt_or_claim(job)):
                job.show("another run is submitting the same job")
                return Preparation.POSTPONED
            if job.state.is_to_be_submitted:
                self._check_inputs(job)
        except UnreachableError as error:
            return self.postpone_or_fail(job, error)
        except BioinfoAssetsError as error:
            job.fail(str(error))
        except Exception as error:  # noqa: BLE001 - a defect that one job meets must not stop the others
            job.fail(f"defect in the batch backend: {error!r}")
        return Preparation.CLAIMED if job.state.is_to_be_submitted else Preparation.DONE

    def _check_inputs(self, job: BatchJob) -> None:
        """Check the inputs of a claimed job; one with wrong inputs loses its claim, so that no run waits for it."""
        try:
            for part, own in enumerate(job.parts.jobs):
                check_inputs(own, job.parts.made_before(part))
        except BioinfoAssetsError:
            self.release([job])
            raise

    def postpone_or_fail(self, job: BatchJob, error: UnreachableError) -> Preparation:
        """Keep a job that cannot be submitted for the moment, for as long as polls may fail."""
        if job.note_problem(f"cannot be submitted for the moment: {error}") < self._error_timeout_s:
            return Preparation.POSTPONED
        job.fail(str(error))
        return Preparation.DONE

    def _adopt_or_claim(self, job: BatchJob) -> bool:
        """Adopt the previous submission for the job's fingerprint, or claim the next one for this run.

        Returns:
            False if another run, on this host or another, has claimed it: it submits the job within minutes. Nobody
            waits for it here, since it may wait for a job that this run has claimed.
        """
        found = self._claims.find(job.fingerprint)
        claim = None if found is None else found.claim
        if claim is not None and not claim.name and self._is_waited_for(job, found):
            return False
        if claim is not None and claim.followers != job.parts.identities():
            if self._is_made_by_another(job, claim):
                self._pause(job)
                return False  # it has other parts, or none: its end is waited for, as the result is computed once
            claim = None
        has_ended = claim is not None and job.state.has_ended(claim.name)
        previous = None if has_ended else self._adoption.find_previous(claim, job.parts.jobs)
        if previous is not None and claim is not None:
            if not previous.is_known and _is_recent(claim) and self._is_waited_for(job, found):
                return False
            if self._adopt_or_reject(job, claim, previous):
                return True
        if not self._claim(job, found):
            return False
        try:
            is_published = job.is_published()  # by a run that had the claim before, and deleted it
        except BaseException:
            self._claims.delete_of(job.fingerprint, self._run.budget)
            raise
        if is_published:
            # In this order: a job that is over is not prepared again, and would keep its claim if S3 failed now.
            self._claims.delete_of(job.fingerprint, self._run.budget)
            job.cancel("another run has published its result")
        return True

    def _is_made_by_another(self, job: BatchJob, claim: Claim) -> bool:
        """Whether a job with other followers makes the result, or has, and its run may be about to publish it."""
        if job.is_published():
            return False
        if self._adoption.is_active(claim):
            return True
        is_ours = claim.budget == self._run.budget
        if is_ours or claim.reason or not self._adoption.has_made(claim, job.parts.jobs[0]):
            return False
        since = self._made_since.setdefault((job.fingerprint, claim.folder), time.monotonic())
        return time.monotonic() - since < PUBLICATION_TIMEOUT_S

    def _pause(self, job: BatchJob) -> None:
        """Have a job postponed for a while without a question to AWS, each time for longer."""
        pause_s = min(2 * self._pauses.get(job.fingerprint, (0.0, FIRST_PAUSE_S / 2))[1], MAX_PAUSE_S)
        self._pauses[job.fingerprint] = time.monotonic() + pause_s, pause_s

    def _is_paused(self, job: BatchJob) -> bool:
        return time.monotonic() < self._pauses.get(job.fingerprint, (0.0, 0.0))[0]

    def _claim(self, job: BatchJob, previous: ClaimVersion | None) -> bool:
        """Claim a job for this run, for the first time or again; return False if another run has claimed it."""
        pending = self.claim_of(job, BatchSubmission.pending(job.state.folder), job.state.spent, "")
        written_at = seconds_since_boot()
        own = self._claims.try_to_claim(job.fingerprint, pending, previous)
        if own is None:
            return False
        self._own[job.fingerprint] = own, written_at
        return True

    def renew(self, job: BatchJob) -> bool:
        """Renew the claim of a job that is submitted now, if it is old; return False if another run has taken it over.

        Raises:
            BioinfoAssetsError: S3 cannot be reached or refuses.
        """
        own, written_at = self._own.pop(job.fingerprint, (None, 0.0))
        if own is None or seconds_since_boot() - written_at < RENEWAL_AGE_S:
            return True
        return self._claim(job, own)

    def _is_waited_for(self, job: BatchJob, found: ClaimVersion | None) -> bool:
        """Whether another run has claimed the job, and not died before it submitted it; no clocks are compared."""
        if found is None or found.claim is None or found.claim.budget == self._run.budget or found.claim.reason:
            return False
        etag, seen_at = self._pending.get(job.fingerprint, ("", 0.0))
        if etag != found.etag:
            self._pending[job.fingerprint] = found.etag, time.monotonic()
            return True
        return time.monotonic() - seen_at <= (SUBMISSION_TIMEOUT_S if found.claim.name else PREPARATION_TIMEOUT_S)

    def _adopt_or_reject(self, job: BatchJob, claim: Claim, previous: PreviousSubmission) -> bool:
        """Adopt a claimed submission, or end the job if no attempts are left; return whether it did either."""
        adopted = self._adoption.try_adopt(previous)
        if adopted is not None:
            job.adopt(adopted, previous.spent, claim.part)
            return True
        if previous.spent >= job.state.max_attempts:
            reason = previous.reason or "it failed in every attempt"
            job.fail(f"{reason} (its {job.state.max_attempts} attempts are used up)")
            return True
        job.set_spent(previous.spent)
        return False

    def release(self, jobs: Iterable[BatchJob]) -> None:
        """Delete the claims of jobs that are not submitted, so that no run waits for them."""
        for job in jobs:
            submission = job.state.submission
            if job.fingerprint and (submission is None or not submission.batch_id):
                with suppress(BioinfoAssetsError):  # then it is seen to be abandoned
                    self._claims.delete_of(job.fingerprint, self._run.budget)

    def claim_of(self, job: BatchJob, submission: BatchSubmission, spent: int, reason: str, part: int = 0) -> Claim:
        """The claim of a job's part, as it is written with a submission."""
        return Claim(
            name=submission.name,
            queue=job.state.job.options.queue or "",
            index=submission.index,
            folder=submission.folder,
            budget=self._run.budget,
            spent=spent,
            reason=reason,
            submitted=submission.submitted,
            followers=job.parts.identities(part),
            part=job.parts.first + part,
        )


def _is_recent(claim: Claim) -> bool:
    """Whether the run that wrote a claim may still be calling SubmitJob, whatever its clock."""
    return (datetime.now(UTC) - claim.submitted).total_seconds() < _MAX_CLOCK_SKEW_S
