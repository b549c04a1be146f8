"""Why a job failed, as one sentence for the person whose job it was."""

from dataclasses import dataclass
from typing import Final

from bioinfo_assets.launch.job import Job

SIGKILL: Final = 9
_KILLED: Final = frozenset({-SIGKILL, 128 + SIGKILL})  # the script itself, or one of its commands as bash tells of it
FULL_DISK: Final = ("No space left on device", "Disk quota exceeded")  # strerror(3) of ENOSPC and EDQUOT


@dataclass(frozen=True, slots=True)
class Remains:
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


def failure_reason(job: Job, left: Remains) -> str:
    """Why a job failed: its own sentence, or else what its exit code and the end of its log say."""
    if left.problem:
        return left.problem
    who = f"step {job.step} of {job.subject}"
    if any(words in left.stderr for words in FULL_DISK):
        return (
            f"{who} found no space left in {left.scratch}: free some there, or set scratch to a folder on a larger disk"
        )
    if left.exit_code in _KILLED:
        return (
            f"{who} was killed by the system, probably because memory ran out (it asked for {job.resources.memory_mib} "
            f"MiB): raise the step's memory setting, or run fewer jobs at once; its log is {left.log}"
        )
    ended = (
        f"failed with exit code {left.exit_code}" if left.exit_code >= 0 else f"was ended by signal {-left.exit_code}"
    )
    lines = [line.strip() for line in left.stderr.splitlines() if line.strip()]
    return f"{who} {ended}: {lines[-1] if lines else 'it said nothing on stderr'}; its log is {left.log}"
