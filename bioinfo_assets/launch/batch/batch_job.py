"""A job that this process waits for: its state as one frozen value, replaced under a lock."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from threading import Lock
from typing import Final

from bioinfo_assets.launch.backend import IsPublished, Outcome, State, Status, never_published
from bioinfo_assets.launch.batch.classify_outcome import CANCELLED
from bioinfo_assets.launch.batch.client import parent_of
from bioinfo_assets.launch.batch.job_accounting import NO_TIMES, JobTimes
from bioinfo_assets.launch.batch.job_parts import JobParts
from bioinfo_assets.launch.batch.scratch_paths import job_folder_of, submission_folder
from bioinfo_assets.launch.fused import fused_resources
from bioinfo_assets.launch.job import Job, Resources

DEFAULT_RETRIES: Final = 2
"""How often a job may be started again unless a user sets `retries`."""

_QUEUED: Final = Status(State.QUEUED)


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """The run that jobs belong to.

    Attributes:
        run_id: Its id in Dagster, by which orphaned jobs are found.
        budget: The run whose attempts are counted: itself, or the first of a series of Dagster's automatic retries.
    """

    run_id: str
    budget: str


@dataclass(frozen=True, slots=True)
class BatchSubmission:
    """One submission of a job; Batch may start several attempts of it.

    Attributes:
        name: Its name in Batch, unique; shared by the jobs of an array.
        index: Index in the array; None for a single job.
        array_size: Number of jobs in the array; 0 for a single job.
        folder: The folder of its attempts.
        package: URI of its job.tar.
        number: Its number among the job's submissions, from 1.
        submitted: When it was prepared; once Batch has accepted it, when that was.
        batch_id: Batch's id, `PARENT:INDEX` in an array; empty until Batch has answered.
        may_be_sent: Whether Batch may know it: not before all that comes before SubmitJob is done.
    """

    name: str
    index: int | None
    array_size: int
    folder: str
    package: str
    number: int
    submitted: datetime
    batch_id: str = ""
    may_be_sent: bool = True

    @classmethod
    def pending(cls, job_folder: str) -> "BatchSubmission":
        """The first submission of a job while it is prepared: it has no name yet."""
        folder = submission_folder(job_folder, 1)
        return cls("", None, 0, folder, package="", number=1, submitted=datetime.now(UTC))

    @property
    def parent(self) -> str:
        """The id of the array; empty for a single job."""
        return parent_of(self.batch_id)

    @property
    def age_s(self) -> float:
        """Seconds since it was submitted."""
        return (datetime.now(UTC) - self.submitted).total_seconds()


@dataclass(frozen=True, slots=True)
class Resubmission:
    """What is different when a job is submitted again.

    Attributes:
        memory_mib: Its memory in MiB; None: unchanged.
        queue: Its queue; None: unchanged.
    """

    memory_mib: int | None = None
    queue: str | None = None

    def applied_to(self, job: Job) -> Job:
        """The job with the differences."""
        if self.memory_mib is not None:
            job = replace(job, resources=replace(job.resources, memory_mib=self.memory_mib))
        if self.queue is not None:
            job = replace(job, options=job.options.model_copy(update={"queue": self.queue}))
        return job


class Phase(Enum):
    """Who works on a job: the threads that submit, or after them the one that polls."""

    WAITING = "waiting"
    SUBMITTED = "submitted"
    POLLED = "polled"


@dataclass(frozen=True, slots=True)
class JobState:
    """A job at one moment.

    Attributes:
        job: The job, with its present memory, which grows when it ran out of it.
        folder: Its folder in scratch, with one folder for each submission; for an adopted job that of the process that
            submitted it.
        status: The status shown to users.
        phase: Who works on it.
        submission: The present or last submission; None before the first.
        spent: Attempts used up before the present submission.
        earlier: The times of earlier submissions, as far as this process knows them.
        log_stream: CloudWatch stream of the present attempt; empty before there is one.
        termination_reason: Why it is to be terminated; empty if it is not.
        failing_since: Since when it cannot be submitted, or its report cannot be read, by `time.monotonic`; None if it
            could the last time.
    """

    job: Job
    folder: str
    status: Status = _QUEUED
    phase: Phase = Phase.WAITING
    submission: BatchSubmission | None = None
    spent: int = 0
    earlier: JobTimes = NO_TIMES
    log_stream: str = ""
    termination_reason: str = ""
    failing_since: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether the job has ended."""
        return self.status.state.is_over

    @property
    def is_to_be_submitted(self) -> bool:
        """Whether the job waits for its submission: it has not ended, and none was adopted for it."""
        return self.phase is Phase.WAITING and not self.is_over

    @property
    def is_active(self) -> bool:
        """Whether Batch has the job and its end is not known yet."""
        return self.phase is Phase.POLLED and not self.is_over

    def has_ended(self, name: str) -> bool:
        """Whether a submission is the job's own, which was seen to end or was not sent: the job is submitted again."""
        own = self.submission
        return own is not None and own.name == name and (bool(own.batch_id) or not own.may_be_sent)

    @property
    def max_attempts(self) -> int:
        """How often the job may be started in all."""
        retries = self.job.options.retries
        return 1 + (DEFAULT_RETRIES if retries is None else retries)


