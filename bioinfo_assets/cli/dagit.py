"""`bioinfo-assets dagit`: Dagster's web server and daemon on a project."""

import errno
import ipaddress
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

_WEB_SERVER: Final = "bioinfo_assets.web"

_THIS_MACHINE: Final = "127.0.0.1"

POLL_INTERVAL_S: Final = 0.5
"""Seconds between two questions to the web server whether it answers."""

_REQUEST_TIMEOUT_S: Final = 10.0
_WITHOUT_PROXY: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""For requests to this machine, which `http_proxy` would send elsewhere."""

DAGSTER_ENVIRONMENT: Final = {
    # Dagster starts its programs by `python -m`, which would import modules of a library's name from this folder.
    "PYTHONSAFEPATH": "1",
    # Web server and daemon would send the files in `logs` of the home to Dagster's makers, telemetry disabled or not.
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    # While the code location cannot be loaded, backfills would fail, and their runs be ended.
    "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "yes",
}
"""Variables of Dagster's programs; the deployment has them in `deploy/compose/Dockerfile`."""


def dagit(
    *,
    output_path: OutputPath,
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 3000,
    host: Annotated[str, typer.Option(metavar="IP", help="Address of this machine to listen on.")] = _THIS_MACHINE,
    behind_authentication: Annotated[
        bool,
        typer.Option(
            "--behind-authentication",
            help="Confirm that others reach the page only through a proxy that authenticates them; needed for a "
            "--host that other machines can reach.",
        ),
    ] = False,
) -> None:
    """Serve a project in Dagster's web interface: lineage, results, plots and logs; run assets from there.

    Ctrl-C ends it. Only this machine can connect by default, since anyone who can connect can run jobs.
    """
    check_host(host, behind_authentication=behind_authentication)
    project = absolute_path(output_path)
    home = home_of(project)
    settings = settings_module.load(home, output_path=project)
    if not (home / FILE_NAME).exists():
        raise InputError(
            f"there is no project in {project} yet: create one with `bioinfo-assets run` or `bioinfo-assets demo`"
        )
    check_step_names(settings)
    check_port(port, host)
    address = page_address(host, port)
    with _only_server(home, address):
        workspace = _prepare_home(home)
        _serve_results_too(behind_authentication=behind_authentication)
        typer.echo(f"Dagit starts at {address}; Ctrl-C ends it")
        sys.stdout.flush()
        os.environ |= {HOME_VARIABLE: str(home), **DAGSTER_ENVIRONMENT}
        # A shell script starts its background processes with SIGINT ignored, and Dagster would ignore SIGTERM, too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Thread(target=_announce, args=(address,), name="announcement", daemon=True).start()
        sys.argv = ["dagster", "dev", "-w", str(workspace), "-h", host, "-p", str(port), "--log-level", "warning"]
        runpy.run_module("dagster", run_name="__main__")  # in this process, where its warnings are switched off


def check_host(host: str, *, behind_authentication: bool) -> None:
    """Check an address to listen on: one that other machines can reach needs something in front that authenticates.

    Raises:
        InputError: it is not an IP address, or others can reach it and nobody confirmed that they are authenticated.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise InputError(f"{host!r} is not an IP address: give one of this machine, such as {_THIS_MACHINE}") from error
    if not address.is_loopback and not behind_authentication:
        raise InputError(
            f"{host} can be reached from other machines, and anyone who can connect can run jobs: put a proxy that "
            "authenticates in front of the page and add --behind-authentication, or open it through `ssh -L`"
        )


def page_address(host: str, port: int) -> str:
    """Where a browser on this machine finds the page.

    >>> page_address("127.0.0.1", 3000), page_address("0.0.0.0", 3000), page_address("::1", 3000)
    ('http://127.0.0.1:3000', 'http://127.0.0.1:3000', 'http://[::1]:3000')
    """
    address = ipaddress.ip_address(host)
    if address.is_unspecified:  # it listens on all addresses
        address = ipaddress.ip_address("::1" if address.version == 6 else _THIS_MACHINE)
    return f"http://[{address}]:{port}" if address.version == 6 else f"http://{address}:{port}"


def check_port(port: int, host: str = _THIS_MACHINE) -> None:
    """Check that a server can listen on a port of an address.

    Raises:
        InputError: another program does, only the superuser may, or the address is not one of this machine.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web server does: a port is free at once
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise InputError(
                    f"port {port} is in use, perhaps by the page of another project: give another one with --port"
                ) from error
            if error.errno == errno.EADDRNOTAVAIL:
                raise InputError(f"{host} is not an address of this machine: give another one with --host") from error
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


def _serve_results_too(*, behind_authentication: bool) -> None:
    """Let `dagster dev` start the web server that also has the files of results."""
    from bioinfo_assets.orchestration.internals import replace_web_server  # noqa: PLC0415 - as above

    replace_web_server(_WEB_SERVER, *(("--behind-authentication",) if behind_authentication else ()))


def _announce(address: str) -> None:
    """Print the address once the web server answers."""
    while not _is_up(address):
        time.sleep(POLL_INTERVAL_S)
    typer.echo(f"Dagit is ready: {address}")
    sys.stdout.flush()


def _is_up(address: str) -> bool:
    try:
        with _WITHOUT_PROXY.open(f"{address}/server_info", timeout=_REQUEST_TIMEOUT_S):
            return True
    except OSError:
        return False
