"""Exit codes."""

from enum import IntEnum
from typing import Final


class ExitCode(IntEnum):
    """The exit codes of `bioinfo-assets`, other than 0 for success."""

    FAILED = 1
    """Jobs failed, or a check (diff, doctor, qc, verify) has findings."""

    BAD_INPUT = 2

    BLOCKED = 3
    """`run --explain`: some results could not be computed."""

    INTERRUPTED = 130


EXIT_CODES: Final = (
    "Exit codes: 0 success; 1 jobs failed, or there are findings (diff, doctor, qc, verify); 2 invalid input, or a "
    "tool, disk space or a service is missing; 3 some results are blocked (run --explain); 130 interrupted."
)
