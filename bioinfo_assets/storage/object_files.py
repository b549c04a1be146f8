"""Files of object stores and web servers (`s3://`, `gs://`, `https://`), through obstore.

obstore retries transient errors, uploads in parts and signs requests. For S3 the usual variables apply
(`AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_SKIP_SIGNATURE=true` for public buckets), and credentials come from boto3;
`gs://` is read without credentials, for public buckets.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import GCSStore, HTTPStore, S3Store
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
)

from bioinfo_assets.errors import InputError, UnreachableError
from bioinfo_assets.storage import s3_copy
from bioinfo_assets.storage.atomic import atomic_write
from bioinfo_assets.storage.broken_answers import repeated
from bioinfo_assets.storage.file_stat import FileStat
from bioinfo_assets.storage.store_errors import ADVICE, translate_store_errors

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Config

SCHEMES: Final = frozenset({"s3", "gs", "https", "http"})
_CHUNK: Final = 10 * 1024 * 1024
_RETRIES: "Final[RetryConfig]" = {"max_retries": 8, "retry_timeout": timedelta(minutes=3)}
_S3_RETRIES: "Final[RetryConfig]" = {
    "max_retries": 10,
    "retry_timeout": timedelta(minutes=3),
    "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=15), "base": 4},
}
"""A minute in all: each wait is chosen between the first one and four times the last. With obstore's factor of two, ten
waits take three seconds."""
_MAX_DOWNLOADS: Final = 6
_DOWNLOAD_WAIT_S: Final = 0.5
"""Seconds from the first download that breaks off to the second; each further wait is twice as long."""


class _BrokenDownloadError(InputError):
    """A download ended before all bytes were there."""


def stat(uri: str) -> FileStat:
    """Return size and ETag.

    Raises:
        NotFoundError: the file does not exist.
        InputError: it cannot be read.
    """
    with translate_store_errors(uri):
        store, path = open_object(uri)
        meta = obstore.head(store, path)
    return file_stat(meta)


@repeated
def read(uri: str, start: int, length: int | None) -> bytes:
    """Return `length` bytes of a file from `start` on, or all of the rest.

    Raises:
        NotFoundError: the file does not exist.
        InputError: it cannot be read.
    """
    with translate_store_errors(uri):
        store, path = open_object(uri)
        if start == 0 and length is None:
            return bytes(obstore.get(store, path).bytes())
        if length is None:
            return bytes(obstore.get(store, path, options={"range": {"offset": start}}).bytes())
        return bytes(obstore.get(store, path, options={"range": (start, start + length)}).bytes())


@repeated
def read_up_to(uri: str, max_bytes: int) -> bytes:
    """Return a file's first bytes, with one request, also of an empty file; a larger one is not read to its end.

    Raises:
        NotFoundError: the file does not exist.
        InputError: it cannot be read.
    """
    with translate_store_errors(uri):
        store, path = open_object(uri)
        result = obstore.get(store, path)
        if result.meta["size"] <= max_bytes:
            return bytes(result.bytes())
        data = b""
        for chunk in result.stream(min_chunk_size=max_bytes):
            data += bytes(chunk)
            if len(data) >= max_bytes:
                break
        return data[:max_bytes]


def chunks(uri: str) -> Iterator[bytes]:
    """Yield a file's bytes in pieces.

    Raises:
        NotFoundError: the file does not exist.
        InputError: it cannot be read.
    """
    with translate_store_errors(uri):
        store, path = open_object(uri)
        for chunk in obstore.get(store, path).stream(min_chunk_size=_CHUNK):
            yield bytes(chunk)


def fetch(uri: str, target: Path) -> None:
    """Download a file atomically.

    obstore resumes a download that breaks off if the server supports ETags and ranges; otherwise it is started again,
    a few times.

    Raises:
        NotFoundError: the file does not exist.
        InputError: it cannot be read, or the connection broke every time.
        ResourceError: the disk is full.
    """
    retries = Retrying(
        retry=retry_if_exception_type(_BrokenDownloadError),
        stop=stop_after_attempt(_MAX_DOWNLOADS),
        wait=wait_exponential(multiplier=_DOWNLOAD_WAIT_S),
        reraise=True,
    )
    with atomic_write(target) as part:
        retries(_download, uri, part)


def write(uri: str, data: bytes | Path) -> None:
    """Upload bytes or a file of this machine atomically.

    Raises:
        InputError: it cannot be written.
    """
    size = data.stat().st_size if isinstance(data, Path) else len(data)
    with translate_store_errors(uri):
        store, path = open_object(uri)
        obstore.put(store, path, data, chunk_size=_part_size(size))


def copy(source: str, target: str, size: int | None = None) -> None:
    """Copy within S3 on the server's side, and between kinds of stores through this machine.

    Args:
        source: The file.
        target: Its new address.
        size: Its bytes if they are known, which saves a request.

    Raises:
        NotFoundError: the source does not exist.
        InputError: it cannot be read or written.
    """
    size = stat(source).size if size is None else size
    (scheme, bucket), (target_scheme, target_bucket) = scheme_and_host(source), scheme_and_host(target)
    if scheme == target_scheme == "s3":
        if bucket == target_bucket and size < s3_copy.MULTIPART_MIN_SIZE:
            _copy_in_bucket(source, target)
            return
        s3_copy.copy(bucket, _key(source), target_bucket, _key(target))
        return
    with translate_store_errors(target):
        store, path = open_object(target)
        writer = obstore.open_writer(store, path, buffer_size=_part_size(size))
        for chunk in chunks(source):
            writer.write(chunk)
        writer.close()  # the object exists from here on: a copy that breaks off before leaves none


def _copy_in_bucket(source: str, target: str) -> None:
    with translate_store_errors(target):
        try:
            obstore.copy(open_object(source)[0], _key(source), _key(target))
        except FileNotFoundError as error:
            with translate_store_errors(source):
                raise error from None


@repeated
def delete(uri: str) -> None:
    """Remove a file if it exists.

    Raises:
        InputError: it cannot be removed.
    """
    with translate_store_errors(uri):
        store, path = open_object(uri)
        obstore.delete(store, path)


@repeated
def delete_many(uris: Sequence[str]) -> None:
    """Remove files of one bucket, many per request where the store supports it.

    Raises:
        InputError: they cannot be removed.
    """
    if not uris:
        return
    with translate_store_errors(uris[0]):
        store, _ = open_object(uris[0])
        obstore.delete(store, [_key(uri) for uri in uris])


def file_stat(meta: "ObjectMeta") -> FileStat:
    """Return size and ETag as a store reports them."""
    etag = meta["e_tag"]
    return FileStat(size=meta["size"], stamp=etag or meta["last_modified"].isoformat(), etag=etag)


def _download(uri: str, target: Path) -> None:
    size = stat(uri).size  # read each time: it fails, without another retry, once the server does not answer
    try:
        with target.open("wb") as file:
            for chunk in chunks(uri):
                file.write(chunk)
    except (InputError, UnreachableError) as error:
        raise _BrokenDownloadError(str(error)) from error
    if target.stat().st_size != size:
        raise _BrokenDownloadError(f"{uri} has {size} bytes, {target.stat().st_size} were downloaded: try again")


def _part_size(size: int) -> int:
    """Bytes of a part of an upload of this size: S3 accepts 10,000 parts (AWS user guide, multipart upload limits)."""
    return max(_CHUNK, size // 9_000)


def scheme_and_host(uri: str) -> tuple[str, str]:
    """Return the scheme of an address, and its bucket or server."""
    parts = urlsplit(uri)
    return parts.scheme, parts.netloc


def _key(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme not in {"https", "http"}:
        return uri.split("://", 1)[1].partition("/")[2]  # a key may contain any character, `?` and `#` too
    if parts.query:
        address = uri.partition("?")[0]  # the query of a signed address is a secret
        raise InputError(f"{address} has a query string: give the address without it, or download the file yourself")
    return unquote(parts.path).lstrip("/")


def open_object(uri: str) -> "tuple[ObjectStore, str]":
    """Return the client of a bucket or server, and the path in it."""
    scheme, host = scheme_and_host(uri)
    settings = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    return _client(scheme, host, settings if scheme == "s3" else ()), _key(uri)


@lru_cache(maxsize=64)
def _client(scheme: str, host: str, _settings: tuple[tuple[str, str], ...]) -> "ObjectStore":
    """Return the client of one bucket or server under these settings; it is thread-safe and keeps connections open."""
    options: ClientConfig = {"allow_http": True, "connect_timeout": "20s", "timeout": "3600s"}
    if scheme == "s3":
        return _s3(host, options)
    if scheme == "gs":
        return GCSStore(host, skip_signature=True, client_options=options, retry_config=_RETRIES)
    return HTTPStore(f"{scheme}://{host}", client_options=options, retry_config=_RETRIES)


def _s3(bucket: str, options: "ClientConfig") -> S3Store:
    config: S3Config = {}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
        config["endpoint"] = endpoint
    if os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in {"1", "true", "yes"}:
        return S3Store(bucket, config=config, client_options=options, retry_config=_S3_RETRIES, skip_signature=True)
    from bioinfo_assets.storage.s3_credentials import CredentialProvider  # noqa: PLC0415 - boto3 takes 0.3 s

    try:
        provider = CredentialProvider()
    except ValueError as error:
        raise InputError(f"no AWS credentials were found for s3://{bucket}: {ADVICE['s3']}") from error
    return S3Store(
        bucket, config=config, client_options=options, retry_config=_S3_RETRIES, credential_provider=provider
    )
