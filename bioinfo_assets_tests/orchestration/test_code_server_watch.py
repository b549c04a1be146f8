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


Server = tuple[psutil.Process, DagsterGrpcClient, int]


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """`dagster code-server start` with little code, as deploy/compose starts it; the parameter is more code."""
    code = getattr(request, "param", "")
    (tmp_path / "definitions.py").write_text(f"{code}\nimport dagster as dg\n\n@dg.asset\ndef a(): ...\n")
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


def processes_with_code(proxy: psutil.Process) -> list[psutil.Process]:
    return [child for child in proxy.children(recursive=True) if "grpc" in child.cmdline()]


@pytest.mark.parametrize("server", ["import time; time.sleep(4)"], indirect=True)
def test_a_code_server_that_loads_slowly_is_not_started_again(server: Server) -> None:
    proxy, client, port = server
    with subprocess.Popen([sys.executable, "-c", WATCH, str(port)]) as watch, ending(watch):
        wait_until(lambda: answers(client), what="the code server to answer")
        assert len(processes_with_code(proxy)) == 1


def test_a_code_server_that_was_killed_is_started_again(server: Server) -> None:
    proxy, client, port = server
    wait_until(lambda: answers(client), what="the code server to answer")
    with subprocess.Popen([sys.executable, "-c", WATCH, str(port)]) as watch, ending(watch):
        (loaded,) = processes_with_code(proxy)
        loaded.kill()
        wait_until(lambda: not answers(client), what="the code server to be gone")
        wait_until(lambda: answers(client), what="the code server to be started again")
        assert proxy.is_running()
