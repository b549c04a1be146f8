"""`bioinfo-assets dagit`: Dagster's web server and daemon on a project."""

import errno
import os
import runpy
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from bioinfo_assets import settings as settings_module
from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.plan import home_of
from bioinfo_assets.application.preflight import check_step_names
from bioinfo_assets.cli.options import OutputPath
from bioinfo_assets.errors import InputError
from bioinfo_assets.settings import FILE_NAME, HOME_VARIABLE
from bioinfo_assets.storage.file_lock import file_lock

HOST: Final = "127.0.0.1"

POLL_INTERVAL_S: Final = 0.5
"""Seconds between two questions to the web server whether it answers."""

_REQUEST_TIMEOUT_S: Final = 10.0


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
    check_step_names(settings_module.load(home, output_path=project))
    check_port(port)
    address = f"http://{HOST}:{port}"
    with _only_server(home, address):
        workspace = _prepare_home(home)
        typer.echo(f"Dagit starts at {address}; Ctrl-C ends it")
        sys.stdout.flush()
        os.environ[HOME_VARIABLE] = str(home)
        # Dagster starts its programs by `python -m`, which would import modules of a library's name from this folder.
        os.environ["PYTHONSAFEPATH"] = "1"
        # A shell script starts its background processes with SIGINT ignored, and Dagster would ignore SIGTERM, too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Thread(target=_announce, args=(address,), name="announcement", daemon=True).start()
        sys.argv = ["dagster", "dev", "-w", str(workspace), "-h", HOST, "-p", str(port), "--log-level", "warning"]
        runpy.run_module("dagster", run_name="__main__")  # in this process, where its warnings are switched off


def check_port(port: int) -> None:
    """Check that a server can listen on a port.

    Raises:
        InputError: another program does, or only the superuser may.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web server does: a port is free at once
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise InputError(
                    f"port {port} is in use, perhaps by the page of another project: give another one with --port"
                ) from error
            raise InputError(
                f"cannot listen on port {port} ({error.strerror}): give another one with --port"
            ) from error


@contextmanager
def _only_server(home: Path, address: str) -> Iterator[None]:
    """Be the only server of a project on this machine: two daemons would both launch its runs.

    Raises:
        InputError: another process serves it.
    """
    file = home / "dagit.address"
    try:
        with file_lock(file, wait=False):
            file.write_text(address, encoding="utf-8")
            yield
    except BlockingIOError as error:
        running = file.read_text(encoding="utf-8")
        raise InputError(f"this project is already served at {running}: open that page, or end that program") from error


def _prepare_home(home: Path) -> Path:
    """Check the Dagster instance of a home, and write its workspace file; returns the file.

    Raises:
        InputError: its dagster.yaml is malformed.
    """
    from bioinfo_assets.application.dagster_runs import open_instance  # noqa: PLC0415 - Dagster takes seconds to import
    from bioinfo_assets.orchestration.code_location import write_workspace  # noqa: PLC0415 - as above

    with open_instance(home):
        return write_workspace(home)


def _announce(address: str) -> None:
    """Print the address once the web server answers."""
    while not _is_up(address):
        time.sleep(POLL_INTERVAL_S)
    typer.echo(f"Dagit is ready: {address}")
    sys.stdout.flush()


def _is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/server_info", timeout=_REQUEST_TIMEOUT_S):  # noqa: S310 - our server
            return True
    except OSError:
        return False
