"""The accounting of a job on AWS Batch: from Batch's description of it, and from the report of its driver."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bioinfo_assets.launch.accounting import Accounting
from bioinfo_assets.launch.job import Job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_batch.type_defs import AttemptDetailTypeDef, JobDetailTypeDef


@dataclass(frozen=True, slots=True)
class JobTimes:
    """The times of submissions that have ended.

    Attributes:
        queued_s: Seconds in which the job waited.
        ran_s: Seconds in which its attempts ran.
    """

    queued_s: float = 0.0
    ran_s: float = 0.0

    def plus(self, other: "JobTimes") -> "JobTimes":
        """The sum of both."""
        return JobTimes(self.queued_s + other.queued_s, self.ran_s + other.ran_s)


NO_TIMES: Final = JobTimes()
"""The times of a job that was not submitted before."""


def times_of(detail: "JobDetailTypeDef") -> JobTimes:
    """The times of a submission that has ended, as far as Batch reports them."""
    attempts = detail.get("attempts", ())
    return JobTimes(_queued_s(detail, len(attempts)) or 0.0, _ran_s(attempts))


def accounting_of(
    job: Job, detail: "JobDetailTypeDef", attempt: int, earlier: JobTimes, *, is_first: bool = True
) -> Accounting:
    """The accounting of a job that has ended, or of a part of it.

    Args:
        job: The job.
        detail: Batch's description of its last submission.
        attempt: The number of the attempt of which the outputs are, from 1.
        earlier: The times of its earlier submissions.
        is_first: Whether it is the first part, to which the wait in the queue and the time of lost attempts belong.
    """
    attempts = detail.get("attempts", ())
    others = [item for number, item in enumerate(attempts, start=1) if number != attempt]
    queued_s = _queued_s(detail, attempt)
    return Accounting(
        vcpus=_requirement(detail, "VCPU") or job.resources.cpus,
        memory_mib=_requirement(detail, "MEMORY") or job.resources.memory_mib,
        disk_mib=job.resources.disk_mib,
        queue=(detail.get("jobQueue") or job.options.queue or "").rpartition("/")[2],
        queued_s=(None if queued_s is None else queued_s + earlier.queued_s) if is_first else 0.0,
        retried_s=earlier.ran_s + _ran_s(others) if is_first else 0.0,
    )


def _queued_s(detail: "JobDetailTypeDef", attempt: int) -> float | None:
    """Seconds from a submission to the start of an attempt, without those in which the attempts before it ran.

    Batch reports `startedAt` of each attempt, and of the job itself only if it is not of an array (AWS Batch API
    reference, JobDetail).
    """
    attempts = detail.get("attempts", ())
    created, started = detail.get("createdAt"), None
    if 1 <= attempt <= len(attempts):
        started = attempts[attempt - 1].get("startedAt")
    if started is None and len(attempts) <= 1:
        started = detail.get("startedAt")
    if not created or not started:
        return None
    return max(0.0, (started - created) / 1000 - _ran_s(attempts[: attempt - 1]))


def _ran_s(attempts: "Sequence[AttemptDetailTypeDef]") -> float:
    """Seconds in which attempts ran; one that was never started has no times."""
    spans = [(item.get("startedAt"), item.get("stoppedAt")) for item in attempts]
    return sum(max(0.0, (stopped - started) / 1000) for started, stopped in spans if started and stopped)


def _requirement(detail: "JobDetailTypeDef", kind: str) -> int | None:
    requirements = detail.get("container", {}).get("resourceRequirements", ())
    return next((int(item["value"]) for item in requirements if item["type"] == kind), None)
