"""What can go wrong, to be given to `BatchSimulator.inject`.

Job faults befall the jobs whose name, attempt and array index fit; API faults befall the next requests of an action.
The words are those that Batch and the ECS agent say; where they were seen is written beside them.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import count
from typing import ClassVar

from bioinfo_assets_tests.simulator.retry import Ending

CONTAINER_EXITED = "Essential container in task exited"
NEVER_STARTED = "Task failed to start"
_instances = count(0x0123456789ABCDEF0)


@dataclass(frozen=True, kw_only=True)
class JobFault:
    """What befalls a job.

    Attributes:
        job: Its name, or a pattern as a shell's.
        attempt: Which attempt, from 1; None: each.
        index: Which child of an array; None: each, and jobs that are no children.
    """

    job: str = "*"
    attempt: int | None = None
    index: int | None = None

    def befalls(self, name: str, attempt: int, index: int | None) -> bool:
        return (
            fnmatchcase(name, self.job)
            and self.attempt in {None, attempt}
            and (self.index is None or self.index == index)
        )


@dataclass(frozen=True, kw_only=True)
class Kill(JobFault):
    """Ends a running attempt by SIGKILL.

    Attributes:
        after_line: Only once it has printed a line with this text.
        after_s: Only so many seconds later.
    """

    after_line: str | None = None
    after_s: float = 0.0

    def ending(self) -> Ending | None:
        """How the attempt ends; None where nobody tells."""
        return None


@dataclass(frozen=True, kw_only=True)
class SpotReclaim(Kill):
    """EC2 takes the machine back: no exit code and no reason, only a status reason (saebyn/glowing-telegram#564)."""

    def ending(self) -> Ending:
        return Ending(f"Host EC2 (instance i-{next(_instances):017x}) terminated.")


@dataclass(frozen=True, kw_only=True)
class OutOfMemory(Kill):
    """The kernel ends the container (aws/amazon-ecs-agent#1187).

    Attributes:
        below_mib: Only where the job's MEMORY requirement is less than this: what the job would need.
    """

    below_mib: int | None = None

    def is_enough(self, memory_mib: int) -> bool:
        """Whether a job with so much memory is spared."""
        return self.below_mib is not None and memory_mib >= self.below_mib

    def ending(self) -> Ending:
        return Ending(CONTAINER_EXITED, "OutOfMemoryError: Container killed due to memory usage", 137)


@dataclass(frozen=True, kw_only=True)
class HostLost(Kill):
    """The processes are gone and nobody tells: Batch says RUNNING until someone terminates the job."""


@dataclass(frozen=True, kw_only=True)
class NotStarted(JobFault):
    """The attempt fails before it runs.

    Attributes:
        reason: The agent's words.
    """

    reason: str = "CannotStartContainerError: Error response from daemon"

    def ending(self) -> Ending:
        return Ending(NEVER_STARTED, self.reason)


@dataclass(frozen=True, kw_only=True)
class CannotPullContainer(NotStarted):
    """The image is not there, or may not be pulled."""

    reason: str = (
        "CannotPullContainerError: Error response from daemon: pull access denied for image, repository does not exist"
        " or may require 'docker login'"
    )


@dataclass(frozen=True, kw_only=True)
class DockerTimeout(NotStarted):
    """Docker took too long."""

    reason: str = "DockerTimeoutError: Could not transition to started; timed out after waiting 3m0s"


@dataclass(frozen=True, kw_only=True)
class CannotInspectContainer(JobFault):
    """The work is done, yet the agent could not read the exit code (aws/amazon-ecs-agent#2312, nextflow#3091)."""

    def ending(self) -> Ending:
        return Ending(
            CONTAINER_EXITED,
            "CannotInspectContainerError: Could not transition to inspecting; timed out after waiting 30s",
        )


@dataclass(frozen=True, kw_only=True)
class Stuck(JobFault):
    """The job stays RUNNABLE with a status reason, until the fault is withdrawn.

    The texts are in the API reference, JobDetail's statusReason.
    """

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
    """Batch forgets the job as soon as it is over; see also `BatchSimulator.forget`."""


@dataclass(kw_only=True)
class ApiFault:
    """What befalls the next requests of an action.

    Attributes:
        action: As the API calls it, `SubmitJob`, or a pattern as a shell's; `GetLogEvents` and its like too.
        times: How many requests.
        after: How many requests it lets pass first.
    """

    action: str = "*"
    times: int = 1
    after: int = 0

    def strikes(self, action: str) -> bool:
        """Whether it befalls this request; counts."""
        if not fnmatchcase(action, self.action) or self.times == 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


@dataclass(kw_only=True)
class ErrorAnswer(ApiFault):
    """The request is refused, and nothing is done."""

    status: int = 500
    code: str = "ServerException"
    message: str = "The server could not do it."


@dataclass(kw_only=True)
class Throttled(ErrorAnswer):
    """Too many requests (the code and status are those that nextflow and others report of Batch)."""

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
class Disconnected(ApiFault):
    """The connection is closed before anything is done."""


@dataclass(kw_only=True)
class AnswerLost(ApiFault):
    """The request is carried out, and the connection is closed instead of an answer."""


@dataclass(kw_only=True)
class SlowAnswer(ApiFault):
    """The request is carried out, and its answer comes late."""

    seconds: float = 1.0


@dataclass(kw_only=True)
class EmptyPage(ApiFault):
    """GetLogEvents gives no events and another token, though there are some: its reference says that it may."""

    action: str = "GetLogEvents"


@dataclass(frozen=True, kw_only=True)
class Delays:
    """How long things take, in seconds of a clock on the wall.

    Attributes:
        submitted_s: From SUBMITTED to PENDING.
        pending_s: From PENDING to RUNNABLE.
        runnable_s: The least time in RUNNABLE.
        starting_s: From STARTING to RUNNING.
        listed_s: From a job's creation until ListJobs has it.
        described_s: From a job's creation until DescribeJobs has it.
        logged_s: From a line's printing until CloudWatch Logs has it.
    """

    submitted_s: float = 0.0
    pending_s: float = 0.0
    runnable_s: float = 0.0
    starting_s: float = 0.0
    listed_s: float = 0.0
    described_s: float = 0.0
    logged_s: float = 0.0
