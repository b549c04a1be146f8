"""`bioinfo-assets dagit`: Dagster's web server and daemon on a project."""

import os
import signal
import sys
from typing import Annotated, Final

import typer

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.plan import home_of
from bioinfo_assets.cli.options import OutputPath
from bioinfo_assets.errors import InputError
from bioinfo_assets.settings import FILE_NAME, HOME_VARIABLE

HOST: Final = "127.0.0.1"


def dagit(
    *,
    output_path: OutputPath,
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 3000,
) -> None:
    """Serve a project in Dagster's web interface: lineage, results, plots and logs; run assets from there.

    Ctrl-C ends it. Only this machine can connect, since anyone who can connect can run jobs.
    """
    project = absolute_path(output_path)
    home = home_of(project)
    if not (home / FILE_NAME).exists():
        raise InputError(
            f"there is no project in {project} yet: create one with `bioinfo-assets run` or `bioinfo-assets demo`"
        )
    typer.echo(f"Dagit: http://{HOST}:{port} (ready in about ten seconds; Ctrl-C ends it)")
    sys.stdout.flush()
    os.environ[HOME_VARIABLE] = str(home)
    # A shell script starts its background processes with SIGINT ignored, and Dagster would then ignore SIGTERM, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    arguments = ["dagster", "dev", "-m", "bioinfo_assets.definitions", "-h", HOST, "-p", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", *arguments])  # noqa: S606 - it replaces this process
