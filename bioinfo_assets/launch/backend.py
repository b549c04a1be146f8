"""The interface between jobs and where they run: submit, poll, cancel, logs.

A backend stages a job's inputs into a scratch folder of that attempt, runs the script there, and leaves the outputs and
a `JobReport` in that folder. It publishes nothing: `launch.transfer` does, for every backend in the same way. Each
backend passes the contract suite in `bioinfo_assets_tests/launch`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from threading import Event
from typing import Final, Protocol

from bioinfo_assets.launch.accounting import Accounting
from bioinfo_assets.launch.job import Job, JobOptions


class Outcome(Enum):
    """How a job ended; the value is what people and scripts read.

    >>> Outcome("out of memory").advice
    "raise the step's memory_mib"
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    OUT_OF_MEMORY = "out of memory"
    TIMED_OUT = "timed out"
    RECLAIMED = "reclaimed"
    KILLED = "killed"
    LOST = "lost"
    IMAGE_MISSING = "image missing"
    UNSCHEDULABLE = "unschedulable"
    NOT_RUN = "not run"

    @property
    def advice(self) -> str:
        """What a person can do about it; empty where the job's own message has it."""
        return _ADVICE.get(self, "")


_ADVICE = {
    Outcome.OUT_OF_MEMORY: "raise the step's memory_mib",
    Outcome.TIMED_OUT: "raise the step's timeout_s",
    Outcome.RECLAIMED: "run it again, or use a queue of on-demand machines",
    Outcome.LOST: "run it again",
    Outcome.IMAGE_MISSING: "check the image setting, that it was pushed, and that the execution role may pull it",
    Outcome.UNSCHEDULABLE: "check the queue's compute environments, or ask for fewer vcpus, less memory or no GPU",
}


class State(Enum):
    """The state of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether the state is final."""
        return self in {State.SUCCEEDED, State.FAILED, State.CANCELLED}


@dataclass(frozen=True, slots=True)
class OutputFile:
    """An output as the job left it in its scratch folder.

    Attributes:
        key: The output's key in the job.
        path: Its place in scratch: a local path or a URI.
        size: Bytes.
        sha256: Hex digest of its bytes.
        content: `sha256:…` of its canonical form, or None where the output has none.
        is_published: Whether it is to be published; if not, it may be gone already (see `Output.only_for`).
    """

    key: str
    path: str
    size: int
    sha256: str
    content: str | None
    is_published: bool = True


@dataclass(frozen=True, slots=True)
class Usage:
    """The resources that a job used; None where the backend does not know them.

    Attributes:
        wall_s: Seconds from the script's start to its end, including the computation of its outputs' digests.
        cpu_s: Seconds of CPU time, of all its processes.
        peak_memory_mib: Resident memory of its largest process in MiB (`ru_maxrss` of getrusage(2)): processes that
            run at the same time are not added up.
    """

    wall_s: float
    cpu_s: float | None = None
    peak_memory_mib: float | None = None


