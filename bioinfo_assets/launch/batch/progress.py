"""From what is seen of a job to what becomes of it: a pure function."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bioinfo_assets.launch.backend import State, Status
from bioinfo_assets.launch.batch.batch_job import CANCELLED, BatchJob
from bioinfo_assets.launch.batch.classify_outcome import classify, memory_mib, termination_reason, unschedulable
from bioinfo_assets.launch.batch.console_links import links_of, log_stream_of
from bioinfo_assets.launch.batch.limits import Limits
from bioinfo_assets.launch.batch.poller import JobSnapshot
from bioinfo_assets.launch.outcome import Outcome

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

OTHER_TOOLS: Final = "the container image has not the tools"
"""Of the sentence by which `driver.sh` refuses an image whose tag was moved."""


@dataclass(frozen=True, slots=True)
class PollContext:
    """What is the same for all jobs.

    Attributes:
        region: Where Batch is.
        log_group: Of the jobs' logs.
        limits: How long they may wait, how much memory they get.
    """

    region: str
    log_group: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class Progress:
    """What becomes of a job.

    Attributes:
        status: How it is shown.
        attempts: Attempts that its present submission has used up, once that is over.
        log_stream: Of its present attempt.
        memory_mib: With how much it is to be submitted again; 0: it is not.
        ending: For which reason it is to be ended; empty: it is not.
    """

    status: Status
    attempts: int = 0
    log_stream: str = ""
    memory_mib: int = 0
    ending: str = ""


def progress(job: BatchJob, seen: JobSnapshot, view: PollContext) -> Progress:
    """What becomes of a job by what is seen of it."""
    detail = seen.detail
    if detail is None:
        return _ended(job, seen, _forgotten(job), {}, view)
    links = links_of(detail, view.region, view.log_group)
    if seen.is_over:
        return _ended(job, seen, detail, links, view)
    earlier, stream = _earlier(job, detail), log_stream_of(detail)
    if detail["status"] == "RUNNING":
        return Progress(Status(State.RUNNING, earlier, links=links), log_stream=stream)
    why = unschedulable(detail, view.limits.wait_s)
    said = earlier or detail.get("statusReason", "")
    status = Status(State.QUEUED, f"{detail['status']} {said}".strip(), links=links)
    return Progress(status, log_stream=stream, ending=termination_reason(why) if why else "")


def _ended(
    job: BatchJob, seen: JobSnapshot, detail: "JobDetailTypeDef", links: Mapping[str, str], view: PollContext
) -> Progress:
    judged = classify(job.job, detail, seen.told, links.get("log", ""))
    attempts = max(1, len(detail.get("attempts", ())))
    stream = log_stream_of(detail)
    image = detail.get("container", {}).get("image") or job.job.options.image or ""
    report = seen.told.report(job.job, job.folder, image, job.spent + attempts) if seen.told else None
    if judged.outcome is Outcome.SUCCEEDED and report is not None:
        return Progress(Status(State.SUCCEEDED, "", report, Outcome.SUCCEEDED, links), attempts, stream)
    if judged.outcome is Outcome.KILLED or job.ending == CANCELLED:
        return Progress(Status(State.CANCELLED, judged.reason, report, Outcome.KILLED, links), attempts, stream)
    if judged.outcome is Outcome.OUT_OF_MEMORY:
        again = _with_more(job, detail, attempts, view.limits)
        if again:
            reason = (
                f"ran out of memory with {memory_mib(job.job, detail)} MiB: submitted again with {again} MiB "
                f"(attempt {job.spent + attempts + 1} of {job.tries})"
            )
            return Progress(Status(State.QUEUED, reason, links=links), attempts, stream, memory_mib=again)
    return Progress(Status(State.FAILED, judged.reason, report, judged.outcome, links), attempts, stream)


def _with_more(job: BatchJob, detail: "JobDetailTypeDef", attempts: int, limits: Limits) -> int:
    """The memory for another try; 0 where there is no more, or no try left."""
    had = memory_mib(job.job, detail)
    if job.spent + attempts >= job.tries or had >= limits.most_memory_mib:
        return 0
    return min(2 * had, limits.most_memory_mib)


def _forgotten(job: BatchJob) -> "JobDetailTypeDef":
    """What is known of a job that Batch does not know."""
    known: JobDetailTypeDef = {  # type: ignore[typeddict-item] # the others are never read of a job that is over
        "jobId": job.batch_id,
        "statusReason": "Batch does not know the job any more",
    }
    return known


def _earlier(job: BatchJob, detail: "JobDetailTypeDef") -> str:
    """Which attempt this is, and why those before it ended; empty for the first."""
    attempts = detail.get("attempts", ())
    if not attempts and not job.spent:
        return ""
    container = attempts[-1].get("container", {}) if attempts else {}
    last = attempts[-1].get("statusReason", "") if attempts else "running out of memory"
    why = f"{last} {container.get('reason', '')}".strip()
    return f"attempt {job.spent + len(attempts) + 1} of {job.tries} after: {why}"
