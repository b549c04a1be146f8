"""The clients of buckets and web servers, through obstore: one each, created at the first use.

obstore retries transient errors and signs requests. For S3, credentials, region and endpoint are those that boto3 finds
in the environment (`AWS_ENDPOINT_URL`, `AWS_REGION`) and in the user's profile; `AWS_SKIP_SIGNATURE=true` is for users
of public buckets only. `gs://` is read without credentials, for public buckets.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache, wraps
from threading import Lock
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

from obstore.store import GCSStore, HTTPStore, S3Store

from bioinfo_assets.errors import InputError, UnreachableError
from bioinfo_assets.storage.address import key_of, scheme_and_host
from bioinfo_assets.storage.store_errors import OtherRegionError, advice, is_unsigned, may_be_other_region

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Config

P = ParamSpec("P")
T = TypeVar("T")

_TIMEOUT: Final = "3600s"
"""The longest time of a request with its answer, which `object_files.chunks` continues with another."""

_RETRIES: "Final[RetryConfig]" = {"max_retries": 8, "retry_timeout": timedelta(minutes=3)}
_S3_RETRIES: "Final[RetryConfig]" = {
    "max_retries": 10,
    "retry_timeout": timedelta(minutes=3),
    "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=15), "base": 4},
}
"""A minute in all: each wait is chosen between the first one and four times the last. With obstore's factor of two, ten
waits take three seconds."""

_CREATION: Final = Lock()
"""Threads wait for a client that another creates: with `lru_cache` alone each of them looks for its own credentials."""

_Settings = tuple[tuple[bytes, bytes], ...]

_REGIONS: Final[dict[tuple[str, _Settings], str]] = {}
"""The regions of buckets that are not in that of the user's settings, as far as they are known."""


def open_object(uri: str) -> "tuple[ObjectStore, str]":
    """Return the client of a bucket or server, and the path in it."""
    scheme, host = scheme_and_host(uri)
    settings = aws_settings() if scheme == "s3" else ()
    with _CREATION:
        return _client(scheme, host, settings, _REGIONS.get((host, settings))), key_of(uri)


def in_region_of_bucket(function: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
    """Decorate requests for an address: they are made once more if S3 answers that its bucket is in another region."""

    @wraps(function)
    def call(uri: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        place = scheme_and_host(uri)[1], aws_settings()
        used = _REGIONS.get(place)
        try:
            return function(uri, *args, **kwargs)
        except (OtherRegionError, UnreachableError) as error:
            if not may_be_other_region(error):
                raise
            from bioinfo_assets.storage.s3_region import find_endpoint, region_of_bucket  # noqa: PLC0415 - boto3 takes 0.3 s

            region = region_of_bucket(place[0])
            if region is None or region == (used or find_endpoint(None)[1]):
                raise
            _REGIONS[place] = region
            return function(uri, *args, **kwargs)

    return call


def aws_settings() -> _Settings:
    """The variables of the environment that clients depend on, for caches of them; asked for at each request.

    They stay bytes: to decode all variables takes a tenth of the time of a request.
    """
    return tuple(sorted(item for item in os.environb.items() if item[0].startswith(b"AWS_")))


@lru_cache(maxsize=64)
def _client(scheme: str, host: str, _settings: _Settings, region: str | None) -> "ObjectStore":
    """Return the client of one bucket or server under these settings; it is thread-safe and keeps connections open."""
    options: ClientConfig = {"allow_http": True, "connect_timeout": "20s", "timeout": _TIMEOUT}
    if scheme == "s3":
        return _s3(host, options, region)
    if scheme == "gs":
        return GCSStore(host, skip_signature=True, client_options=options, retry_config=_RETRIES)
    return HTTPStore(f"{scheme}://{host}", client_options=options, retry_config=_RETRIES)


def _s3(bucket: str, options: "ClientConfig", region: str | None) -> S3Store:
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - boto3 takes 0.3 s

    from bioinfo_assets.storage.s3_credentials import CredentialProvider  # noqa: PLC0415 - as above
    from bioinfo_assets.storage.s3_region import find_endpoint  # noqa: PLC0415 - as above

    try:
        endpoint, region = find_endpoint(region)
        provider = None if is_unsigned() else CredentialProvider()
    except BotoCoreError as error:
        raise InputError(f"no AWS settings for s3://{bucket}: {error}; correct AWS_PROFILE or the profile") from error
    except ValueError as error:
        raise InputError(f"no AWS credentials were found for s3://{bucket}: {advice('s3')}") from error
    config: S3Config = {"region": region}
    if endpoint is not None:
        config["endpoint"] = endpoint
    if provider is None:
        return S3Store(bucket, config=config, client_options=options, retry_config=_S3_RETRIES, skip_signature=True)
    return S3Store(
        bucket, config=config, client_options=options, retry_config=_S3_RETRIES, credential_provider=provider
    )
