"""moto's server, whose conditional writes are atomic, as those of S3 are.

moto compares `If-None-Match` and `If-Match` and writes afterwards, in threads without a lock: two clients at the same
moment both create an object that only one of them may create.
"""

import io
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")


@contextmanager
def moto_server(
    port: int = 0, through: "Callable[[WSGIApplication], WSGIApplication]" = lambda application: application
) -> Iterator[str]:
    """Start a server in a thread; its state belongs to the process.

    Args:
        port: Its port; 0: any that is free.
        through: Wraps the application, for tests that look at requests.

    Yields:
        Its address.
    """
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    wsgi = server._server
    assert wsgi is not None
    wsgi.app = through(_one_conditional_write_at_a_time(wsgi.app))
    host, used = server.get_host_and_port()
    try:
        yield f"http://{host}:{used}"
    finally:
        server.stop()


def _one_conditional_write_at_a_time(application: "WSGIApplication") -> "WSGIApplication":
    lock = threading.Lock()

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] not in {"PUT", "DELETE"} or not any(name in environ for name in CONDITIONS):
            return application(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))  # not while others wait
        with lock:
            return application({**environ, "wsgi.input": io.BytesIO(body)}, start_response)

    return answer


if __name__ == "__main__":
    with moto_server(int(sys.argv[1])) as url:
        print(url, flush=True)  # noqa: T201 - for the process that started it
        threading.Event().wait()
