"""Why a job failed, as one sentence for the user."""

from dataclasses import dataclass
from typing import Final

from bioinfo_assets.launch.backend import Outcome
from bioinfo_assets.launch.job import Job

SIGKILL: Final = 9
_KILLED: Final = frozenset({-SIGKILL, 128 + SIGKILL})  # the script itself, or one of its commands as bash reports it
FULL_DISK: Final = ("No space left on device", "Disk quota exceeded")  # strerror(3) of ENOSPC and EDQUOT

JAVA_ERRORS: Final = ("A USER ERROR has occurred", "Exception in thread")


@dataclass(frozen=True, slots=True)
class FailureEvidence:
    """What a failed job leaves, from which its cause is derived.

    Attributes:
        exit_code: That of its script, negative for a signal.
        problem: The message of its script's `fail`, or empty.
        stderr: The end of its standard error.
        log: Where all of its standard error can be read.
        scratch: The folder it worked in.
    """

    exit_code: int
    problem: str
    stderr: str
    log: str
    scratch: str


def failure_reason(job: Job, evidence: FailureEvidence) -> str:
    """Return why a job failed: its own message, or one derived from its exit code and the end of its log."""
    if evidence.problem:
        return evidence.problem
    name = f"step {job.key.label}"
    if any(message in evidence.stderr for message in FULL_DISK):
        return (
            f"{name} ran out of disk space in {evidence.scratch}: free some there, or set scratch to a folder on a "
            "larger disk"
        )
    if evidence.exit_code in _KILLED:
        return (
            f"{name} was killed by the system, probably because memory ran out (it needs {job.resources.memory_mib} "
            f"MiB): close other programs, or let fewer jobs run at once by a smaller `cpus`; its log is {evidence.log}"
        )
    code = evidence.exit_code
    ended = f"failed with exit code {code}" if code >= 0 else f"was ended by signal {-code}"
    cause = _cause_line(evidence.stderr) or "it printed nothing to stderr"
    return f"{name} {ended}: {cause}; its log is {evidence.log}"


def failure_outcome(evidence: FailureEvidence) -> Outcome:
    """Return the outcome of a failed job; SIGKILL is taken for a lack of memory, its usual cause on one machine."""
    return Outcome.OUT_OF_MEMORY if evidence.exit_code in _KILLED and not evidence.problem else Outcome.FAILED


def timeout_reason(job: Job, log: str) -> str:
    """Return the message for a job that was ended at its time limit."""
    return (
        f"step {job.key.label} was ended at its time limit of {job.options.timeout_s} s: "
        f"{Outcome.TIMED_OUT.advice} if it was making progress; its log is {log}"
    )


def out_of_memory_reason(job: Job, memory_mib: int, log: str) -> str:
    """Return the message for a job that exceeded its memory limit."""
    return (
        f"step {job.key.label} exceeded its memory limit of {memory_mib} MiB: "
        f"{Outcome.OUT_OF_MEMORY.advice}; its log is {log}"
    )


def _cause_line(stderr: str) -> str:
    r"""Return the line with the cause: that of GATK or Java, which other lines follow, or the last one.

    >>> _cause_line("A USER ERROR has occurred: no such contig\nSet the system property GATK_STACKTRACE\n")
    'A USER ERROR has occurred: no such contig'
    """
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    java_errors = [line for line in lines if line.startswith(JAVA_ERRORS)]
    return (java_errors or lines or [""])[-1]
