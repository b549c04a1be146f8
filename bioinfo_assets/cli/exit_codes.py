"""How a command ends: a user's mistake is one sentence on stderr, and the exit code says what kind it was."""

import signal
from enum import IntEnum

import typer
from typer.core import TyperGroup

from bioinfo_assets.errors import BioinfoAssetsError, JobError


class ExitCode(IntEnum):
    """What `bioinfo-assets` tells the program that called it."""

    ALL_WELL = 0
    JOBS_FAILED = 1
    BAD_INPUT = 2
    INTERRUPTED = 130


EXIT_CODES = """Exit codes: 0 all is well; 1 jobs failed, a tool is missing (doctor), or something was found (verify,
diff); 2 what was given is wrong, and nothing was run; 130 interrupted."""


class FriendlyErrorsGroup(TyperGroup):
    """A group of commands that tell the errors of this project's tree without a traceback."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override] # its base has no public name
        """Runs the command that was asked for."""
        try:
            return super().invoke(ctx)
        except BioinfoAssetsError as error:
            typer.echo(f"bioinfo-assets: {error}", err=True)
            raise typer.Exit(ExitCode.JOBS_FAILED if isinstance(error, JobError) else ExitCode.BAD_INPUT) from error
        except KeyboardInterrupt as error:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever presses Ctrl-C twice gets the same exit code
            typer.echo(
                "bioinfo-assets: interrupted; no job is left running, and the same command goes on from here", err=True
            )
            raise typer.Exit(ExitCode.INTERRUPTED) from error
