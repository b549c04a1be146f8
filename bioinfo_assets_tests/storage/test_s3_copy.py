"""What goes wrong in a copy within S3 is an error of this project, whatever boto3 raises."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from s3transfer.exceptions import S3CopyFailedError

from bioinfo_assets.errors import InputError, NotFoundError, UnreachableError
from bioinfo_assets.storage import s3_copy


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
    monkeypatch.setattr(s3_copy, "_client", lambda _: Failing(error))
    with pytest.raises(raised, match=r"^s3://genomes/x ") as caught:
        s3_copy.copy("genomes", "x", "genomes", "y")
    assert type(caught.value) is raised
