"""An AWS account on this machine: moto's server, reachable from containers, with the template's stack.

The host has the stack's policies for those who start runs, and jobs have those of the stack's role for jobs: a call
without permission is denied, as on AWS (deploy/iam.py). The engine's own image stands for one in the stack's
repository.
"""

import os
import socket
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from bioinfo_assets_tests.container_engine import IMAGE, Engine
from bioinfo_assets_tests.deploy.stack import Cloud
from bioinfo_assets_tests.waiting import wait_until

REGION = "us-east-1"
MOTO_LOG_GROUP = "/aws/batch/job"
"""Moto writes job logs to this group, whatever the job definition names."""


@dataclass(frozen=True)
class Account:
    """An account with the template's stack.

    Attributes:
        outputs: The outputs of the stack.
        container_environment: The variables by which containers reach the account.
        disk: The folder that jobs work in, on the machines.
    """

    outputs: Mapping[str, str]
    container_environment: Mapping[str, str]
    disk: Path

    @property
    def name_prefix(self) -> str:
        """How the names of the stack's job definitions begin."""
        return str(tomllib.loads(self.outputs["Settings"])["jobs"]["name_prefix"])


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port


@contextmanager
def moto(log: Path) -> Iterator[int]:
    """Run moto's server on all interfaces, so that containers reach it; yields its port."""
    port = free_port()
    command = [sys.executable, "-m", "bioinfo_assets_tests.deploy.iam", "-H", "0.0.0.0", "-p", str(port)]  # noqa: S104
    with log.open("w") as file, subprocess.Popen(command, stdout=file, stderr=file) as server:
        try:
            wait_until(lambda: is_up(port), what="moto's server")
            yield port
            with suppress(OSError):
                urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/moto-api/reset", method="POST"))
        finally:
            server.terminate()


def is_up(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/config"):
        return True
    return False


@pytest.fixture(scope="module")
def account(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account with the template's stack; this process's environment points to it."""
    folder = tmp_path_factory.mktemp("account")
    disk = folder / "disk"
    disk.mkdir()
    for path in (disk, folder, folder.parent):
        path.chmod(0o777)  # the container runs as another user
    with moto(folder / "moto.log") as port, pytest.MonkeyPatch.context() as patch:
        cloud = Cloud(f"http://127.0.0.1:{port}", REGION)
        outputs = cloud.create("genomes", {"Project": "genomes", "LogGroupName": MOTO_LOG_GROUP})
        for name in [name for name in os.environ if name.startswith(("AWS_", "BIOINFO_ASSETS_"))]:
            patch.delenv(name)
        for name, value in cloud.host(outputs, {f"{outputs['RepositoryUri']}:*": f"{IMAGE}:*"}).environment().items():
            patch.setenv(name, value)
        yield Account(
            outputs,
            {**cloud.job(outputs).environment(), "AWS_ENDPOINT_URL": f"http://host.docker.internal:{port}"},
            disk,
        )
