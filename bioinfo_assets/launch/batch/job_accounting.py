"""The accounting of a job on AWS Batch: from Batch's description of it, and from the report of its driver."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from bioinfo_assets.launch.accounting import Accounting
from bioinfo_assets.launch.job import Job

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_batch.type_defs import AttemptDetailTypeDef, JobDetailTypeDef


@dataclass(frozen=True, slots=True)
class JobTimes:
    """The times of submissions that have ended.

    Attributes:
        queued_s: Seconds in which the job waited.
        attempts: When its attempts started and stopped, in seconds since the epoch.
    """

    queued_s: float = 0.0
    attempts: tuple[tuple[float, float], ...] = ()

    def plus(self, other: "JobTimes") -> "JobTimes":
        """Both together."""
        return JobTimes(self.queued_s + other.queued_s, (*self.attempts, *other.attempts))


def upload_end(finished: datetime, upload_s: float | None) -> float:
    """When outputs were uploaded, in seconds since the epoch.

    Args:
        finished: The end of the script.
        upload_s: Seconds of the upload, which follows it.
    """
    return finished.timestamp() + (upload_s or 0.0)


@dataclass(frozen=True, slots=True)
class PartTimes:
    """When a part of a job ran, in the attempt that has done it; a job that is not fused is one part.

    Attributes:
        started: The start of its script, in seconds since the epoch.
        finished: The end of its script.
        previous_end: When the part before it was done; None: it is the first.
        is_last: Whether the job ends with it.
    """

    started: float
    finished: float
    previous_end: float | None = None
    is_last: bool = True

    def lost(self, attempts: "Sequence[tuple[float, float]]") -> list[float]:
        """Seconds of each of the job's other attempts in which this part ran in vain.

        An attempt that was interrupted goes on at the part that ran: what was lost is the time since the part before it
        was done.
        """
        since = float("-inf") if self.previous_end is None else self.previous_end
        before = [stop - max(start, since) for start, stop in attempts if since < stop <= self.started]
        after = [stop - start for start, stop in attempts if self.is_last and start >= self.finished]
        return before + after


NO_TIMES: Final = JobTimes()
"""The times of a job that was not submitted before."""


def times_of(detail: "JobDetailTypeDef") -> JobTimes:
    """The times of a submission that has ended, as far as Batch reports them."""
    attempts = detail.get("attempts", ())
    return JobTimes(_queued_s(detail, len(attempts)) or 0.0, tuple(_spans(attempts)))


def accounting_of(job: Job, detail: "JobDetailTypeDef", attempt: int, earlier: JobTimes, part: PartTimes) -> Accounting:
    """The accounting of a job that has ended, or of a part of it.

    Args:
        job: The job.
        detail: Batch's description of its last submission.
        attempt: The number of the attempt of which the outputs are, from 1.
        earlier: The times of its earlier submissions.
        part: When it ran. The wait in the queue belongs to the first part.
    """
    attempts = (*earlier.attempts, *_spans(detail.get("attempts", ())))
    is_first = part.previous_end is None
    queued_s = _queued_s(detail, attempt)
    return Accounting(
        vcpus=_requirement(detail, "VCPU") or job.resources.cpus,
        memory_mib=_requirement(detail, "MEMORY") or job.resources.memory_mib,
        disk_mib=job.resources.disk_mib,
        queue=(detail.get("jobQueue") or job.options.queue or "").rpartition("/")[2],
        queued_s=(None if queued_s is None else queued_s + earlier.queued_s) if is_first else 0.0,
        retried_s=sum(part.lost(attempts)),
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
    ran_s = sum(stop - start for start, stop in _spans(attempts[: attempt - 1]))
    return max(0.0, (started - created) / 1000 - ran_s)


def _spans(attempts: "Sequence[AttemptDetailTypeDef]") -> "Iterator[tuple[float, float]]":
    """When attempts started and stopped, in seconds; one that was never started has no times."""
    for item in attempts:
        start, stop = item.get("startedAt"), item.get("stoppedAt")
        if start and stop and stop > start:
            yield start / 1000, stop / 1000


def _requirement(detail: "JobDetailTypeDef", kind: str) -> int | None:
    requirements = detail.get("container", {}).get("resourceRequirements", ())
    return next((int(item["value"]) for item in requirements if item["type"] == kind), None)
