"""What a user reads when a command fails or is interrupted: one sentence on stderr, and its exit code."""

import signal

import typer
from typer.core import TyperGroup

from bioinfo_assets.cli.exit_codes import ExitCode
from bioinfo_assets.errors import BioinfoAssetsError, JobError


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
            typer.echo("bioinfo-assets: interrupted: no job is left running; repeat the command to resume", err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from error
