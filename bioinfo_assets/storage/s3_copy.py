"""Copies within S3, of any size, whose bytes do not pass through this machine.

S3's CopyObject takes 5 GB at most (AWS API reference); boto3 copies larger objects in parts, several at once.
"""

from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Final

from bioinfo_assets.errors import InputError, NotFoundError, UnreachableError
from bioinfo_assets.storage.object_clients import aws_settings
from bioinfo_assets.storage.store_errors import EXPIRED, TRANSIENT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MULTIPART_MIN_SIZE: Final = 1024**3
"""Bytes from which an object is copied in parts: a part of 256 MiB takes seconds, one request for all of it minutes."""

PART_SIZE: Final = 256 * 1024**2

_CREATION: Final = Lock()
"""Threads wait for a client that another creates, as those of `object_clients`."""

_EXPIRED: Final = EXPIRED | {"400"}
"""The last is what botocore has for a HEAD, whose answer has no code: credentials may have expired."""


def copy(source_bucket: str, source_key: str, bucket: str, key: str) -> None:
    """Copy an object atomically.

    Raises:
        NotFoundError: it does not exist.
        UnreachableError: S3 does not answer, or credentials for it have expired.
        InputError: it cannot be read or written, or was changed meanwhile.
    """
    # boto3 takes 0.3 s to import, which users of local files save.
    from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 - as above
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above
    from s3transfer.exceptions import S3CopyFailedError  # noqa: PLC0415 - as above

    config = TransferConfig(multipart_threshold=MULTIPART_MIN_SIZE, multipart_chunksize=PART_SIZE)
    try:
        with _CREATION:
            client = _client(aws_settings())
        client.copy({"Bucket": source_bucket, "Key": source_key}, bucket, key, Config=config)
    except (ClientError, BotoCoreError, S3CopyFailedError, RuntimeError) as error:  # the last: see `_may_succeed_later`
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in {"404", "NoSuchKey"}:
            raise NotFoundError(f"s3://{source_bucket}/{source_key} does not exist: check its spelling") from error
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _EXPIRED:
            _client.cache_clear()  # the next copy looks for others: somebody may renew their file
        sentence = (
            f"s3://{source_bucket}/{source_key} could not be copied to s3://{bucket}/{key}: {error}; check your "
            "permissions there and the network"
        )
        raise (UnreachableError if _may_succeed_later(error) else InputError)(sentence) from error


def _may_succeed_later(error: Exception) -> bool:
    """Whether S3 did not answer, or credentials were not renewed, of which botocore raises a bare RuntimeError."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError  # noqa: PLC0415 - as above

    if isinstance(error, ClientError):
        is_fault = error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
        return is_fault or error.response["Error"]["Code"] in TRANSIENT | _EXPIRED
    return isinstance(error, (BotoCoreError, RuntimeError)) and not isinstance(error, NoCredentialsError)


@lru_cache(maxsize=8)
def _client(_settings: tuple[tuple[str, str], ...]) -> "S3Client":
    """The client under these settings; it is safe for threads."""
    from botocore.config import Config  # noqa: PLC0415 - as above

    from bioinfo_assets.storage.aws_session import new_session  # noqa: PLC0415 - as above
    from bioinfo_assets.storage.s3_region import find_endpoint  # noqa: PLC0415 - as above

    endpoint, region = find_endpoint(None)
    config = Config(retries={"mode": "standard", "total_max_attempts": 8})
    return new_session().client("s3", region_name=region, endpoint_url=endpoint, config=config)
