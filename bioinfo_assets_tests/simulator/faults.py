"""Faults for `BatchSimulator.inject`.

Job faults affect the jobs whose name, attempt and array index match; API faults affect the next requests of an action.
Reasons are those of Batch and the ECS agent, with the reports that they are from.
"""

import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import count
from typing import ClassVar

from bioinfo_assets_tests.simulator.retry import AttemptResult

CONTAINER_EXITED = "Essential container in task exited"
NEVER_STARTED = "Task failed to start"
_instances = count(0x0123456789ABCDEF0)


@dataclass(frozen=True, kw_only=True)
class JobFault:
    """A fault of jobs.

    Attributes:
        job: Name of the job, or a shell pattern.
        attempt: Number of the attempt, from 1; None: all attempts.
        index: Index in the array; None: all jobs, in arrays or not.
        queue: Name of the queue; None: all queues.
    """

    job: str = "*"
    queue: str | None = None
    attempt: int | None = None
    index: int | None = None

    def matches(self, name: str, attempt: int, index: int | None, queue: str) -> bool:
        return (
            fnmatchcase(name, self.job)
            and self.queue in {None, queue}
            and self.attempt in {None, attempt}
            and (self.index is None or self.index == index)
        )


@dataclass(frozen=True, kw_only=True)
class Kill(JobFault):
    """A fault that kills a running attempt.

    Attributes:
        after_line: Not before the attempt has printed a line with this text.
        after_s: Delay in seconds.
    """

    after_line: str | None = None
    after_s: float = 0.0

    def result(self) -> AttemptResult | None:
        """The result of the attempt; None if Batch never learns of it."""
        return None


@dataclass(frozen=True, kw_only=True)
class SpotReclaim(Kill):
    """A spot interruption: no exit code and no reason, only a status reason (saebyn/glowing-telegram#564)."""

    def result(self) -> AttemptResult:
        return AttemptResult(f"Host EC2 (instance i-{next(_instances):017x}) terminated.")


@dataclass(frozen=True, kw_only=True)
class Drained(Kill):
    """The machine is drained before it is reclaimed: the container gets a SIGTERM that Batch does not know of (ECS
    developer guide, container-instance-draining). A process that handles it decides on its exit code."""

    def stopped_result(self, code: int) -> AttemptResult:
        """The result of the attempt whose container ended with this exit code."""
        return AttemptResult(CONTAINER_EXITED, None, code)


@dataclass(frozen=True, kw_only=True)
class OutOfMemory(Kill):
    """The kernel kills the container (aws/amazon-ecs-agent#1187).

    Attributes:
        below_mib: The memory that the job would need: jobs with this much are not affected.
    """

    below_mib: int | None = None

    def is_enough(self, memory_mib: int) -> bool:
        """Whether a job with this memory is not affected."""
        return self.below_mib is not None and memory_mib >= self.below_mib

    def result(self) -> AttemptResult:
        return AttemptResult(CONTAINER_EXITED, "OutOfMemoryError: Container killed due to memory usage", 137)


@dataclass(frozen=True, kw_only=True)
class HostLost(Kill):
    """The processes are gone without Batch noticing: the job stays RUNNING until it is terminated."""


@dataclass(frozen=True, kw_only=True)
class NotStarted(JobFault):
    """The attempt fails before it runs.

    Attributes:
        reason: The agent's reason.
    """

    reason: str = "CannotStartContainerError: Error response from daemon"

    def result(self) -> AttemptResult:
        return AttemptResult(NEVER_STARTED, self.reason)


@dataclass(frozen=True, kw_only=True)
class CannotPullContainer(NotStarted):
    """The image does not exist or may not be pulled."""

    reason: str = (
        "CannotPullContainerError: Error response from daemon: pull access denied for image, repository does not exist"
        " or may require 'docker login'"
    )


@dataclass(frozen=True, kw_only=True)
class DockerTimeout(NotStarted):
    """Docker timed out."""

    reason: str = "DockerTimeoutError: Could not transition to started; timed out after waiting 3m0s"


