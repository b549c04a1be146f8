"""Polling of jobs: snapshots from Batch and S3, in few calls for many jobs, and what each means for its job."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bioinfo_assets.launch.backend import JobReport, Outcome, State, Status
from bioinfo_assets.launch.batch.attempt_report import AttemptReport, ProblemCode, newest_report, read_report
from bioinfo_assets.launch.batch.batch_job import BatchJob, BatchSubmission, JobState, Resubmission
from bioinfo_assets.launch.batch.classify_outcome import (
    CANCELLED,
    classify,
    termination_reason,
    was_ended_by_another_run,
)
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.batch.console_links import links_of, log_stream_of
from bioinfo_assets.launch.batch.job_accounting import NO_TIMES, JobTimes, PartTimes, accounting_of, times_of
from bioinfo_assets.launch.batch.job_parts import JobParts, done_counts, done_report, last_report
from bioinfo_assets.launch.batch.retries import resubmission
from bioinfo_assets.launch.batch.scratch_paths import ScratchPaths, attempt_folder, attempt_number
from bioinfo_assets.storage.store import Store

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef


ENDED: Final = frozenset({"SUCCEEDED", "FAILED"})

_REFRESH_POLLS: Final = 12
"""Polls after which the jobs of an array are described although its summary has not changed: the reason why a job
waits, for example, is not in the summary."""


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """A job at the time of a poll.

    Attributes:
        detail: Batch's description; None if Batch does not know the job.
        report: The report of its last attempt, if it is over; of several parts, that of the one it ended with.
        part: The number of that part.
        previous_end: When the part before it was done; None: it is the first, or the job has only one.
    """

    detail: "JobDetailTypeDef | None"
    report: AttemptReport | None = None
    part: int = 0
    previous_end: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether the job has ended."""
        return self.detail is None or self.detail["status"] in ENDED


