"""A job that this process waits for, and where it is."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from bioinfo_assets.launch.backend import State, Status
from bioinfo_assets.launch.batch.client import parent_of
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.store import join

DEFAULT_RETRIES: Final = 2
"""How often a job may be started again, unless a user sets `retries`."""

WAITS: Final = Status(State.QUEUED, "is being submitted")


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """The run that jobs belong to.

    Attributes:
        run_id: Its id in Dagster, by which jobs are found whose run is over.
        budget: The run whose tries are counted: itself, or the first of those that Dagster tries again by itself.
    """

    run_id: str
    budget: str


@dataclass(slots=True)
class Tracked:
    """A job; its fields change under the backend's lock only.

    Attributes:
        job_id: What this process calls it.
        job: With the memory it has now: it grows when it was not enough.
        fingerprint: What names its result; empty where nobody else may take it over.
        base: Its own folder in scratch, with one folder for each submission.
        status: As it was last seen.
        name: Of its present submission; empty before it.
        batch_id: Batch's id, `PARENT:INDEX` in an array; empty before the submission was answered.
        folder: Where the present submission's attempts leave what they made.
        package: Where its job.tar lies.
        submissions: How many there were.
        spent: Attempts that were used up before the present submission.
        submitted: When.
        log_stream: The CloudWatch stream of its present attempt; empty before there is one.
        is_cancelled: Whether its end was asked for.
    """

    job_id: str
    job: Job
    fingerprint: str
    base: str
    status: Status = WAITS
    name: str = ""
    batch_id: str = ""
    folder: str = ""
    package: str = ""
    submissions: int = 0
    spent: int = 0
    submitted: datetime = field(default_factory=lambda: datetime.now(UTC))
    log_stream: str = ""
    is_cancelled: bool = False

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

    def next_folder(self) -> str:
        """The folder of the next submission."""
        return join(self.base, str(self.submissions + 1))
