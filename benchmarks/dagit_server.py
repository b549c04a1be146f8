"""Dagit of a project, and what its pages ask it."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_COMMAND: Final = str(Path(sys.executable).parent / "bioinfo-assets")


@dataclass(frozen=True, slots=True)
class DagitServer:
    """A web server with its daemon.

    Attributes:
        address: Of its pages.
        pid: Of the process whose descendants they and their runs are.
    """

    address: str
    pid: int

    def query(self, query: str, variables: Mapping[str, object]) -> dict[str, Any]:
        """Return the data of a GraphQL query; variables that it does not declare are left out.

        Raises:
            RuntimeError: It has errors.
        """
        used = {name: value for name, value in variables.items() if f"${name}:" in query}
        body = json.dumps({"query": query, "variables": used}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}/graphql", body, headers)  # noqa: S310 - of this machine
        with urllib.request.urlopen(request, timeout=600) as response:  # noqa: S310 - as above
            answer: dict[str, Any] = json.load(response)
        if "errors" in answer:
            raise RuntimeError(str(answer["errors"][0]["message"]))
        return dict(answer["data"])


@contextmanager
def serve(output: str, environment: Mapping[str, str] | None = None) -> Iterator[DagitServer]:
    """Serve a project while the context is open."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [_COMMAND, "dagit", "--output-path", output, "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            if _is_up(address):
                break
            time.sleep(0.2)
        yield DagitServer(address, server.pid)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def _is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/server_info", timeout=5):  # noqa: S310 - as above
            return True
    except OSError:
        return False
