"""An AWS account on this machine: moto's server, where containers reach it, with what the template makes."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from bioinfo_assets_tests.deploy.stack import Cloud

REGION = "us-east-1"
MOTOS_LOG_GROUP = "/aws/batch/job"
"""Where moto keeps what jobs print, whatever their definition says."""


@dataclass(frozen=True)
class Account:
    """What a project finds in its account.

    Attributes:
        made: The outputs of the template's stack.
        inside: The variables that lead containers to it.
        disk: The folder of the machines that jobs work in.
    """

    made: Mapping[str, str]
    inside: Mapping[str, str]
    disk: Path


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def moto(log: Path) -> Iterator[int]:
    """Moto's server, where containers can reach it; gives its port."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", "0.0.0.0", "-p", str(port)]  # noqa: S104
    with log.open("w") as file, subprocess.Popen(command, stdout=file, stderr=file) as server:
        for _ in range(150):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/config"):
                break
            time.sleep(0.2)
        yield port
        with suppress(OSError):
            urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/moto-api/reset", method="POST"))
        server.terminate()


@pytest.fixture(scope="module")
def account(engine, tmp_path_factory) -> Iterator[Account]:
    """An account with the template's stack, and this process's variables set to use it."""
    folder = tmp_path_factory.mktemp("account")
    disk = folder / "disk"
    disk.mkdir()
    for path in (disk, folder, folder.parent):
        path.chmod(0o777)  # the container's user is another
    with moto(folder / "moto.log") as port, pytest.MonkeyPatch.context() as patch:
        cloud = Cloud(f"http://127.0.0.1:{port}", REGION)
        made = cloud.create("genomes", {"Project": "genomes", "LogGroupName": MOTOS_LOG_GROUP})
        for name in [name for name in os.environ if name.startswith(("AWS_", "BIOINFO_ASSETS_"))]:
            patch.delenv(name)
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        yield Account(made, {**cloud.environment(), "AWS_ENDPOINT_URL": f"http://host.docker.internal:{port}"}, disk)
