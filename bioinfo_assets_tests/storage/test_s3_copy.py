"""What goes wrong in a copy within S3 is an error of this project, whatever boto3 raises."""

from functools import cache
from pathlib import Path
from random import Random

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from s3transfer.exceptions import S3CopyFailedError

from bioinfo_assets.errors import InputError, NotFoundError, UnreachableError
from bioinfo_assets.storage import s3_copy
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.faults.s3_proxy import Weather, proxied


def answer(status: int, code: str) -> ClientError:
    metadata = {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, "CopyObject")  # type: ignore[typeddict-item]


class Failing:
    """A client whose copies fail."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def copy(self, *args: object, **options: object) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (
            RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."),
            UnreachableError,
        ),
        (EndpointConnectionError(endpoint_url="https://s3.amazonaws.com"), UnreachableError),
        (answer(503, "SlowDown"), UnreachableError),
        (answer(400, "ExpiredToken"), UnreachableError),
        (answer(400, "400"), UnreachableError),  # of HEAD, which has no other code: credentials may have expired
        (answer(403, "AccessDenied"), InputError),
        (answer(404, "404"), NotFoundError),
        (NoCredentialsError(), InputError),
        (S3CopyFailedError("Contents of stored object did not match expected ETag."), InputError),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value)[:20],
)
def test_an_error_is_named_by_what_can_be_done_about_it(
    monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[Exception]
) -> None:
    monkeypatch.setattr(s3_copy, "_client", cache(lambda _: Failing(error)))
    with pytest.raises(raised, match=r"^s3://genomes/x ") as caught:
        s3_copy.copy("genomes", "x", "genomes", "y")
    assert type(caught.value) is raised


def test_expired_credentials_are_read_from_their_file_again(
    s3: str, s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(key: str) -> None:
        (tmp_path / "credentials").write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\n")

    Store().write_bytes(f"{s3}/x", b"abc")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    weather = Weather(Random(0))  # noqa: S311 - nothing happens by chance here
    with proxied(s3_server, weather) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        save("OLD")
        s3_copy.copy("genomes", "x", "genomes", "y")
        weather.expired = {"OLD"}
        save("NEW")
        with pytest.raises(UnreachableError):
            s3_copy.copy("genomes", "x", "genomes", "y")
        s3_copy.copy("genomes", "x", "genomes", "z")
        assert Store().read_bytes(f"{s3}/z") == b"abc"
