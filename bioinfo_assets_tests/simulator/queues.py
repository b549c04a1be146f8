"""Queues with their compute environments, and how the simulator runs jobs."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from bioinfo_assets_tests.simulator.job import Shape
from bioinfo_assets_tests.simulator.machines import Machine
from bioinfo_assets_tests.simulator.played import Play

UNLIMITED_VCPUS = 1_000_000
GRACE_S = 30  # User Guide, "Job timeouts": from SIGTERM to SIGKILL


@dataclass(frozen=True)
class SimulatorConfig:
    """How jobs run.

    Attributes:
        folder: Has a working folder for each attempt.
        environment: Variables of every container, in addition to those of Batch and the job.
        queues: Queues by ARN.
        max_running: Maximum number of jobs that are STARTING or RUNNING.
        second_s: How long one second of Batch's timeouts and grace periods takes.
        images: Images that can be pulled; None: all.
        play: Plays jobs without a process; None: their commands are run.
    """

    folder: Path
    environment: Mapping[str, str]
    queues: "Mapping[str, Queue]"
    max_running: int
    second_s: float
    images: Collection[str] | None
    play: Play | None = None

    @property
    def grace_s(self) -> float:
        return GRACE_S * self.second_s


@dataclass
class Queue:
    """A job queue with one compute environment of its own.

    Attributes:
        name: Name of the queue; its environment is `NAME-machines`.
        enabled: Whether it accepts jobs.
        valid: Whether its status is VALID.
        fair_share: Whether it has a scheduling policy, so that jobs need a share identifier.
        environment_enabled: Whether its compute environment is enabled; if not, jobs stay RUNNABLE.
        environment_valid: Whether its compute environment is VALID; if not, jobs stay RUNNABLE.
        max_vcpus: Jobs that request more stay RUNNABLE, with that reason.
        spot: Whether its machines are spot instances.
        machines: Its machines, which hold as many jobs as they have CPUs and memory for, the first job in the queue
            before all others; none: as many jobs as `max_running` run, whatever they request.
    """

    name: str
    enabled: bool = True
    valid: bool = True
    fair_share: bool = False
    environment_enabled: bool = True
    environment_valid: bool = True
    max_vcpus: int = UNLIMITED_VCPUS
    spot: bool = False
    machines: tuple[Machine, ...] = ()
    account: str = "123456789012"

    @property
    def arn(self) -> str:
        return f"{self._prefix}job-queue/{self.name}"

    @property
    def environment_name(self) -> str:
        return f"{self.name}-machines"

    @property
    def environment_arn(self) -> str:
        return f"{self._prefix}compute-environment/{self.environment_name}"

    @property
    def can_start_machines(self) -> bool:
        return self.environment_enabled and self.environment_valid

    @property
    def _prefix(self) -> str:
        return f"arn:aws:batch:us-east-1:{self.account}:"

    def detail(self) -> Shape:
        """JobQueueDetail."""
        policy = {"schedulingPolicyArn": f"{self._prefix}scheduling-policy/{self.name}"} if self.fair_share else {}
        return policy | {
            "jobQueueName": self.name,
            "jobQueueArn": self.arn,
            "state": "ENABLED" if self.enabled else "DISABLED",
            "status": "VALID" if self.valid else "INVALID",
            "statusReason": "JobQueue Healthy" if self.valid else "ClientError - its environments are not usable",
            "priority": 1,
            "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": self.environment_arn}],
            "jobQueueType": "ECS",
            "tags": {},
        }

    def environment_detail(self) -> Shape:
        """ComputeEnvironmentDetail."""
        healthy = "ComputeEnvironment Healthy"
        return {
            "computeEnvironmentName": self.environment_name,
            "computeEnvironmentArn": self.environment_arn,
            "type": "MANAGED",
            "state": "ENABLED" if self.environment_enabled else "DISABLED",
            "status": "VALID" if self.environment_valid else "INVALID",
            "statusReason": healthy if self.environment_valid else "CLIENT_ERROR - its instance role does not exist",
            "computeResources": {
                "type": "SPOT" if self.spot else "EC2",
                "minvCpus": 0,
                "maxvCpus": self.max_vcpus,
                "desiredvCpus": 0,
                "instanceTypes": ["optimal"],
                "subnets": ["subnet-0123456789abcdef0"],
                "securityGroupIds": ["sg-0123456789abcdef0"],
            },
            "containerOrchestrationType": "ECS",
            "tags": {},
        }
