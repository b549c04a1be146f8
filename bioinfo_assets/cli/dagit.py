"""`bioinfo-assets dagit`: Dagster's web server and daemon on a project."""

import os
import signal
import sys
from typing import Annotated

import typer

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.request import home_of
from bioinfo_assets.cli.options import OutputPath
from bioinfo_assets.errors import InputError
from bioinfo_assets.settings import FILE_NAME, HOME_VARIABLE

HOST = "127.0.0.1"


def dagit(
    *,
    output_path: OutputPath,
    port: Annotated[int, typer.Option(help="Where to listen.", min=1, max=65535)] = 3000,
) -> None:
    """Look at a project in Dagster's web pages: lineage, results, figures, logs; run assets from there. Ctrl-C ends it.

    Only this machine can reach it, for whoever can may run jobs.
    """
    place = absolute_path(output_path)
    home = home_of(place)
    if not (home / FILE_NAME).exists():
        raise InputError(
            f"there is no project in {place} yet: make one with `bioinfo-assets run` or `bioinfo-assets demo`"
        )
    typer.echo(f"Dagit: http://{HOST}:{port} (ready in some ten seconds; Ctrl-C ends it)")
    sys.stdout.flush()
    os.environ[HOME_VARIABLE] = str(home)
    # A script's shell has what it starts in the background ignore SIGINT, and Dagster then SIGTERM too: neither may.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    arguments = ["dagster", "dev", "-m", "bioinfo_assets.definitions", "-h", HOST, "-p", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", *arguments])  # noqa: S606 - it takes this process's place
