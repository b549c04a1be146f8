"""`bioinfo-assets`: the commands, and what they say of themselves."""

import sys
import warnings
from importlib.metadata import version
from typing import Annotated

import typer

from bioinfo_assets.cli.dagit import dagit
from bioinfo_assets.cli.demo import demo
from bioinfo_assets.cli.doctor import doctor
from bioinfo_assets.cli.gc import gc
from bioinfo_assets.cli.import_ import import_
from bioinfo_assets.cli.jobs import jobs
from bioinfo_assets.cli.prepare import prepare_samples
from bioinfo_assets.cli.run import run
from bioinfo_assets.cli.samples import samples
from bioinfo_assets.cli.status import status
from bioinfo_assets.cli.sync import sync
from bioinfo_assets.cli.told import EXIT_CODES, ErrorsAreTold
from bioinfo_assets.cli.verify import verify

app = typer.Typer(
    cls=ErrorsAreTold,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog=EXIT_CODES,
    help="Whole-genome read alignment as Dagster assets: FASTQs to BAMs, metrics and a report.",
)


def _say_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
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


for command in (run, demo, prepare_samples, status, verify, sync, gc, doctor, dagit):
    app.command(epilog=EXIT_CODES)(command)
app.command("import", epilog=EXIT_CODES)(import_)
app.add_typer(samples, name="samples")
app.add_typer(jobs, name="jobs")
