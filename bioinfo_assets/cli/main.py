"""The program `bioinfo-assets` and its commands."""

import atexit
import gc
import io
import sys
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Final

import typer
from typer.core import TyperCommand, TyperGroup

from bioinfo_assets.cli.error_messages import FriendlyErrorsGroup
from bioinfo_assets.cli.exit_codes import EXIT_CODES
from bioinfo_assets.errors import suggest

COMMANDS: Final[Mapping[str, str]] = {
    "run": "run",
    "demo": "demo",
    "prepare-samples": "prepare_samples",
    "status": "status",
    "qc": "qc",
    "report": "report",
    "log": "log",
    "diff": "diff",
    "verify": "verify",
    "import": "import_",
    "sync": "sync",
    "crate": "crate",
    "gc": "gc",
    "samples": "samples",
    "jobs": "jobs",
    "doctor": "doctor",
    "igv": "igv",
    "dagit": "dagit",
}
"""By command: its module, which contains a function or a group of commands of the same name."""


class Commands(FriendlyErrorsGroup):
    """The commands of `COMMANDS`. Each is imported only when needed, since importing all of them takes long."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override] # its base has no public name
        """Return the names of the commands, in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | TyperGroup | None:  # type: ignore[override]
        """Return a command; None if neither it nor one with a similar name exists."""
        if cmd_name not in COMMANDS:
            similar = suggest(cmd_name, COMMANDS)
            if similar:
                ctx.fail(f"No such command {cmd_name!r}. Did you mean {similar!r}?")
            return None
        name = COMMANDS[cmd_name]
        implementation = getattr(import_module(f"bioinfo_assets.cli.{name}"), name)
        if not isinstance(implementation, typer.Typer):
            single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")
            single.command(cmd_name, epilog=EXIT_CODES)(implementation)
            implementation = single
        command = typer.main.get_command(implementation)
        command.name = cmd_name
        return command  # type: ignore[return-value] # one of typer's own two classes, according to its docs


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # it reflows paragraphs
    epilog=EXIT_CODES,
    help="Whole-genome read alignment as Dagster assets: FASTQs to BAMs, metrics and a report.",
)


def _print_version(requested: bool) -> None:  # noqa: FBT001 - typer's signature of a callback
    if requested:
        from importlib.metadata import version  # noqa: PLC0415 - it would slow down every command

        typer.echo(f"bioinfo-assets {version('bioinfo-assets')}")
        raise typer.Exit


@app.callback()
def before_any_command(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Whole-genome read alignment as Dagster assets: FASTQs to BAMs, metrics and a report."""
    # A path may have characters that the locale has not, or bytes that are no UTF-8: it is shown with escapes.
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # Dagster's warnings address its developers, not users of a command
    # Python looks for unreachable cycles after each 700 new objects, of which the import of Dagster makes 350,000.
    gc.set_threshold(10_000, 20, 20)
    # It also looks for them as it exits, which takes 0.4 s once Dagster is imported.
    atexit.register(gc.freeze)
