"""The next state of a job, from a snapshot of it: a pure function."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bioinfo_assets.launch.backend import Outcome, State, Status
from bioinfo_assets.launch.batch.attempt_report import ProblemCode
from bioinfo_assets.launch.batch.batch_job import CANCELLED, JobState
from bioinfo_assets.launch.batch.classify_outcome import classify, memory_mib, termination_reason, unschedulable
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.batch.console_links import links_of, log_stream_of
from bioinfo_assets.launch.batch.poller import JobSnapshot

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef


@dataclass(frozen=True, slots=True)
class Progress:
    """The next state of a job.

    Attributes:
        status: Its status.
        attempts: Attempts that its present submission has used up; 0 while it goes on.
        log_stream: CloudWatch stream of its present attempt.
        retry_memory_mib: Memory in MiB to submit it again with; 0 if it is not submitted again.
        termination_reason: Why it is to be terminated; empty if it is not.
        problem_code: Why its driver aborted it, if it did.
    """

    status: Status
    attempts: int = 0
    log_stream: str = ""
    retry_memory_mib: int = 0
    termination_reason: str = ""
    problem_code: ProblemCode | None = None


def progress(job: JobState, snapshot: JobSnapshot, region: str, config: BatchConfig) -> Progress:
    """Compute the next state of a job that is polled."""
    detail = snapshot.detail
    if detail is None:
        return _end(job, snapshot, _forgotten(job), {}, config)
    links = links_of(detail, region, config.log_group)
    if snapshot.is_over:
        return _end(job, snapshot, detail, links, config)
    earlier, stream = _earlier_attempts(job, detail), log_stream_of(detail)
    if detail["status"] == "RUNNING":
        return Progress(Status(State.RUNNING, earlier, links=links), log_stream=stream)
    why = unschedulable(detail, config.queue_timeout_s)
    reason = f"{detail['status']} {earlier or detail.get('statusReason', '')}".strip()
    return Progress(
        Status(State.QUEUED, reason, links=links),
        log_stream=stream,
        termination_reason=termination_reason(why) if why else "",
    )


def _end(
    job: JobState, snapshot: JobSnapshot, detail: "JobDetailTypeDef", links: Mapping[str, str], config: BatchConfig
) -> Progress:
    attempt_report = snapshot.report
    result = classify(job.job, detail, attempt_report, links.get("log", ""))
    attempts = max(1, len(detail.get("attempts", ())))
    stream = log_stream_of(detail)
    report = None
    if attempt_report is not None and job.submission is not None:
        image = detail.get("container", {}).get("image") or job.job.options.image or ""
        report = attempt_report.job_report(job.job, job.submission.folder, image, job.spent + attempts)
    if result.outcome is Outcome.SUCCEEDED and report is not None:
        return Progress(Status(State.SUCCEEDED, "", report, Outcome.SUCCEEDED, links), attempts, stream)
    if result.outcome is Outcome.KILLED or job.termination_reason == CANCELLED:
        return Progress(Status(State.CANCELLED, result.reason, report, Outcome.KILLED, links), attempts, stream)
    if result.outcome is Outcome.OUT_OF_MEMORY:
        had_mib = memory_mib(job.job, detail)
        if job.spent + attempts < job.max_attempts and had_mib < config.max_memory_mib:
            retry_mib = min(2 * had_mib, config.max_memory_mib)
            reason = (
                f"ran out of memory with {had_mib} MiB: submitted again with {retry_mib} MiB "
                f"(attempt {job.spent + attempts + 1} of {job.max_attempts})"
            )
            return Progress(Status(State.QUEUED, reason, links=links), attempts, stream, retry_memory_mib=retry_mib)
    status = Status(State.FAILED, result.reason, report, result.outcome, links)
    return Progress(
        status, attempts, stream, problem_code=attempt_report.problem_code if attempt_report is not None else None
    )


def _forgotten(job: JobState) -> "JobDetailTypeDef":
    """A description of a job that Batch does not know any longer."""
    detail: JobDetailTypeDef = {  # type: ignore[typeddict-item] # the others are never read of a job that is over
        "jobId": job.submission.batch_id if job.submission is not None else "",
        "statusReason": "AWS Batch does not know the job any longer",
    }
    return detail


def _earlier_attempts(job: JobState, detail: "JobDetailTypeDef") -> str:
    """Which attempt this is, and why the one before it ended; empty for the first."""
    attempts = detail.get("attempts", ())
    if not attempts and not job.spent:
        return ""
    container = attempts[-1].get("container", {}) if attempts else {}
    last = attempts[-1].get("statusReason", "") if attempts else "running out of memory"
    why = f"{last} {container.get('reason', '')}".strip()
    return f"attempt {job.spent + len(attempts) + 1} of {job.max_attempts} after: {why}"
