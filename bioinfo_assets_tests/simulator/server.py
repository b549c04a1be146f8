"""The HTTP server: finds the action of a request and writes the answer.

Batch uses REST with JSON and has the action in the path; Logs uses JSON 1.1 and has it in a header.
"""

import json
import sys
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

Answer = tuple[int, dict[str, Any]]
Handler = Callable[[str, Mapping[str, Any]], Answer | None]
"""Returns status and body for an action and its payload; None: the connection is closed without an answer."""

_TAGS: Final = {"GET": "ListTagsForResource", "POST": "TagResource", "DELETE": "UntagResource"}


class Server:
    """Serves a free port of this host until it is closed."""

    def __init__(self, handler: Handler) -> None:
        self._http = _Http(handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="Batch simulator")
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        """Wait for the answers that are being written."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _Http(ThreadingHTTPServer):
    daemon_threads = False  # joined when the server closes
    request_queue_size = 128

    def __init__(self, handler: Handler) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.handler = handler

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that closed the connection; report other errors like the base class."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.0, with one request for each connection: none is open when the simulator ends."""

    server: _Http
    timeout = 10

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Log nothing."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer_or_none = self.server.handler(*self._request(body))
        if answer_or_none is None:
            return
        status, answer = answer_or_none
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if status != 200:
            self.send_header("x-amzn-ErrorType", answer["__type"])
        self.end_headers()
        self.wfile.write(content)

    def _request(self, body: bytes) -> tuple[str, dict[str, Any]]:
        """The action and its payload."""
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
    """The action of a path such as `submitjob`."""
    return {action.lower(): action for action in _BATCH_ACTIONS}.get(name, name)


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
