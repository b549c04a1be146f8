"""Files of object stores and web servers (`s3://`, `gs://`, `https://`), by obstore.

Retries of transient errors, multipart uploads and request signing are obstore's. S3 reads the usual variables
(`AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_SKIP_SIGNATURE=true` for public buckets) and takes credentials wherever boto3
finds them; `gs://` is read without credentials, for public buckets.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import GCSStore, HTTPStore, S3Store

from bioinfo_assets.errors import InputError, NotFoundError
from bioinfo_assets.storage import s3_copy
from bioinfo_assets.storage.atomic import atomic_write
from bioinfo_assets.storage.file_stat import FileStat

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Config

SCHEMES: Final = frozenset({"s3", "gs", "https", "http"})
_CHUNK: Final = 10 * 1024 * 1024
_RETRIES: "Final[RetryConfig]" = {"max_retries": 8, "retry_timeout": timedelta(minutes=3)}
_DOWNLOADS: Final = 6
"""How often a download that breaks off is begun."""
_PAUSE_S: Final = 0.5
"""Seconds before the second of them; each further one waits twice as long."""
_ADVICE: Final = {
    "s3": "check your AWS credentials (AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) and their rights; "
    "for a public bucket set AWS_SKIP_SIGNATURE=true",
    "gs": "only public buckets can be read from gs://",
    "https": "the server does not give it to everyone: download it yourself and name the local file",
}


def stat(uri: str) -> FileStat:
    """Size and ETag.

    Raises:
        InputError: there is no such file, or it may not be read.
    """
    with _translate_store_errors(uri):
        store, path = _open(uri)
        meta = obstore.head(store, path)
    return _facts(meta)


def read(uri: str, start: int, length: int | None) -> bytes:
    """Part of a file's bytes, or all.

    Raises:
        InputError: there is no such file, or it may not be read.
    """
    with _translate_store_errors(uri):
        store, path = _open(uri)
        if start == 0 and length is None:
            return bytes(obstore.get(store, path).bytes())
        if length is None:
            return bytes(obstore.get(store, path, options={"range": {"offset": start}}).bytes())
        return bytes(obstore.get(store, path, options={"range": (start, start + length)}).bytes())


def chunks(uri: str) -> Iterator[bytes]:
    """A file's bytes in pieces.

    Raises:
        InputError: there is no such file, or it may not be read.
    """
    with _translate_store_errors(uri):
        store, path = _open(uri)
        for chunk in obstore.get(store, path).stream(min_chunk_size=_CHUNK):
            yield bytes(chunk)


def fetch(uri: str, target: Path) -> None:
    """Downloads a file; `target` is there when all its bytes are.

    One that breaks off goes on where it was if the server has ETags and ranges (obstore does that), else it is begun
    anew, a few times.

    Raises:
        InputError: there is no such file, it may not be read, or the connection broke again and again.
        ResourceError: the disk is full.
    """
    with atomic_write(target) as part:
        for attempt in range(_DOWNLOADS):
            size = stat(uri).size  # asked each time: a server that is gone ends it here
            try:
                _download(uri, size, part)
            except InputError:
                if attempt == _DOWNLOADS - 1:
                    raise
                time.sleep(_PAUSE_S * 2**attempt)
            else:
                return


def write(uri: str, data: bytes | Path) -> None:
    """Uploads bytes or a file of this machine; the object is there when all its bytes are.

    Raises:
        InputError: it may not be written.
    """
    size = data.stat().st_size if isinstance(data, Path) else len(data)
    with _translate_store_errors(uri):
        store, path = _open(uri)
        obstore.put(store, path, data, chunk_size=_part_size(size))


def copy(source: str, target: str) -> None:
    """Copies within S3 by S3 itself, many parts at once; between kinds of stores through this machine.

    Raises:
        InputError: there is no such file, or it may not be read or written.
    """
    size = stat(source).size
    if (_scheme_and_host(source)[0], _scheme_and_host(target)[0]) == ("s3", "s3"):
        s3_copy.copy(_scheme_and_host(source)[1], _key(source), _scheme_and_host(target)[1], _key(target))
        return
    with _translate_store_errors(target):
        store, path = _open(target)
        writer = obstore.open_writer(store, path, buffer_size=_part_size(size))
        for chunk in chunks(source):
            writer.write(chunk)
        writer.close()  # only now is there an object: what breaks off before leaves none


def delete(uri: str) -> None:
    """Removes a file; one that is not there stays so.

    Raises:
        InputError: it may not be removed.
    """
    with _translate_store_errors(uri):
        store, path = _open(uri)
        obstore.delete(store, path)


def delete_many(uris: Sequence[str]) -> None:
    """Removes files of one bucket, many in one request where the store can.

    Raises:
        InputError: they may not be removed.
    """
    if not uris:
        return
    with _translate_store_errors(uris[0]):
        store, _ = _open(uris[0])
        obstore.delete(store, [_key(uri) for uri in uris])


def list_files(folder: str, *, recursive: bool) -> Iterator[str]:
    """The files under a prefix that is taken as a folder.

    Raises:
        InputError: it may not be listed; a web server has no listing.
    """
    scheme, place = _listable(folder)
    with _translate_store_errors(folder):
        store, prefix = _open(folder)
        if recursive:
            objects = [item for page in obstore.list(store, prefix) for item in page]
        else:
            objects = list(obstore.list_with_delimiter(store, prefix)["objects"])
    yield from (f"{scheme}://{place}/{item['path']}" for item in objects)


def scan_files(folder: str) -> Iterator[tuple[str, FileStat]]:
    """The files under a prefix, each with what `stat` says of it: a thousand at a request.

    Raises:
        InputError: it may not be listed; a web server has no listing.
    """
    scheme, place = _listable(folder)
    with _translate_store_errors(folder):
        store, prefix = _open(folder)
        for page in obstore.list(store, prefix):
            yield from ((f"{scheme}://{place}/{item['path']}", _facts(item)) for item in page)


def list_folders(folder: str) -> Iterator[str]:
    """The names of what one may take for the folders in a folder.

    Raises:
        InputError: it may not be listed; a web server has no listing.
    """
    _listable(folder)
    with _translate_store_errors(folder):
        store, prefix = _open(folder)
        found = obstore.list_with_delimiter(store, prefix)["common_prefixes"]
    yield from (path.rstrip("/").rpartition("/")[2] for path in found)


def _listable(folder: str) -> tuple[str, str]:
    scheme, place = _scheme_and_host(folder)
    if scheme in {"https", "http"}:
        raise InputError(f"{folder} cannot be listed: name the files of a web server one by one")
    return scheme, place


def _facts(meta: "ObjectMeta") -> FileStat:
    etag = meta["e_tag"]
    return FileStat(size=meta["size"], stamp=etag or meta["last_modified"].isoformat(), etag=etag)


def _download(uri: str, size: int, target: Path) -> None:
    with target.open("wb") as file:
        for chunk in chunks(uri):
            file.write(chunk)
    if target.stat().st_size != size:
        raise InputError(f"{uri} has {size} bytes, {target.stat().st_size} came: try again")


def _part_size(size: int) -> int:
    """Bytes of one part of an upload of this size: S3 takes 10,000 parts (AWS user guide, multipart upload limits)."""
    return max(_CHUNK, size // 9_000)


def _scheme_and_host(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.scheme, parts.netloc


def _key(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme not in {"https", "http"}:
        return uri.split("://", 1)[1].partition("/")[2]  # a key may hold any character, `?` and `#` too
    if parts.query:
        raise InputError(f"{uri} has a query: name the file by its plain address")
    return unquote(parts.path).lstrip("/")


def _open(uri: str) -> "tuple[ObjectStore, str]":
    scheme, place = _scheme_and_host(uri)
    settings = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    return _client(scheme, place, settings if scheme == "s3" else ()), _key(uri)


@lru_cache(maxsize=64)
def _client(scheme: str, place: str, _settings: tuple[tuple[str, str], ...]) -> "ObjectStore":
    """The client of one bucket or server under these settings; it is safe for threads and keeps connections open."""
    options: ClientConfig = {"allow_http": True, "connect_timeout": "20s", "timeout": "3600s"}
    if scheme == "s3":
        return _s3(place, options)
    if scheme == "gs":
        return GCSStore(place, skip_signature=True, client_options=options, retry_config=_RETRIES)
    return HTTPStore(f"{scheme}://{place}", client_options=options, retry_config=_RETRIES)


def _s3(bucket: str, options: "ClientConfig") -> S3Store:
    config: S3Config = {}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
        config["endpoint"] = endpoint
    if os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in {"1", "true", "yes"}:
        return S3Store(bucket, config=config, client_options=options, retry_config=_RETRIES, skip_signature=True)
    from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415 - boto3 takes 0.3 s that local users save

    try:
        provider = Boto3CredentialProvider()
    except ValueError as error:
        raise InputError(f"there are no AWS credentials for s3://{bucket}: {_ADVICE['s3']}") from error
    return S3Store(bucket, config=config, client_options=options, retry_config=_RETRIES, credential_provider=provider)


@contextmanager
def _translate_store_errors(uri: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        _check_bucket(uri, error)
        raise NotFoundError(f"{uri} does not exist: check its spelling") from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        advice = _ADVICE.get(_scheme_and_host(uri)[0], _ADVICE["https"])
        raise InputError(f"{uri} may not be read or written: {advice}") from error
    except BaseError as error:
        _check_bucket(uri, error)
        raise InputError(f"{uri} could not be reached: {_cause(error)}; check the address and the network") from error


def _cause(error: BaseError) -> str:
    """What went wrong, of obstore's first line: its times and counts of retries, and a server's XML, are left out."""
    said = str(error).splitlines()[0]
    return said.rpartition(" - ")[2].partition(": <")[0].strip()


def _check_bucket(uri: str, error: Exception) -> None:
    """S3 says of a missing bucket what it says of a missing object, but for this code (AWS API, error responses)."""
    if "<Code>NoSuchBucket</Code>" in str(error):
        raise InputError(f"bucket {_scheme_and_host(uri)[1]} does not exist: make it or check its name") from error
