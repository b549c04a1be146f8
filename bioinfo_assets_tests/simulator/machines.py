"""Queues and compute environments; a test says which there are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from bioinfo_assets_tests.simulator.job import Shape

UNLIMITED_VCPUS = 1_000_000
GRACE_S = 30  # User Guide, "Job timeouts": from SIGTERM to SIGKILL


@dataclass(frozen=True)
class World:
    """What jobs run in.

    Attributes:
        folder: Where each attempt gets a folder.
        environment: The variables of every container, beside Batch's and the job's.
        queues: By ARN.
        max_running: How many jobs may be STARTING or RUNNING at once.
        second_s: How long one second of Batch's timeouts and graces takes.
        images: Those that can be pulled; None: all.
    """

    folder: Path
    environment: Mapping[str, str]
    queues: "Mapping[str, Queue]"
    max_running: int
    second_s: float
    images: Collection[str] | None

    @property
    def grace_s(self) -> float:
        return GRACE_S * self.second_s


@dataclass
class Queue:
    """A job queue with one compute environment of its own.

    Attributes:
        name: Of the queue; its environment is `NAME-machines`.
        enabled: Whether it takes jobs.
        valid: Whether Batch holds it for usable.
        fair_share: Whether it has a scheduling policy, so that jobs must name a share.
        environment_enabled: Whether its compute environment starts machines; jobs stay RUNNABLE where it does not.
        environment_valid: As `valid`; the same goes for jobs.
        max_vcpus: A job that asks for more stays RUNNABLE, with that reason.
        spot: Whether its machines are spot instances.
    """

    name: str
    enabled: bool = True
    valid: bool = True
    fair_share: bool = False
    environment_enabled: bool = True
    environment_valid: bool = True
    max_vcpus: int = UNLIMITED_VCPUS
    spot: bool = False
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
    def starts_machines(self) -> bool:
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
