"""Why a job failed, as one sentence for the person whose job it was."""

from dataclasses import dataclass
from typing import Final

from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.outcome import Outcome

SIGKILL: Final = 9
_KILLED: Final = frozenset({-SIGKILL, 128 + SIGKILL})  # the script itself, or one of its commands as bash tells of it
FULL_DISK: Final = ("No space left on device", "Disk quota exceeded")  # strerror(3) of ENOSPC and EDQUOT

JAVA_ERRORS: Final = ("A USER ERROR has occurred", "Exception in thread")


@dataclass(frozen=True, slots=True)
class FailureEvidence:
    """What a failed job leaves to tell its cause by.

    Attributes:
        exit_code: Its script's, negative for a signal.
        problem: The sentence its script told by `fail`, or nothing.
        stderr: The end of what it said on stderr.
        log: Where all of that can be read.
        scratch: The folder it worked in.
    """

    exit_code: int
    problem: str
    stderr: str
    log: str
    scratch: str


def failure_reason(job: Job, left: FailureEvidence) -> str:
    """Why a job failed: its own sentence, or else what its exit code and the end of its log say."""
    if left.problem:
        return left.problem
    who = f"step {job.key.label}"
    if any(words in left.stderr for words in FULL_DISK):
        return (
            f"{who} found no space left in {left.scratch}: free some there, or set scratch to a folder on a larger disk"
        )
    if left.exit_code in _KILLED:
        return (
            f"{who} was killed by the system, probably because memory ran out (it asked for {job.resources.memory_mib} "
            f"MiB): close other programs, or let fewer jobs run at once by a smaller `cpus`; its log is {left.log}"
        )
    ended = (
        f"failed with exit code {left.exit_code}" if left.exit_code >= 0 else f"was ended by signal {-left.exit_code}"
    )
    return f"{who} {ended}: {_cause_line(left.stderr) or 'it said nothing on stderr'}; its log is {left.log}"


def failure_outcome(left: FailureEvidence) -> Outcome:
    """How a job that failed came out. A job that SIGKILL ended was short of memory as far as this machine can tell."""
    return Outcome.OUT_OF_MEMORY if left.exit_code in _KILLED and not left.problem else Outcome.FAILED


def timeout_reason(job: Job, log: str) -> str:
    """Why a job was ended at its time limit, and what to do."""
    return (
        f"step {job.key.label} was ended after {job.options.timeout_s} s, the time it was given: "
        f"{Outcome.TIMED_OUT.advice} if it was at work; its log is {log}"
    )


def out_of_memory_reason(job: Job, memory_mib: int, log: str) -> str:
    """Why a job was ended that needed more memory than it was held to, and what to do."""
    return (
        f"step {job.key.label} ran out of memory, of which it was given {memory_mib} MiB: "
        f"{Outcome.OUT_OF_MEMORY.advice}; its log is {log}"
    )


def _cause_line(stderr: str) -> str:
    r"""The line that tells the cause: GATK's and Java's own, which more lines follow, or else the last.

    >>> _cause_line("A USER ERROR has occurred: no such contig\nSet the system property GATK_STACKTRACE\n")
    'A USER ERROR has occurred: no such contig'
    """
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(JAVA_ERRORS)]
    return (telling or lines or [""])[-1]
