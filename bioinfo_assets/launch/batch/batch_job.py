"""A job that this process waits for, and where it is."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from bioinfo_assets.launch.backend import State, Status
from bioinfo_assets.launch.batch.classify_outcome import termination_reason
from bioinfo_assets.launch.batch.client import parent_of
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.storage.store import join

DEFAULT_RETRIES: Final = 2
"""How often a job may be started again, unless a user sets `retries`."""

WAITING: Final = Status(State.QUEUED)

CANCELLED: Final = termination_reason("cancelled")
"""Why a job is ended that a run wants no more."""


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """The run that jobs belong to.

    Attributes:
        run_id: Its id in Dagster, by which jobs are found whose run is over.
        budget: The run whose tries are counted: itself, or the first of those that Dagster tries again by itself.
    """

    run_id: str
    budget: str


@dataclass(slots=True, eq=False)
class BatchJob:
    """A job, which one thread at a time works on: until `is_submitted` a submitter's, then the one that looks at jobs.

    Only `ending` is set by others. What passes a job from one thread to the other (`is_submitted`,
    `status`, `ending`) is set under the backend's lock.

    Attributes:
        job_id: What this process calls it.
        job: With the memory it has now: it grows when it was not enough.
        fingerprint: What names its result; empty where nobody else may take it over.
        base: Its own folder in scratch, with one folder for each submission.
        status: As it was last seen.
        name: Of its present submission; empty before it.
        index: Its place in an array; None where it goes alone.
        array_size: How many jobs the array has; 0 where it goes alone.
        batch_id: Batch's id, `PARENT:INDEX` in an array; empty before the submission was answered.
        folder: Where the present submission's attempts leave what they made.
        package: Where its job.tar lies.
        submissions: The number of the present submission, from 1.
        spent: Attempts that were used up before the present submission.
        submitted: When.
        is_submitted: Whether Batch is to be asked for it.
        log_stream: The CloudWatch stream of its present attempt; empty before there is one.
        ending: The reason for which it is to be ended; empty where it is not.
        errors: How often in a row its account could not be read.
    """

    job_id: str
    job: Job
    fingerprint: str
    base: str
    status: Status = WAITING
    name: str = ""
    index: int | None = None
    array_size: int = 0
    batch_id: str = ""
    folder: str = ""
    package: str = ""
    submissions: int = 0
    spent: int = 0
    submitted: datetime = field(default_factory=lambda: datetime.now(UTC))
    is_submitted: bool = False
    log_stream: str = ""
    ending: str = ""
    errors: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status.state.is_over

    @property
    def parent(self) -> str:
        """The array it is in; empty where it goes alone."""
        return parent_of(self.batch_id)

    @property
    def tries(self) -> int:
        """How often it may be started in all."""
        retries = self.job.options.retries
        return 1 + (DEFAULT_RETRIES if retries is None else retries)

    @property
    def age_s(self) -> float:
        """Seconds since it was submitted."""
        return (datetime.now(UTC) - self.submitted).total_seconds()

    def next_folder(self) -> str:
        """The folder of the next submission."""
        return join(self.base, str(self.submissions + 1))

    def fail(self, reason: str, outcome: Outcome = Outcome.FAILED) -> None:
        """Ends it before it ran."""
        self.status = Status(State.FAILED, reason, outcome=outcome)

    def drop(self, reason: str) -> None:
        """Ends it as nobody wants it any more."""
        self.status = Status(State.CANCELLED, reason, outcome=Outcome.KILLED)