class BatchJob:
    """Holds the state of a job; safe for threads.

    The methods below are the only way to change the state. A job that is over never changes again.

    Attributes:
        job_id: The job's id in this process.
        fingerprint: Identifies its result; empty if no other process may adopt it.
        is_published: Whether another process has published its result meanwhile.
        parts: The job and those that run after it in the same container.
    """

    def __init__(
        self,
        job_id: str,
        job: Job,
        fingerprint: str,
        folder: str,
        is_published: IsPublished = never_published,
        followers: tuple[Job, ...] = (),
    ) -> None:
        self.parts: Final = JobParts((job, *followers))
        if fingerprint:
            self.parts.identify(0, fingerprint)
        self.is_published: Final = is_published
        self.job_id: Final = job_id
        self.fingerprint: Final = fingerprint
        self._state = JobState(replace(job, resources=fused_resources(self.parts.jobs)), folder)
        self._lock = Lock()

    @property
    def state(self) -> JobState:
        """The present state."""
        return self._state

    @property
    def submission(self) -> BatchSubmission:
        """The present or last submission of a job that was submitted."""
        submission = self._state.submission
        if submission is None:
            raise ValueError(f"job {self.job_id} was never submitted")
        return submission

    def prepare(self, submission: BatchSubmission, resources: Resources) -> None:
        """Enter a submission that is about to be made, with the CPUs and memory it asks for."""
        self._replace(
            lambda old: replace(
                old,
                submission=submission,
                job=replace(old.job, resources=replace(resources, disk_mib=old.job.resources.disk_mib)),
            )
        )

    def send(self) -> None:
        """Enter that the submission is sent to Batch now: if no answer comes, Batch may know it."""
        submission = replace(self.submission, may_be_sent=True)
        self._replace(lambda old: replace(old, submission=submission))

    def accept(self, batch_id: str) -> None:
        """Enter the id that Batch returned for the submission.

        From now on Batch may not know the job for a moment: packages of a large array are written for minutes before.
        """
        submission = replace(self.submission, batch_id=batch_id, submitted=datetime.now(UTC))
        status = Status(State.QUEUED, "SUBMITTED")
        self._replace(
            lambda old: replace(old, submission=submission, status=status, phase=Phase.SUBMITTED, failing_since=None)
        )

    def adopt(self, submission: BatchSubmission, spent: int, part: int = 0) -> None:
        """Enter a submission of an earlier process, from one of its parts on, instead of a new one."""
        self.parts.first = part
        status = Status(State.QUEUED, f"adopted from an earlier run: {submission.name}")
        folder = job_folder_of(submission.folder)
        self._replace(
            lambda old: replace(
                old, folder=folder, submission=submission, spent=spent, status=status, phase=Phase.SUBMITTED
            )
        )

    def show(self, reason: str) -> None:
        """Show people why the job waits."""
        self._replace(lambda old: replace(old, status=Status(State.QUEUED, reason)))

    def set_spent(self, spent: int) -> None:
        """Enter the attempts that earlier runs have used up."""
        self._replace(lambda old: replace(old, spent=spent))

    def start_polling(self) -> bool:
        """Hand a submitted job over to the thread that polls; return whether its termination is pending."""
        if self._state.phase is Phase.SUBMITTED:
            self._replace(lambda old: replace(old, phase=Phase.POLLED))
        return bool(self._state.termination_reason)

    def request_termination(self, reason: str) -> bool:
        """Mark the job for termination; return whether Batch must be called now.

        It need not be where the job is over or marked already, nor before it is polled: whoever submits it then sees
        the mark. That of a job which got no machine is replaced if nobody wants the job any longer.
        """
        with self._lock:
            old = self._state
            if old.is_over or old.termination_reason in {reason, CANCELLED}:
                return False
            self._state = replace(old, termination_reason=reason)
            return old.phase is Phase.POLLED

    def update(self, status: Status, log_stream: str, attempts: int, times: JobTimes) -> bool:
        """Enter the result of a poll; return False if the job had ended meanwhile.

        Args:
            status: The new status.
            log_stream: CloudWatch stream of the present attempt; empty: unchanged.
            attempts: Attempts that the submission has used up, if it has ended.
            times: The times of the submission, if it has ended.
        """
        return self._replace(
            lambda old: replace(
                old,
                status=status,
                log_stream=log_stream or old.log_stream,
                spent=old.spent + attempts,
                earlier=old.earlier.plus(times),
                failing_since=None,
            )
        )

    def resubmit(self, change: Resubmission, folder: str) -> None:
        """Make the job wait for another submission, with more memory or to another queue.

        Args:
            change: What is different.
            folder: Its folder if it had adopted a submission with other parts before its own, which is not to be mixed
                with that of its own parts.
        """
        own = folder if self.parts.first else self._state.folder
        self.parts.first = 0
        self._replace(
            lambda old: replace(
                old,
                job=change.applied_to(old.job),
                phase=Phase.WAITING,
                folder=own,
                # The reason may have been that the submission got no machine.
                termination_reason=CANCELLED if old.termination_reason == CANCELLED else "",
            )
        )

    def note_problem(self, problem: str) -> float:
        """Show what cannot be done with the job for the moment; return for how many seconds that has been so."""
        now = time.monotonic()
        since = now if self._state.failing_since is None else self._state.failing_since
        self._replace(lambda old: replace(old, failing_since=since, status=replace(old.status, reason=problem)))
        return now - since

    def fail(self, reason: str, outcome: Outcome = Outcome.FAILED) -> None:
        """End the job without a report."""
        self._replace(lambda old: replace(old, status=Status(State.FAILED, reason, outcome=outcome)))

    def cancel(self, reason: str) -> None:
        """End the job because no run waits for it any longer."""
        self._replace(lambda old: replace(old, status=Status(State.CANCELLED, reason, outcome=Outcome.KILLED)))

    def _replace(self, change: Callable[[JobState], JobState]) -> bool:
        with self._lock:
            if self._state.is_over:
                return False
            self._state = change(self._state)
            return True