@dataclass(frozen=True, kw_only=True)
class CannotInspectContainer(JobFault):
    """The work is done, but the agent could not read the exit code (aws/amazon-ecs-agent#2312, nextflow#3091)."""

    def result(self) -> AttemptResult:
        return AttemptResult(
            CONTAINER_EXITED,
            "CannotInspectContainerError: Could not transition to inspecting; timed out after waiting 30s",
        )


@dataclass(frozen=True, kw_only=True)
class Stuck(JobFault):
    """The job stays RUNNABLE until the fault is withdrawn; reasons as in the API reference, JobDetail.statusReason."""

    MAX_RESOURCE: ClassVar[str] = (
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - All compute environments have a maxVcpu setting that is"
        " smaller than the job requirements."
    )
    REQUIREMENT: ClassVar[str] = (
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - All compute environments have no connected instances that meet"
        " the job requirements."
    )
    CAPACITY: ClassVar[str] = (
        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - All compute environments have insufficient capacity to service the"
        " job."
    )
    status_reason: str = REQUIREMENT


@dataclass(frozen=True, kw_only=True)
class Forgotten(JobFault):
    """Batch forgets the job when it is over; see also `BatchSimulator.forget`."""


@dataclass(kw_only=True)
class ApiFault:
    """A fault of the next requests of an action.

    Attributes:
        action: Action of Batch or CloudWatch Logs such as `SubmitJob`, or a shell pattern.
        times: Number of requests; -1: all.
        after: Number of requests that succeed first.
        for_s: Seconds after its first request in which the fault lasts, whatever `times` is; None: it is counted.
    """

    action: str = "*"
    times: int = 1
    after: int = 0
    for_s: float | None = None
    _ends_at: float | None = None

    def take(self, action: str) -> bool:
        """Count a request; return whether the fault affects it."""
        if not fnmatchcase(action, self.action):
            return False
        if self.for_s is not None:
            self._ends_at = self._ends_at or time.monotonic() + self.for_s
            return time.monotonic() < self._ends_at
        if self.times == 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


@dataclass(kw_only=True)
class ErrorAnswer(ApiFault):
    """The request fails without effect."""

    status: int = 500
    code: str = "ServerException"
    message: str = "The server could not do it."


@dataclass(kw_only=True)
class Throttled(ErrorAnswer):
    """Too many requests (code and status as reported by nextflow and others)."""

    status: int = 429
    code: str = "TooManyRequestsException"
    message: str = "Too Many Requests"


@dataclass(kw_only=True)
class Denied(ErrorAnswer):
    """A policy forbids the action."""

    status: int = 403
    code: str = "AccessDeniedException"
    message: str = "User: arn:aws:iam::123456789012:user/someone is not authorized to perform this action"


@dataclass(kw_only=True)
class Expired(ErrorAnswer):
    """The temporary credentials of the caller have expired (code and status as AWS answers it for any service)."""

    status: int = 403
    code: str = "ExpiredTokenException"
    message: str = "The security token included in the request is expired"


@dataclass(kw_only=True)
class Disconnected(ApiFault):
    """The connection is closed before the request has any effect."""


@dataclass(kw_only=True)
class AnswerLost(ApiFault):
    """The request has its effect, but the connection is closed without an answer."""


@dataclass(kw_only=True)
class SlowAnswer(ApiFault):
    """The request has its effect, but the answer is late."""

    seconds: float = 1.0


@dataclass(kw_only=True)
class EmptyPage(ApiFault):
    """GetLogEvents returns no events and a new token, although there are more events (API reference, GetLogEvents)."""

    action: str = "GetLogEvents"


@dataclass(frozen=True, kw_only=True)
class Delays:
    """Delays, in seconds of real time.

    Attributes:
        submitted_s: From SUBMITTED to PENDING.
        pending_s: From PENDING to RUNNABLE.
        runnable_s: Minimum time in RUNNABLE.
        starting_s: From STARTING to RUNNING.
        listed_s: From a job's creation until ListJobs returns it.
        described_s: From a job's creation until DescribeJobs returns it.
        logged_s: From a line's printing until CloudWatch Logs returns it.
    """

    submitted_s: float = 0.0
    pending_s: float = 0.0
    runnable_s: float = 0.0
    starting_s: float = 0.0
    listed_s: float = 0.0
    described_s: float = 0.0
    logged_s: float = 0.0
