"""`bioinfo-assets`: the commands, and what they say of themselves."""

import sys
import warnings
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Annotated, Final

import typer
from typer.core import TyperCommand, TyperGroup

from bioinfo_assets.cli.exit_codes import EXIT_CODES, FriendlyErrorsGroup

COMMANDS: Final[Mapping[str, str]] = {
    "run": "run",
    "demo": "demo",
    "prepare-samples": "prepare_samples",
    "status": "status",
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
    "dagit": "dagit",
}
"""By name: the module, and the function or group of commands in it, where that has not the module's name."""


class Commands(FriendlyErrorsGroup):
    """The commands of `COMMANDS`; each is imported when it is asked for, since all of them take a while."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override] # its base has no public name
        """Their names, in the order in which help shows them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | TyperGroup | None:  # type: ignore[override]
        """One of them; None where there is none of this name, nor one like it."""
        if cmd_name not in COMMANDS:
            near = get_close_matches(cmd_name, COMMANDS, n=1)
            if near:
                ctx.fail(f"No such command {cmd_name!r}. Did you mean {near[0]!r}?")
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(".")
        found = getattr(import_module(f"bioinfo_assets.cli.{module}"), attribute or module)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command(cmd_name, epilog=EXIT_CODES)(found)
            found = alone
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command  # type: ignore[return-value] # typer's own two classes, by its docs


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog=EXIT_CODES,
    help="Whole-genome read alignment as Dagster assets: FASTQs to BAMs, metrics and a report.",
)


def _say_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - what every command would wait for

        typer.echo(f"bioinfo-assets {version('bioinfo-assets')}")
        raise typer.Exit


@app.callback()
def before_any_command(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Say the version and exit.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    """Whole-genome read alignment as Dagster assets: FASTQs to BAMs, metrics and a report."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # Dagster's words to developers are no help to who runs a command
