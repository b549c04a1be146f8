"""The state of a job, and its descriptions in DescribeJobs and ListJobs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from bioinfo_assets_tests.simulator.logs import GROUP, now_ms
from bioinfo_assets_tests.simulator.retry import AttemptResult

Shape = dict[str, Any]


class Status(Enum):
    """JobStatus."""

    SUBMITTED = "SUBMITTED"
    PENDING = "PENDING"
    RUNNABLE = "RUNNABLE"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def is_over(self) -> bool:
        return self in {Status.SUCCEEDED, Status.FAILED}

    @property
    def is_waiting(self) -> bool:
        """Whether CancelJob has an effect."""
        return self in {Status.SUBMITTED, Status.PENDING, Status.RUNNABLE}


@dataclass(frozen=True)
class Settings:
    """The settings of a job: its definition merged with its request.

    Attributes:
        command: The command, without `Ref::` placeholders.
        environment: The definition's variables and the request's.
        requirements: VCPU, MEMORY and GPU.
        container: The definition's containerProperties.
        retry: retryStrategy.
        timeout: timeout; empty if there is none.
        task_error: Why ECS will reject its task; empty if it will not.
        definition: The name of the job definition.
        share: Share identifier and priority, as in the description.
        tags: The tags.
        parameters: Parameters of the request and the definition.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    requirements: Mapping[str, str]
    container: Mapping[str, Any]
    retry: Mapping[str, Any]
    timeout: Mapping[str, int]
    definition: str
    task_error: str = ""
    share: Mapping[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def memory_mib(self) -> int:
        return int(self.requirements["MEMORY"])

    @property
    def log_group(self) -> str:
        return str(self._log_options.get("awslogs-group", GROUP))

    @property
    def creates_log_group(self) -> bool:
        return self._log_options.get("awslogs-create-group") == "true"

    @property
    def log_prefix(self) -> str:
        return str(self._log_options.get("awslogs-stream-prefix", self.definition))

    @property
    def _log_options(self) -> Mapping[str, str]:
        options: Mapping[str, str] = self.container.get("logConfiguration", {}).get("options", {})
        return options


@dataclass
class Attempt:
    """One start of a job; `task` is the id of its ECS task, the last part of its log stream's name."""

    number: int
    task: str
    log_stream: str | None = None
    started: int | None = None
    stopped: int | None = None
    result: AttemptResult | None = None

    def stream_of(self, settings: Settings) -> str:
        """The name of its log stream."""
        return f"{settings.log_prefix}/default/{self.task}"

    def container(self, account: str) -> Shape:
        result = self.result or AttemptResult("")
        return _present(
            taskArn=f"arn:aws:ecs:us-east-1:{account}:task/AWSBatch-simulator/{self.task}",
            containerInstanceArn=f"arn:aws:ecs:us-east-1:{account}:container-instance/AWSBatch-simulator/0123456789ab",
            logStreamName=self.log_stream,
            exitCode=result.exit_code,
            reason=result.reason,
            networkInterfaces=[],
        )

    def detail(self, account: str) -> Shape:
        """AttemptDetail."""
        return _present(
            container=self.container(account),
            startedAt=self.started,
            stoppedAt=self.stopped,
            statusReason=self.result.status_reason if self.result else None,
        )


@dataclass(eq=False)
class Job:
    """A job: a single one, an array (`children`), or an array's child (`parent`, `index`)."""

    job_id: str
    name: str
    account: str
    queue_arn: str
    definition_arn: str
    settings: Settings
    size: int | None = None
    parent: "Job | None" = None
    index: int | None = None
    status: Status = Status.SUBMITTED
    status_reason: str | None = None
    created: int = field(default_factory=now_ms)
    stopped: int | None = None
    attempts: list[Attempt] = field(default_factory=list)
    children: list["Job"] = field(default_factory=list)
    unfinished: int = 0
    end_reason: str | None = None
    is_cancelled: bool = False
    is_terminated: bool = False
    is_forgotten: bool = False

    @property
    def arn(self) -> str:
        return f"arn:aws:batch:us-east-1:{self.account}:job/{self.job_id}"

    @property
    def attempt(self) -> Attempt:
        """The present or last attempt."""
        return self.attempts[-1]

    def summary(self) -> Shape:
        """JobSummary, as in ListJobs."""
        result = self.attempt.result if self.attempts else None
        container = _present(exitCode=result.exit_code, reason=result.reason) if result and self.status.is_over else {}
        flags = _present(isCancelled=self.is_cancelled or None, isTerminated=self.is_terminated or None)
        return self._common() | flags | ({"container": container} if container else {})

    def detail(self) -> Shape:
        """JobDetail, as in DescribeJobs; like Batch, it lists attempts once they are over."""
        settings = self.settings
        return self._common() | _present(
            jobQueue=self.queue_arn,
            attempts=[attempt.detail(self.account) for attempt in self.attempts if attempt.result],
            retryStrategy={"attempts": 1, "evaluateOnExit": [], **settings.retry},
            timeout=settings.timeout or None,
            dependsOn=[],
            parameters=dict(settings.parameters),
            tags=settings.tags,
            platformCapabilities=["EC2"],
            eksAttempts=[],
            isCancelled=self.is_cancelled,
            isTerminated=self.is_terminated,
            container=self._container(),
            schedulingPriority=settings.share.get("schedulingPriority"),
        )

    def _common(self) -> Shape:
        return _present(
            jobArn=self.arn,
            jobId=self.job_id,
            jobName=self.name,
            jobDefinition=self.definition_arn,
            createdAt=self.created,
            status=self.status.value,
            statusReason=self.status_reason,
            startedAt=self.attempt.started if self.attempts else None,
            stoppedAt=self.stopped,
            shareIdentifier=self.settings.share.get("shareIdentifier"),
            arrayProperties=self._array(),
        )

    def _array(self) -> Shape | None:
        if self.size is None:
            return None if self.index is None else {"index": self.index}
        counted = Counter(child.status for child in self.children)
        if not self.children:
            counted[Status.SUBMITTED] = self.size
        summary = {status.value: counted[status] for status in Status}
        return {"size": self.size, "statusSummary": summary, "statusSummaryLastUpdatedAt": now_ms()}

    def _container(self) -> Shape:
        settings = self.settings
        shown = {name: value for name, value in settings.container.items() if name not in {"vcpus", "memory"}}
        shown |= {
            "command": list(settings.command),
            "environment": [{"name": name, "value": value} for name, value in settings.environment.items()],
            "resourceRequirements": [{"type": kind, "value": value} for kind, value in settings.requirements.items()],
            "volumes": settings.container.get("volumes", []),
            "mountPoints": settings.container.get("mountPoints", []),
            "ulimits": settings.container.get("ulimits", []),
            "secrets": settings.container.get("secrets", []),
            "networkInterfaces": [],
        }
        return shown | (self.attempt.container(self.account) if self.attempts else {})


def _present(**values: Any) -> Shape:
    return {name: value for name, value in values.items() if value is not None}