@dataclass(frozen=True, slots=True)
class JobReport:
    """The report of a finished job.

    Attributes:
        files: Its outputs, in the job's order; empty unless it succeeded.
        facts: What the script recorded by `fact NAME VALUE`.
        warnings: The messages of the script's `warn`.
        started: When the script started.
        finished: When it ended.
        usage: Time and memory.
        exit_code: The script's; None if it was never started.
        image: The container image it ran in; empty if none.
        attempts: How often it was started.
        accounting: What it asked for, waited for and moved.
    """

    started: datetime
    finished: datetime
    usage: Usage
    exit_code: int | None
    files: tuple[OutputFile, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    image: str = ""
    attempts: int = 1
    accounting: Accounting = field(default_factory=Accounting)


@dataclass(frozen=True, slots=True)
class Status:
    """A job at one moment.

    Attributes:
        state: Its state.
        reason: A message for people: why it waits or failed; may be empty.
        report: Present once a job that was started is over.
        outcome: How it ended; present once it is over.
        links: Addresses of pages about it, by a label such as `job` or `log`, as far as they are known.
    """

    state: State
    reason: str = ""
    report: JobReport | None = None
    outcome: Outcome | None = None
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Submission:
    """A submitted job.

    Attributes:
        job_id: The backend's name for it, unique among all its jobs.
        scratch: The folder of its attempt: a local path or a URI.
        log: Where its output can be read: a local path or an address.
        followers: The jobs that run after it on the same machine, in that order (see `Backend.submit`).
    """

    job_id: str
    scratch: str
    log: str
    followers: tuple["Submission", ...] = ()


class Stream(Enum):
    """The two streams of a job's output."""

    STDOUT = "stdout"
    STDERR = "stderr"


NO_OPTIONS: Final = JobOptions()
"""The options of a job for which none are set."""


IsPublished = Callable[[], bool]
"""Whether another process has published the result of a job meanwhile."""


def never_published() -> bool:
    """Answer that no other process publishes results."""
    return False


LOCAL_POLL_ERROR_TIMEOUT_S: Final = 60.0
"""Seconds for which the polls of a backend on this machine may fail."""


class Backend(Protocol):
    """Where jobs run."""

    @property
    def interval_s(self) -> float:
        """The suitable time between two calls of `poll`, in seconds."""

    @property
    def poll_error_timeout_s(self) -> float:
        """Seconds for which `poll` may fail before its jobs are given up."""

    @property
    def job_ended(self) -> Event:
        """Set when a job has ended, by a backend that notices this without `poll`; the others never set it.

        Whoever polls clears it before, and sets it to end the wait for the next poll.
        """

    @property
    def name(self) -> str:
        """Its name in settings: local, docker, batch."""

    @property
    def moves_files(self) -> bool:
        """Whether each job fetches its inputs from somewhere else and uploads its outputs there.

        A step is then computed in the same job as the one before it unless its options forbid it, if it needs the same
        CPUs and memory: that costs nothing, and spares moving the files.
        """

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        """Return the version of each tool for jobs with these options; may pull an image or start a job.

        Raises:
            ResourceError: a tool is missing; the message names the command that installs it.
        """

    def known_tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str] | None:
        """Like `tool_versions`, but never starts a job or pulls an image: None if the versions are not known yet.

        Raises:
            ResourceError: a tool is known to be missing.
        """

    def submit(
        self,
        job: Job,
        fingerprint: str = "",
        is_published: IsPublished = never_published,
        followers: Sequence[Job] = (),
    ) -> Submission:
        """Submit a job; return at once.

        Args:
            job: The job.
            fingerprint: Identifies the job's result across processes and machines. A backend whose jobs outlive the
                process that submitted them adopts one of the same fingerprint instead of starting it a second time.
            is_published: Asked just before the job starts: whether another process has published its result meanwhile.
                Then the job is cancelled.
            followers: Jobs that run after it, one after the other, with the same CPUs and memory, as one job of the
                backend. Each reads the outputs of those before it from their working folders, is polled, cancelled and
                discarded by an id of its own, and has its own log and report. If one does not succeed, those after it
                are cancelled. Outputs that only they read are not published (see `Output.only_for`). A backend that
                cannot do so submits none of them: `Submission.followers` is empty.

        Raises:
            ResourceError: the job needs more resources than the backend can ever provide.
        """

    def identify(self, job_id: str, fingerprint: str) -> None:
        """State the fingerprint of a follower, which is known once its inputs are; does nothing if it was discarded."""

    def can_adopt(self, fingerprint: str) -> bool:
        """Whether there is a job with this fingerprint, of this or an earlier process, that `submit` would adopt."""

    def poll(self, job_ids: Collection[str]) -> Mapping[str, Status]:
        """Return the present status of each of these jobs.

        The backend retries transient errors of its service before it raises them.

        Raises:
            KeyError: the backend does not know such a job, or has discarded it.
        """

    def cancel(self, job_id: str) -> None:
        """End a job and all it started; does nothing if it is over or was discarded."""

    def read_log(self, job_id: str, stream: Stream, offset: int) -> bytes:
        """Return what the job has printed on that stream from `offset` bytes on."""

    def stop_listing_tools(self) -> None:
        """Have `tool_versions` wait for no job any longer, but raise a ResourceError: the run was interrupted."""

    def end_claim(self, job_id: str) -> None:
        """Let other runs compute a job's result, which this one could not publish; its files stay in scratch."""

    def discard(self, job_id: str, *, keep_log: bool = False) -> None:
        """Forget a finished job and free its scratch, once its outputs are published or not needed.

        What cannot be freed is logged: how the job ended does not depend on it.

        Args:
            job_id: The job.
            keep_log: Leave its script, logs and report, for people to read after a failure.

        Raises:
            ValueError: the job is not over.
        """

    def close(self, *, leave_jobs: bool = False) -> None:
        """End all running jobs and free what the backend holds.

        Args:
            leave_jobs: Leave jobs running that can outlive this process, for a later one to adopt.
        """
