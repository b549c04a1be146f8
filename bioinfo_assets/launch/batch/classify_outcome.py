"""How a job came out, by what Batch says of it and what it told itself.

Batch's words come first and exit codes second: 137 stands for memory, for a reclaimed machine and for a job that was
ended alike, and some failures have no exit code at all. The job's own account goes before both where it says that all
was done: `CannotInspectContainerError` is said of jobs that succeeded (AWS Batch user guide, troubleshooting).
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bioinfo_assets.launch.batch.attempt_report import AttemptReport
from bioinfo_assets.launch.failure import FULL_DISK, SIGKILL, FailureEvidence, failure_reason
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.outcome import Outcome

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

_KILLED: Final = 128 + SIGKILL
_TERMINATED_BY_US: Final = "bioinfo-assets: "
_NO_MACHINE: Final = "no machine: "
_REASON_PREFIXES: Final = (
    # Of the job's status reason or its container's reason: what it begins with, and what it means.
    ("Host EC2", Outcome.RECLAIMED),
    ("OutOfMemoryError", Outcome.OUT_OF_MEMORY),
    ("CannotPullContainer", Outcome.IMAGE_MISSING),
    ("CannotPullImage", Outcome.IMAGE_MISSING),
    ("Job attempt duration exceeded timeout", Outcome.TIMED_OUT),
    ("DockerTimeoutError", Outcome.LOST),
    ("CannotInspectContainerError", Outcome.LOST),
)
_ENDED_BY_ITSELF: Final = "Essential container in task exited"
"""What Batch says of a container that ended without its doing; anything else is a person's reason to terminate it."""
_ENDED_FROM_OUTSIDE: Final = frozenset({_KILLED, 128 + 15})
_JAVA_HEAP: Final = "java.lang.OutOfMemoryError"


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """How a job came out, and one sentence of why."""

    outcome: Outcome
    reason: str


def classify(job: Job, detail: "JobDetailTypeDef", told: AttemptReport | None, log: str) -> JobOutcome:
    """Judges a job that is over.

    Args:
        job: The job.
        detail: What Batch says of it.
        told: What its last attempt told of itself, if it came to that.
        log: Where people read its log.
    """
    if told is not None and told.is_done:
        return JobOutcome(Outcome.SUCCEEDED, "")
    outcome = outcome_of(detail, told)
    if outcome is Outcome.FAILED and told is not None:
        if told.told.problem:
            return JobOutcome(outcome, told.told.problem)
        if told.ending is not None and not any(words in told.stderr for words in FULL_DISK):
            left = FailureEvidence(told.ending.exit_code, "", told.stderr, log, "")
            return JobOutcome(outcome, failure_reason(job, left))
    happened = _sentence(outcome, job, detail, told)
    return JobOutcome(outcome, f"step {job.key.label} {happened}{f'; its log is {log}' if log else ''}")


def outcome_of(detail: "JobDetailTypeDef", told: AttemptReport | None) -> Outcome:
    """The kind of ending, for one that did not tell that all was done."""
    said = [detail.get("statusReason", ""), detail.get("container", {}).get("reason", "")]
    if said[0].startswith(_TERMINATED_BY_US):
        return Outcome.UNSCHEDULABLE if _NO_MACHINE in said[0] else Outcome.KILLED
    for sign, outcome in _REASON_PREFIXES:
        if any(words.startswith(sign) for words in said):
            return outcome
    code = _exit_code(detail, told)
    was_ended = code in _ENDED_FROM_OUTSIDE and said[0] and not said[0].startswith(_ENDED_BY_ITSELF)
    if was_ended or detail.get("isTerminated") or detail.get("isCancelled"):
        return Outcome.KILLED
    if code == _KILLED or (told is not None and _JAVA_HEAP in told.stderr):
        return Outcome.OUT_OF_MEMORY
    return Outcome.FAILED if code else Outcome.LOST  # 0: it ended well, yet what it told is not there


def _exit_code(detail: "JobDetailTypeDef", told: AttemptReport | None) -> int | None:
    """The container's as Batch tells it; where it does not, the script's, as a shell would tell it."""
    code = detail.get("container", {}).get("exitCode")
    if code is None and told is not None and told.ending is not None:
        code = told.ending.exit_code
        return code if code >= 0 else 128 - code
    return code


def termination_reason(reason: str) -> str:
    """The reason that a termination by this project gives, by which it is known again."""
    return f"{_TERMINATED_BY_US}{reason}"


def unschedulable(detail: "JobDetailTypeDef", wait_s: float = float("inf")) -> str:
    """Why a job will find no machine, by Batch's own word or after too long a wait; empty where it may still.

    Batch says `MISCONFIGURATION:` of a queue that can never run the job, and `CAPACITY:` of one that waits for machines
    (AWS Batch user guide, jobs stuck in RUNNABLE).
    """
    said = detail.get("statusReason", "")
    if detail["status"] != "RUNNABLE":
        return ""
    if said.startswith("MISCONFIGURATION:"):
        return f"{_NO_MACHINE}{said}"
    since_ms = max([detail["createdAt"], *(attempt.get("stoppedAt", 0) for attempt in detail.get("attempts", ()))])
    waited_s = time.time() - since_ms / 1000
    return f"{_NO_MACHINE}it waited {waited_s:.0f} s{f', {said}' if said else ''}" if waited_s > wait_s else ""


def memory_mib(job: Job, detail: "JobDetailTypeDef") -> int:
    """The memory that a job had, which is another than it asked for where it was taken over."""
    needs = detail.get("container", {}).get("resourceRequirements", ())
    return next((int(need["value"]) for need in needs if need["type"] == "MEMORY"), job.resources.memory_mib)


def _sentence(outcome: Outcome, job: Job, detail: "JobDetailTypeDef", told: AttemptReport | None) -> str:
    """What happened and what to do, as the rest of a sentence that begins with the job."""
    tries = len(detail.get("attempts", ()))
    times = f" in {tries} attempts" if tries > 1 else ""
    container = detail.get("container", {})
    said = container.get("reason") or detail.get("statusReason") or "Batch does not say why"
    status = detail.get("statusReason", "").removeprefix(_TERMINATED_BY_US)
    if outcome is Outcome.FAILED and told is not None and told.ending is not None:
        return "found no space left on its machine: give the compute environment's machines a larger disk"
    if outcome is Outcome.LOST and container.get("exitCode") == 0:
        return "ended well, but what it made is gone: another run has taken it; run it again to use that"
    happened = {
        Outcome.OUT_OF_MEMORY: f"ran out of memory with {memory_mib(job, detail)} MiB",
        Outcome.TIMED_OUT: f"took longer than its {detail.get('timeout', {}).get('attemptDurationSeconds', '?')} s",
        Outcome.RECLAIMED: f"lost its machine{times} ({status})",
        Outcome.KILLED: f"was ended ({status}): run it again if that was not meant",
        Outcome.IMAGE_MISSING: f"could not get its image {container.get('image', '')}{times} ({said})",
        Outcome.UNSCHEDULABLE: f"found {status}",
        Outcome.LOST: f"was lost{times} ({said})",
    }.get(outcome, f"failed with exit code {container.get('exitCode')} and told nothing ({said})")
    return f"{happened}: {outcome.advice}" if outcome.advice else happened
