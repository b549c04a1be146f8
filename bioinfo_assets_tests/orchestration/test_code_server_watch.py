"""Dagster's code server is started again after it was killed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bioinfo_assets.orchestration.internals import DagsterGrpcClient, DagsterUserCodeUnreachableError
from bioinfo_assets_tests.e2e.account import free_port
from bioinfo_assets_tests.processes import ending
from bioinfo_assets_tests.waiting import wait_until

WATCH = "from bioinfo_assets.orchestration.code_server_watch import watch; import sys; watch(int(sys.argv[1]), 0.5)"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[psutil.Process, DagsterGrpcClient, int]]:
    """`dagster code-server start` with little code, as deploy/compose starts it."""
    (tmp_path / "definitions.py").write_text("import dagster as dg\n\n@dg.asset\ndef a(): ...\n")
    port = free_port()
    command = [
        "-m",
        "dagster",
        "code-server",
        "start",
        "--port",
        str(port),
        "--python-file",
        str(tmp_path / "definitions.py"),
    ]
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path)}
    with subprocess.Popen([sys.executable, *command], env=environment) as process, ending(process):
        yield psutil.Process(process.pid), DagsterGrpcClient(host="localhost", port=port), port


def answers(client: DagsterGrpcClient) -> bool:
    try:
        return client.ping("hello")["echo"] == "hello"
    except DagsterUserCodeUnreachableError:
        return False


def test_a_code_server_that_was_killed_is_started_again(
    server: tuple[psutil.Process, DagsterGrpcClient, int],
) -> None:
    proxy, client, port = server
    with subprocess.Popen([sys.executable, "-c", WATCH, str(port)]) as watch, ending(watch):
        wait_until(lambda: answers(client), what="the code server to answer")
        (loaded,) = [child for child in proxy.children(recursive=True) if "grpc" in child.cmdline()]
        loaded.kill()
        wait_until(lambda: not answers(client), what="the code server to be gone")
        wait_until(lambda: answers(client), what="the code server to be started again")
        assert proxy.is_running()
