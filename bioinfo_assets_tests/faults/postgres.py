"""A real PostgreSQL that can be killed and started again."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

import psutil

from bioinfo_assets_tests.e2e.account import free_port

BINARIES: Final = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql"))
"""Where Debian has the programs of a server, of the newest version that is installed."""

USER: Final = "postgres"
"""The user of Debian's package; the server refuses to run as root."""


class Postgres:
    """A server with an empty database, and its files in a folder.

    Args:
        folder: The folder, which is created.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        folder.mkdir()
        shutil.chown(folder, USER)
        self._call("initdb", "--pgdata", str(folder / "data"), "--auth=trust", "--no-sync")
        self.start()

    @property
    def url(self) -> str:
        """The address of its database."""
        return f"postgresql+psycopg2://{USER}@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers; after a kill it recovers first."""
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1"
        log = str(self._folder / "log")
        self._call("pg_ctl", "start", "-w", "-t", "60", "-D", str(self._folder / "data"), "-l", log, "-o", options)

    def kill(self) -> None:
        """Kill it and all its processes."""
        postmaster = psutil.Process(int((self._folder / "data" / "postmaster.pid").read_text().split()[0]))
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            os.kill(process.pid, signal.SIGKILL)
        psutil.wait_procs(processes, 30)
        time.sleep(0.1)  # its memory is free once the last of them is gone

    def log(self) -> str:
        """What it has logged so far."""
        return (self._folder / "log").read_text()

    def stop(self) -> None:
        """End it."""
        self._call("pg_ctl", "stop", "-m", "immediate", "-D", str(self._folder / "data"))

    def _call(self, program: str, *arguments: str) -> None:
        command = [
            "setpriv",
            f"--reuid={USER}",
            f"--regid={USER}",
            "--clear-groups",
            str(BINARIES / program),
            *arguments,
        ]
        subprocess.run(command, check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=120)
