"""The outcome of a job, from what Batch reports and from the report of its last attempt.

Batch's reasons are read before exit codes: 137 may mean lack of memory, a reclaimed machine or a terminated job, and
some failures have no exit code at all. A report with all outputs comes before both: Batch reports
`CannotInspectContainerError` for jobs that succeeded (AWS Batch user guide, troubleshooting).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bioinfo_assets.launch.backend import Outcome
from bioinfo_assets.launch.batch.attempt_report import AttemptReport
from bioinfo_assets.launch.batch.queue_wait import NO_MACHINE
from bioinfo_assets.launch.failure import FULL_DISK, SIGKILL, FailureEvidence, failure_reason
from bioinfo_assets.launch.job import Job

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

HOST_GONE: Final = "Host EC2"
"""How the status reason of an attempt begins whose machine was reclaimed."""

NOT_STARTED: Final = "Task failed to start"
"""How the status reason of an attempt begins whose container never ran: its image could not be pulled, an agent timed
out, or a machine was short of something."""

STOPPED: Final = 143
"""The exit code after a SIGTERM that is not from TerminateJob, which ends a job for good: a machine that is drained
before it is reclaimed stops its containers."""

TRY_AGAIN: Final = 75
"""The exit code of `driver.sh` if another attempt or machine may succeed: staging, uploads and the lack of disk space
(EX_TEMPFAIL of sysexits.h)."""

_KILLED: Final = 128 + SIGKILL
_OWN_TERMINATION: Final = "bioinfo-assets: "
_REASON_PREFIXES: Final = (
    # How the job's status reason or its container's reason begins, and the outcome.
    (HOST_GONE, Outcome.RECLAIMED),
    ("OutOfMemoryError", Outcome.OUT_OF_MEMORY),
    ("CannotPullContainer", Outcome.IMAGE_MISSING),
    ("CannotPullImage", Outcome.IMAGE_MISSING),
    ("Job attempt duration exceeded timeout", Outcome.TIMED_OUT),
    ("DockerTimeoutError", Outcome.LOST),
    ("CannotInspectContainerError", Outcome.LOST),
)
_EXITED_BY_ITSELF: Final = "Essential container in task exited"
"""Batch's status reason of a container that exited by itself; any other is the reason of a user's termination."""
_JAVA_HEAP: Final = "java.lang.OutOfMemoryError"


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """The outcome of a job, and one sentence with the reason."""

    outcome: Outcome
    reason: str


def classify(job: Job, detail: "JobDetailTypeDef", report: AttemptReport | None, log: str) -> JobOutcome:
    """Classify a job that is over.

    Args:
        job: The job.
        detail: Batch's description of it.
        report: The report of its last attempt, if there is one.
        log: Address of its log.
    """
    if report is not None and report.is_done:
        return JobOutcome(Outcome.SUCCEEDED, "")
    outcome = outcome_of(detail, report)
    if outcome is Outcome.FAILED and report is not None:
        if report.script.problem:
            return JobOutcome(outcome, report.script.problem)
        if report.exit is not None and not any(message in report.stderr for message in FULL_DISK):
            evidence = FailureEvidence(report.exit.exit_code, "", report.stderr, log, "")
            return JobOutcome(outcome, failure_reason(job, evidence))
    description = _describe(outcome, job, detail, report)
    return JobOutcome(outcome, f"step {job.key.label} {description}{f'; its log is {log}' if log else ''}")


def outcome_of(detail: "JobDetailTypeDef", report: AttemptReport | None) -> Outcome:
    """The outcome of a job whose report does not show that it succeeded."""
    status_reason = detail.get("statusReason", "")
    if status_reason.startswith(_OWN_TERMINATION):
        return Outcome.UNSCHEDULABLE if NO_MACHINE in status_reason else Outcome.KILLED
    reasons = (status_reason, detail.get("container", {}).get("reason", ""))
    for prefix, outcome in _REASON_PREFIXES:
        if any(reason.startswith(prefix) for reason in reasons):
            return outcome
    code = _exit_code(detail, report)
    was_terminated = code in {_KILLED, STOPPED} and status_reason and not status_reason.startswith(_EXITED_BY_ITSELF)
    if was_terminated or detail.get("isTerminated") or detail.get("isCancelled"):
        return Outcome.KILLED
    if code == STOPPED:
        return Outcome.RECLAIMED
    if code == _KILLED or (report is not None and _JAVA_HEAP in report.stderr):
        return Outcome.OUT_OF_MEMORY
    return Outcome.FAILED if code else Outcome.LOST  # 0: it succeeded, but its report is gone


def _exit_code(detail: "JobDetailTypeDef", report: AttemptReport | None) -> int | None:
    """The container's exit code; where Batch has none, the script's in the form of a shell."""
    code = detail.get("container", {}).get("exitCode")
    if code is None and report is not None and report.exit is not None:
        code = report.exit.exit_code
        return code if code >= 0 else 128 - code
    return code


def was_ended_by_another_run(detail: "JobDetailTypeDef") -> bool:
    """Whether a run that shared the job has cancelled it, or was over when its jobs were reaped."""
    return detail.get("statusReason", "") in {CANCELLED, REAPED}


def termination_reason(reason: str) -> str:
    """The reason to terminate a job with, by which it is recognised as this project's own."""
    return f"{_OWN_TERMINATION}{reason}"


CANCELLED: Final = termination_reason("cancelled")
"""The termination reason of a job that its run has cancelled."""

REAPED: Final = termination_reason("its run is over")
"""The termination reason of an orphaned job."""


def memory_mib(job: Job, detail: "JobDetailTypeDef") -> int:
    """The memory that a job had, which differs from what it requests if it was adopted."""
    requirements = detail.get("container", {}).get("resourceRequirements", ())
    return next((int(item["value"]) for item in requirements if item["type"] == "MEMORY"), job.resources.memory_mib)


def _describe(outcome: Outcome, job: Job, detail: "JobDetailTypeDef", report: AttemptReport | None) -> str:
    """What happened and what to do, as the rest of a sentence that begins with the job."""
    attempts = len(detail.get("attempts", ()))
    in_attempts = f" in {attempts} attempts" if attempts > 1 else ""
    container = detail.get("container", {})
    reason = container.get("reason") or detail.get("statusReason") or "AWS Batch gives no reason"
    status = detail.get("statusReason", "").removeprefix(_OWN_TERMINATION)
    if outcome is Outcome.FAILED and report is not None and report.exit is not None:
        return "ran out of disk space on its machine: give the compute environment's machines a larger disk"
    if outcome is Outcome.LOST and container.get("exitCode") == 0:
        return "succeeded, but its outputs are gone: another run has published them; run it again to reuse them"
    description = {
        Outcome.OUT_OF_MEMORY: f"ran out of memory with {memory_mib(job, detail)} MiB",
        Outcome.TIMED_OUT: f"took longer than its {detail.get('timeout', {}).get('attemptDurationSeconds', '?')} s",
        Outcome.RECLAIMED: f"lost its machine{in_attempts} ({status})",
        Outcome.KILLED: f"was terminated ({status}): run it again if that was not intended",
        Outcome.IMAGE_MISSING: f"could not get its image {container.get('image', '')}{in_attempts} ({reason})",
        Outcome.UNSCHEDULABLE: f"found {status}",
        Outcome.LOST: f"was lost{in_attempts} ({reason})",
    }.get(outcome, f"failed with exit code {container.get('exitCode')} and left no report ({reason})")
    return f"{description}: {outcome.advice}" if outcome.advice else description