class JobPoller:
    """Polls jobs; used by one thread at a time.

    Args:
        client: Client for Batch.
        store: Store for S3.
        config: Poll interval, and how long a new job may be unknown.
    """

    def __init__(self, client: Client, store: Store, config: BatchConfig) -> None:
        self._client = client
        self._store = store
        self._config = config
        self._summaries: dict[str, tuple[object, float]] = {}

    def describe(self, jobs: Sequence[BatchJob]) -> list[tuple[BatchJob, "JobDetailTypeDef | None"]]:
        """Return the jobs that may have changed, with Batch's descriptions of them.

        The jobs of an array are described only when the array's own summary has changed, and from time to time.

        Raises:
            BioinfoAssetsError: Batch cannot be reached or refuses.
        """
        submissions = [(job, job.submission) for job in jobs]
        parents = {submission.parent for _, submission in submissions} - {""}
        single = [item.batch_id for _, item in submissions if item.batch_id and not item.parent]
        details = self._client.describe([*single, *parents])
        changed = {parent for parent in parents if self._has_changed(parent, details.get(parent))}
        polled = [(job, item) for job, item in submissions if not item.parent or item.parent in changed]
        details |= self._client.describe([item.batch_id for _, item in polled if item.parent])
        now = time.monotonic()
        self._summaries = {
            parent: (_summary(details.get(parent)), now) if parent in changed else self._summaries[parent]
            for parent in parents
        }
        return [(job, details.get(item.batch_id)) for job, item in polled]

    def snapshot(self, submission: BatchSubmission, detail: "JobDetailTypeDef | None") -> JobSnapshot | None:
        """Return a job with its report, if it is over; None while Batch may not list it yet.

        Raises:
            BioinfoAssetsError: its report cannot be read.
        """
        if detail is None:
            if submission.batch_id and submission.age_s < self._config.visibility_grace_s:
                return None
            return JobSnapshot(None, newest_report(self._store, submission.folder))
        if detail["status"] not in ENDED:
            return JobSnapshot(detail)
        attempts = len(detail.get("attempts", ()))
        last = attempt_folder(submission.folder, submission.batch_id, max(1, attempts))
        report = read_report(self._store, last)
        if attempts > 1 and (report is None or not report.is_done):
            report = newest_report(self._store, submission.folder)
        return JobSnapshot(detail, report)

    def with_done_parts(
        self, jobs: Sequence[BatchJob], paths: ScratchPaths
    ) -> list[tuple[BatchJob, "JobDetailTypeDef | None"]]:
        """Return the jobs of which parts are done that are not entered yet, with Batch's descriptions of them.

        One call of S3 lists them for all jobs.

        Raises:
            BioinfoAssetsError: AWS cannot be reached or refuses.
        """
        fused = [(job, paths.parts_of(job.state.folder)) for job in jobs if job.parts.are_several]
        if not fused:
            return []
        counts = done_counts(self._store.list(paths.parts, recursive=True))
        new = [job for job, marks in fused if job.parts.has_news(counts.get(marks, 0))]
        details = self._client.describe([job.submission.batch_id for job in new]) if new else {}
        return [(job, details.get(job.submission.batch_id)) for job in new]

    def part_snapshot(
        self, job: BatchJob, detail: "JobDetailTypeDef | None", paths: ScratchPaths
    ) -> JobSnapshot | None:
        """Like `snapshot`, for a job of several parts; those that are done are entered first.

        Raises:
            BioinfoAssetsError: a report cannot be read.
        """
        submission = job.submission
        if detail is None and submission.batch_id and submission.age_s < self._config.visibility_grace_s:
            return None
        if detail is not None and detail["status"] not in ENDED:
            return JobSnapshot(detail)
        self.finish_parts(job, detail, paths)
        marks = paths.parts_of(job.state.folder)
        part = job.parts.first + job.parts.current
        report = done_report(self._store, marks, part)
        if report is None and detail is not None:
            attempts = max(1, len(detail.get("attempts", ())))
            last = attempt_folder(submission.folder, submission.batch_id, attempts)
            report = last_report(self._store, last, part)
        return JobSnapshot(detail, report, part, self._previous_end(job.parts, marks))

    def finish_parts(self, job: BatchJob, detail: "JobDetailTypeDef | None", paths: ScratchPaths) -> None:
        """Enter the ends of all parts that are done, but for the last, whose end is that of the job.

        Raises:
            BioinfoAssetsError: a report cannot be read.
        """
        state, marks = job.state, paths.parts_of(job.state.folder)
        while (part := job.parts.current) < len(job.parts.jobs) - 1:
            number = job.parts.first + part
            found = done_report(self._store, marks, number)
            if found is None:
                return
            snapshot = JobSnapshot(detail, found, number, self._previous_end(job.parts, marks))
            job.parts.finish(part, _end_of_part(replace(state, job=job.parts.current_job(state.job)), snapshot))

    def _previous_end(self, parts: JobParts, marks: str) -> float | None:
        """When the part before the present one was done, which an earlier run may have submitted."""
        if parts.current:
            return parts.last_end
        found = done_report(self._store, marks, parts.first - 1) if parts.first else None
        return found.end if found is not None else None

    def _has_changed(self, parent: str, detail: "JobDetailTypeDef | None") -> bool:
        summary, at = self._summaries.get(parent, (None, 0.0))
        is_outdated = time.monotonic() - at > _REFRESH_POLLS * self._config.poll_interval_s
        return detail is None or detail["status"] in ENDED or is_outdated or summary != _summary(detail)


def _summary(parent: "JobDetailTypeDef | None") -> object:
    """What changes in the description of an array when one of its jobs changes its state."""
    if parent is None:
        return None
    return parent["status"], dict(parent.get("arrayProperties", {}).get("statusSummary", {}))


@dataclass(frozen=True, slots=True)
class Progress:
    """The next state of a job.

    Attributes:
        status: Its status.
        attempts: Attempts that its present submission has used up; 0 while it goes on.
        log_stream: CloudWatch stream of its present attempt.
        resubmission: How to submit it again; None if it is not submitted again.
        termination_reason: Why it is to be terminated; empty if it is not.
        problem_code: Why its driver aborted it, if it did.
        times: The times of its present submission, if that has ended and the job is submitted again.
    """

    status: Status
    attempts: int = 0
    log_stream: str = ""
    resubmission: Resubmission | None = None
    termination_reason: str = ""
    problem_code: ProblemCode | None = None
    times: JobTimes = NO_TIMES


