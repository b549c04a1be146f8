"""Which errors of S3 may not come again; a real server answers with them."""

import http.server
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from bioinfo_assets.errors import BioinfoAssetsError, InputError, UnreachableError
from bioinfo_assets.storage import object_clients, s3_credentials
from bioinfo_assets.storage.store import Store

STORE = Store()


class Refusing(http.server.BaseHTTPRequestHandler):
    """Answers every request with an error."""

    status, code = 500, ""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = f"<Error><Code>{self.code}</Code><Message>text</Message></Error>".encode()
        self.send_response(self.status)
        self.send_header("Content-Length", "0" if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    do_GET = do_PUT = do_HEAD = answer  # noqa: N815 - names of http.server

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def refusing(s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Refusing]]:
    """How an S3 server answers; requests are repeated once."""
    monkeypatch.setattr(object_clients, "_S3_RETRIES", {"max_retries": 1})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        yield Refusing
        server.shutdown()
        thread.join()


def error_of(use: Any) -> BioinfoAssetsError:
    with pytest.raises(BioinfoAssetsError) as caught:
        use("s3://genomes/x")
    return caught.value


USES = [STORE.read_bytes, STORE.stat, lambda uri: STORE.write_bytes(uri, b"abc")]


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "InternalError"), (503, "SlowDown"), (429, "Throttling"), (400, "RequestTimeout"), (400, "ExpiredToken")],
)
@pytest.mark.parametrize("use", USES, ids=["read", "stat", "write"])
def test_what_s3_may_answer_later_is_an_error_of_its_own(
    refusing: type[Refusing], use: Any, status: int, code: str
) -> None:
    refusing.status, refusing.code = status, code
    assert isinstance(error_of(use), UnreachableError)


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AccessDenied"), (400, "InvalidToken"), (301, "PermanentRedirect"), (404, "NoSuchBucket")],
)
def test_what_it_would_answer_again_is_an_error_of_input(refusing: type[Refusing], status: int, code: str) -> None:
    refusing.status, refusing.code = status, code
    assert isinstance(error_of(STORE.read_bytes), InputError)


@pytest.mark.parametrize("status", [400, 403])
def test_expired_credentials_are_named(refusing: type[Refusing], status: int) -> None:
    refusing.status, refusing.code = status, "ExpiredToken"
    assert str(error_of(STORE.read_bytes)) == (
        "the credentials for s3://genomes/x have expired or cannot be renewed: renew them"
    )


@pytest.mark.parametrize(
    ("code", "advice"), [("InvalidObjectState", "restore it first"), ("RequestTimeTooSkewed", "clock of this machine")]
)
def test_what_is_wrong_is_named_where_s3_names_it(refusing: type[Refusing], code: str, advice: str) -> None:
    refusing.status, refusing.code = 403, code
    error = error_of(STORE.read_bytes)
    assert isinstance(error, InputError)
    assert advice in str(error)


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (
            403,
            "InvalidAccessKeyId",
            "access to s3://genomes/x is denied (InvalidAccessKeyId): check your AWS credentials",
        ),
        (
            400,
            "InvalidRequest",
            "s3://genomes/x could not be reached: Server returned non-2xx status code: 400 Bad Request (InvalidRequest",
        ),
    ],
)
def test_the_code_of_s3_is_named(refusing: type[Refusing], status: int, code: str, sentence: str) -> None:
    refusing.status, refusing.code = status, code
    assert str(error_of(STORE.read_bytes)).startswith(sentence)


def test_credentials_that_cannot_be_renewed_may_be_later(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired.")

    monkeypatch.setattr(s3_credentials.CredentialProvider, "__call__", refuse)
    monkeypatch.setenv("AWS_PROFILE_OF_THIS_TEST", "x")  # another client than that of other tests
    assert isinstance(error_of(STORE.read_bytes), UnreachableError)


def test_requests_are_repeated_for_about_a_minute() -> None:
    backoff = object_clients._S3_RETRIES["backoff"]  # to wait for it would take that minute
    wait = first = backoff["init_backoff"]
    total = timedelta()
    for _ in range(object_clients._S3_RETRIES["max_retries"]):
        total += wait
        # The next is chosen between the first and `base` times the last (object_store, src/client/backoff.rs).
        wait = min((first + backoff["base"] * wait) / 2, backoff["max_backoff"])
    assert timedelta(seconds=40) < total < timedelta(seconds=120)
