"""The seam between a job and where it runs: submit, poll, cancel, logs.

A backend takes a job, stages its inputs into a scratch folder of that attempt, runs the script there, and leaves the
outputs and a `JobReport` in that folder. It publishes nothing: `launch.publish` moves the outputs to their places, so
that every backend publishes in the same way. Each backend passes the contract suite in `bioinfo_assets_tests/launch`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final, Protocol

from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.launch.outcome import Outcome


class State(Enum):
    """How far a job has come."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to the job."""
        return self in {State.SUCCEEDED, State.FAILED, State.CANCELLED}


@dataclass(frozen=True, slots=True)
class OutputFile:
    """An output as the job left it in its scratch folder.

    Attributes:
        key: The output's key in the job.
        path: Where it lies in scratch: a local path or a URI.
        size: Bytes.
        sha256: Hex digest of its bytes.
        content: `sha256:…` of its canonical form, or None where the output has none.
    """

    key: str
    path: str
    size: int
    sha256: str
    content: str | None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a job used; None where the backend cannot tell.

    Attributes:
        wall_s: Seconds from the script's begin to its end, the reading of its outputs for their digests included.
        cpu_s: Seconds of processor time, of all its processes.
        peak_memory_mib: Resident memory of its largest process in MiB (`ru_maxrss` of getrusage(2)): processes that
            run side by side are not added up.
    """

    wall_s: float
    cpu_s: float | None = None
    peak_memory_mib: float | None = None


@dataclass(frozen=True, slots=True)
class JobReport:
    """What a finished job says of itself.

    Attributes:
        files: Its outputs, in the job's order; empty unless it succeeded.
        facts: What the script told by `fact NAME VALUE`.
        warnings: What the script told by `warn SENTENCE`.
        started: When the script began.
        finished: When it ended.
        usage: Time and memory.
        exit_code: The script's; None where it was never started.
        image: The container image it ran in; empty where it ran in none.
        attempts: How often it was started until this end.
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


@dataclass(frozen=True, slots=True)
class Status:
    """A job at one moment.

    Attributes:
        state: How far it is.
        reason: One sentence for people: why it waits or failed; empty where there is nothing to say.
        report: Present once a job that was started is over.
        outcome: How it came out; present once it is over.
        links: Where people can look at it, by a few words, such as `job` and `log`; as far as that is known by now.
    """

    state: State
    reason: str = ""
    report: JobReport | None = None
    outcome: Outcome | None = None
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Submission:
    """A job that a backend has taken.

    Attributes:
        job_id: The backend's name for it, unique over all its jobs.
        scratch: Where its attempt works: a local path or a URI.
        log: Where its output can be read: a local path or an address.
    """

    job_id: str
    scratch: str
    log: str


class Stream(Enum):
    """The two streams of a job's output."""

    STDOUT = "stdout"
    STDERR = "stderr"


NO_OPTIONS: Final = JobOptions()
"""Those of a job that nobody set any for."""


class Backend(Protocol):
    """Where jobs run."""

    @property
    def interval_s(self) -> float:
        """Seconds from one `poll` to the next that suit it."""

    @property
    def name(self) -> str:
        """What people call it: local, docker, batch."""

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        """The version of each tool as jobs with these options will meet it.

        Raises:
            ResourceError: a tool is missing; the sentence names the command that installs it.
        """

    def known_tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str] | None:
        """Like `tool_versions`, but never starts a job or pulls an image: None if the versions are not known yet.

        Raises:
            ResourceError: a tool is known to be missing.
        """

    def submit(self, job: Job, fingerprint: str = "") -> Submission:
        """Takes a job; returns at once.

        Args:
            job: The job.
            fingerprint: Names what the job makes, over processes and machines. A backend whose jobs outlive the process
                that submitted them takes over one of the same fingerprint instead of starting it a second time.

        Raises:
            ResourceError: the job asks for more than the backend can ever give.
        """

    def poll(self, job_ids: Collection[str]) -> Mapping[str, Status]:
        """The state of each of these jobs now.

        Transient errors of a backend's service are retried by the backend; what it raises here is not.

        Raises:
            KeyError: the backend does not know such a job, or has forgotten it.
        """

    def cancel(self, job_id: str) -> None:
        """Ends a job and all it started; nothing happens to one that is over or forgotten."""

    def read_log(self, job_id: str, stream: Stream, offset: int) -> bytes:
        """What the job has printed on that stream since `offset` bytes."""

    def discard(self, job_id: str, *, keep_log: bool = False) -> None:
        """Forgets a job that is over and frees its scratch, once its outputs are published or not wanted.

        Args:
            job_id: The job.
            keep_log: Leave its script, logs and report for people to read, as one wants of a failed job.

        Raises:
            ValueError: the job is not over.
        """

    def close(self) -> None:
        """Ends whatever still runs and frees what the backend holds."""
