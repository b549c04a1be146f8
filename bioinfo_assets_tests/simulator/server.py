"""HTTP: which action a request means, and how an answer is written.

Batch speaks REST with JSON and names the action in the path, Logs speaks JSON 1.1 and names it in a header.
"""

import json
import sys
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

Answer = tuple[int, dict[str, Any]]
Answering = Callable[[str, Mapping[str, Any]], Answer | None]
"""From an action and its payload to status and body; None: the connection is closed instead."""

_TAGS: Final = {"GET": "ListTagsForResource", "POST": "TagResource", "DELETE": "UntagResource"}


class Server:
    """Answers on a free port of this machine until it is closed."""

    def __init__(self, answering: Answering) -> None:
        self._http = _Http(answering)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="Batch simulator")
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        """Waits for answers under way."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _Http(ThreadingHTTPServer):
    daemon_threads = False  # joined when it closes
    request_queue_size = 128

    def __init__(self, answering: Answering) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answering = answering

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that went away are no error of the server's; others are told as the base does."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.0, one request a connection: nothing is left open when the simulator ends."""

    server: _Http
    timeout = 10

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Says nothing."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answered = self.server.answering(*self._request(body))
        if answered is None:
            return
        status, answer = answered
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if status != 200:
            self.send_header("x-amzn-ErrorType", answer["__type"])
        self.end_headers()
        self.wfile.write(content)

    def _request(self, body: bytes) -> tuple[str, dict[str, Any]]:
        """The action and its payload; Logs names it in a header, Batch in the path."""
        payload: dict[str, Any] = json.loads(body or b"{}")
        target = self.headers.get("X-Amz-Target")
        if target is not None:
            return target.rpartition(".")[2], payload
        url = urllib.parse.urlsplit(self.path)
        if url.path.startswith("/v1/tags/"):
            arn = urllib.parse.unquote(url.path.removeprefix("/v1/tags/"))
            keys = urllib.parse.parse_qs(url.query).get("tagKeys", [])
            return _TAGS[self.command], payload | {"resourceArn": arn} | ({"tagKeys": keys} if keys else {})
        return _action(url.path.removeprefix("/v1/")), payload


def _action(name: str) -> str:
    """`submitjob` as the API writes it."""
    return {known.lower(): known for known in _BATCH_ACTIONS}.get(name, name)


_BATCH_ACTIONS: Final = (
    "SubmitJob",
    "DescribeJobs",
    "ListJobs",
    "CancelJob",
    "TerminateJob",
    "CancelJobs",
    "TerminateJobs",
    "RegisterJobDefinition",
    "DescribeJobDefinitions",
    "DeregisterJobDefinition",
    "DescribeJobQueues",
    "DescribeComputeEnvironments",
)