def progress(
    job: JobState, snapshot: JobSnapshot, region: str, config: BatchConfig, reason_to_give_up: str = ""
) -> Progress:
    """Compute the next state of a job that is polled.

    Args:
        job: Its present state.
        snapshot: What the poll returned.
        region: The region in which jobs run.
        config: The settings of AWS Batch.
        reason_to_give_up: Why a job that waits will get no machine; empty if it may still get one.
    """
    detail = snapshot.detail
    if detail is None:
        return _end(job, snapshot, _forgotten(job), {}, config)
    links = links_of(detail, region, config.log_group)
    if snapshot.is_over:
        return _end(job, snapshot, detail, links, config)
    earlier, stream = _earlier_attempts(job, detail), log_stream_of(detail)
    if detail["status"] == "RUNNING":
        return Progress(Status(State.RUNNING, earlier, links=links), log_stream=stream)
    reason = f"{detail['status']} {earlier or detail.get('statusReason', '')}".strip()
    return Progress(
        Status(State.QUEUED, reason, links=links),
        log_stream=stream,
        termination_reason=termination_reason(reason_to_give_up) if reason_to_give_up else "",
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
        report = _report(job, detail, snapshot, job.spent + attempts, is_last=True)
    if result.outcome is Outcome.SUCCEEDED and report is not None:
        return Progress(Status(State.SUCCEEDED, "", report, Outcome.SUCCEEDED, links), attempts, stream)
    if was_ended_by_another_run(detail) and not job.termination_reason and job.spent + attempts < job.max_attempts:
        status = Status(State.QUEUED, "another run has ended the job: submitted again", links=links)
        return Progress(status, attempts, stream, resubmission=Resubmission(), times=times_of(detail))
    if result.outcome is Outcome.KILLED or job.termination_reason == CANCELLED:
        return Progress(Status(State.CANCELLED, result.reason, report, Outcome.KILLED, links), attempts, stream)
    if job.spent + attempts < job.max_attempts:
        again, reason = resubmission(job, detail, result.outcome, config)
        if again is not None:
            reason = f"{reason} (attempt {job.spent + attempts + 1} of {job.max_attempts})"
            status = Status(State.QUEUED, reason, links=links)
            return Progress(status, attempts, stream, resubmission=again, times=times_of(detail))
    status = Status(State.FAILED, result.reason, report, result.outcome, links)
    return Progress(
        status, attempts, stream, problem_code=attempt_report.problem_code if attempt_report is not None else None
    )


def _end_of_part(job: JobState, snapshot: JobSnapshot) -> Status:
    """The status of a part that is done, whatever becomes of the job."""
    detail, attempt_report = snapshot.detail or _forgotten(job), snapshot.report
    if attempt_report is None:
        raise RuntimeError("a part that is done has a report")
    attempts = job.spent + attempt_number(attempt_report.folder)
    return Status(State.SUCCEEDED, "", _report(job, detail, snapshot, attempts, is_last=False), Outcome.SUCCEEDED)


def _report(
    job: JobState, detail: "JobDetailTypeDef", snapshot: JobSnapshot, attempts: int, *, is_last: bool
) -> JobReport | None:
    """The report of a job, or of a part of it; None if its script was never started.

    Args:
        job: The job.
        detail: Batch's description of it.
        snapshot: With the report of the attempt that the job ended with, or that has done the part.
        attempts: How often the job was started until then.
        is_last: Whether the job ends with the part.
    """
    found = snapshot.report
    if found is None or found.exit is None:
        return None
    times = PartTimes(found.exit.started.timestamp(), found.exit.finished.timestamp(), snapshot.previous_end, is_last)
    accounting = accounting_of(job.job, detail, attempt_number(found.folder), job.earlier, times)
    if snapshot.previous_end is not None:  # most attempts may have ended before it
        attempts = 1 + len(times.lost((*job.earlier.attempts, *times_of(detail).attempts)))
    image = detail.get("container", {}).get("image") or job.job.options.image or ""
    return found.job_report(job.job, image, attempts, accounting)


def _forgotten(job: JobState) -> "JobDetailTypeDef":
    """A description of a job that Batch no longer knows."""
    detail: JobDetailTypeDef = {  # type: ignore[typeddict-item] # the others are never read of a job that is over
        "jobId": job.submission.batch_id if job.submission is not None else "",
        "statusReason": "AWS Batch no longer knows the job",
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
