"""An HTTP proxy in front of an S3 server, which does to some requests what S3 and networks do now and then."""

import http.client
import http.server
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

_CHUNK: Final = 16 * 1024
_MAX_DELAY_S: Final = 0.5
_HOP_BY_HOP: Final = frozenset({"connection", "transfer-encoding", "keep-alive", "content-length", "server", "date"})

ERROR: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>"
)
"""The body of an error (Amazon S3 API reference, error responses)."""


class Fault(Enum):
    """What happens to a request."""

    INTERNAL_ERROR = "500 InternalError, without effect"
    SLOW_DOWN = "503 SlowDown, without effect"
    REFUSED = "the connection is closed before the request has an effect"
    CUT_REQUEST = "the connection is closed in the middle of the request's body"
    LOST_ANSWER = "the request has its effect, and the connection is closed without an answer"
    CUT_ANSWER = "the connection is closed in the middle of the answer's body"
    SLOW = "the answer is late, and comes in pieces"


@dataclass
class Weather:
    """Which requests are struck; they change while the proxy runs.

    Attributes:
        rng: Decides.
        rate: The part of the requests that is struck.
        faults: The faults, one of which is chosen.
        planned: The faults of the next requests, before chance decides.
        good_requests: After so many requests, S3 is away, and all of them fail; None: it never is.
        regions: Of buckets: a request that is not signed for the region of its bucket is redirected there.
        redirects: How many were.
        expired: Ids of access keys that have expired.
        refuses_heads: Whether a HEAD that is signed for another region is a bad request instead (botocore,
            S3RegionRedirectorv2).
        struck: How many requests were, by fault.
        requests: How many there were.
    """

    rng: Random
    rate: float = 0.0
    faults: tuple[Fault, ...] = tuple(Fault)
    planned: list[Fault] = field(default_factory=list)
    good_requests: int | None = None
    regions: dict[str, str] = field(default_factory=dict)
    redirects: int = 0
    expired: set[str] = field(default_factory=set)
    refuses_heads: bool = False
    struck: Counter[Fault] = field(default_factory=Counter)
    requests: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self) -> Fault | None:
        """The fault of the next request; None: it has none."""
        with self._lock:
            self.requests += 1
            if self.planned:
                return self.planned.pop(0)
            if self.good_requests is not None and self.requests > self.good_requests:
                self.struck[Fault.REFUSED] += 1
                return Fault.REFUSED
            if self.rng.random() >= self.rate:
                return None
            fault = self.rng.choice(self.faults)
            self.struck[fault] += 1
            return fault

    def clear(self) -> None:
        """Let all requests be answered from now on, and begin to count again."""
        self.rate, self.good_requests, self.requests = 0.0, None, 0
        self.struck.clear()
        self.planned.clear()

    def delay_s(self) -> float:
        with self._lock:
            return self.rng.uniform(0, _MAX_DELAY_S)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args: Any, host: str, weather: Weather, **kwargs: Any) -> None:
        self._host, self._weather = host, weather
        super().__init__(*args, **kwargs)

    def log_message(self, *args: object) -> None:
        pass

    def _relay(self) -> None:
        fault = self._weather.fault()
        if fault is Fault.REFUSED:
            self._hang_up()
            return
        body = self._read_body(half=fault is Fault.CUT_REQUEST)
        if fault is Fault.CUT_REQUEST:
            self._hang_up()
        elif fault is Fault.INTERNAL_ERROR:
            self._answer_error(500, "InternalError", "We encountered an internal error. Please try again.")
        elif fault is Fault.SLOW_DOWN:
            self._answer_error(503, "SlowDown", "Please reduce your request rate.")
        elif any(f"Credential={key}/" in self.headers.get("Authorization", "") for key in self._weather.expired):
            self._answer_error(400, "ExpiredToken", "The provided token has expired.")
        elif region := self._other_region():
            self._weather.redirects += 1
            if self.command == "HEAD" and self._weather.refuses_heads and "Authorization" in self.headers:
                self._answer_error(400, "", "", region)
                return
            message = "The bucket you are attempting to access must be addressed using the specified endpoint."
            self._answer_error(301, "PermanentRedirect", message, region)
        else:
            self._forward(body, fault)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _relay  # noqa: N815 - names of http.server

    def _read_body(self, *, half: bool) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        length = int(self.headers.get("Content-Length", 0))
        return self.rfile.read(length // 2 if half else length)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers

    def _forward(self, body: bytes, fault: Fault | None) -> None:
        server = http.client.HTTPConnection(self._host, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "transfer-encoding"}
        headers["Content-Length"] = str(len(body))
        try:
            server.request(self.command, self.path, body, headers)
            answer = server.getresponse()
            content = answer.read()
        finally:
            server.close()
        if fault is Fault.LOST_ANSWER:
            self._hang_up()
            return
        if fault is Fault.SLOW:
            time.sleep(self._weather.delay_s())
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        if fault is Fault.CUT_ANSWER:
            self.wfile.write(content[: len(content) // 2])
            self._hang_up()
        elif fault is Fault.SLOW:
            self._write_slowly(content)
        else:
            self.wfile.write(content)

    def _write_slowly(self, content: bytes) -> None:
        for start in range(0, len(content), _CHUNK):
            self.wfile.write(content[start : start + _CHUNK])
            self.wfile.flush()
            time.sleep(self._weather.delay_s() / 10)

    def _other_region(self) -> str:
        """The region of the request's bucket, if the request is not signed for it."""
        region = self._weather.regions.get(urlsplit(self.path).path.split("/")[1], "")
        return "" if f"/{region}/s3/" in self.headers.get("Authorization", "") else region

    def _answer_error(self, status: int, code: str, message: str, region: str = "") -> None:
        content = b"" if self.command == "HEAD" else ERROR.format(code=code, message=message).encode()
        self.send_response(status)
        if region:
            self.send_header("x-amz-bucket-region", region)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Ignore clients that hang up."""


@contextmanager
def proxied(url: str, weather: Weather) -> Iterator[str]:
    """Open a proxy of a server; yields its address."""

    def handler(*args: Any, **kwargs: Any) -> _Handler:
        return _Handler(*args, host=urlsplit(url).netloc, weather=weather, **kwargs)

    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
