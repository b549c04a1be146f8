"""Exit codes, and the translation of errors into one sentence on stderr and an exit code."""

import signal
from enum import IntEnum
from typing import Final

import typer
from typer.core import TyperGroup

from bioinfo_assets.errors import BioinfoAssetsError, JobError


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


class FriendlyErrorsGroup(TyperGroup):
    """A group of commands that prints this project's errors without a traceback."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override] # its base has no public name
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BioinfoAssetsError as error:
            typer.echo(f"bioinfo-assets: {error}", err=True)
            raise typer.Exit(ExitCode.FAILED if isinstance(error, JobError) else ExitCode.BAD_INPUT) from error
        except KeyboardInterrupt as error:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C does not change the exit code
            typer.echo("bioinfo-assets: interrupted; no job is left running, repeat the command to resume", err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from error
