"""Files of object stores and web servers (`s3://`, `gs://`, `https://`), through obstore.

obstore retries transient errors and uploads in parts (see `object_clients`).
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import GenericError, NotSupportedError, PreconditionError

from bioinfo_assets.errors import InputError, UnreachableError
from bioinfo_assets.storage import s3_copy
from bioinfo_assets.storage.address import key_of, scheme_and_host
from bioinfo_assets.storage.atomic import atomic_write
from bioinfo_assets.storage.broken_answers import repeated
from bioinfo_assets.storage.file_stat import FileStat
from bioinfo_assets.storage.object_clients import in_region_of_bucket, open_object
from bioinfo_assets.storage.store_errors import is_permanent, status_of, translate_store_errors

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta

_CHUNK: Final = 10 * 1024 * 1024
PART: Final = 128 * 1024 * 1024
"""Bytes that are read by one request: a longer one would meet the client's timeout, and obstore goes on with one that
breaks off in its first minutes only."""

_NOT_SATISFIABLE: Final = 416
"""The status of an answer to a request for bytes after the end (RFC 9110, Range Not Satisfiable)."""

_MAX_BREAKS: Final = 6
"""Requests in a row without a byte."""

_DOWNLOAD_WAIT_S: Final = 0.5
"""Seconds from a request that breaks off to the next; each further wait is twice as long."""


@in_region_of_bucket
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


@in_region_of_bucket
@repeated
def read(uri: str, start: int, length: int | None) -> bytes:
    """Return `length` bytes of a file from `start` on, or all of the rest; none after its end.

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
        try:
            return bytes(obstore.get(store, path, options={"range": (start, start + length)}).bytes())
        except GenericError as error:
            if status_of(error) == _NOT_SATISFIABLE:  # of an empty file, for one
                return b""
            raise


@in_region_of_bucket
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
    """Yield a file's bytes in pieces; what breaks off goes on where it was, if the server supports ranges.

    Raises:
        NotFoundError: the file does not exist.
        InputError: it cannot be read, or changed meanwhile.
    """
    found = stat(uri)
    position = breaks = 0
    while position < found.size:
        before = position
        problem: InputError | UnreachableError | None = None
        try:
            for chunk in _part(uri, position, found):
                position += len(chunk)
                yield chunk
        except (InputError, UnreachableError) as error:
            problem = error
        if position == before:
            breaks += 1
            problem = problem or InputError(f"{uri} ended after {position} of {found.size} bytes: try again")
        else:
            breaks = 0
        if problem is None:
            continue
        if breaks == _MAX_BREAKS or (breaks and is_permanent(problem)):
            raise problem
        time.sleep(_DOWNLOAD_WAIT_S * 2**breaks)
        if stat(uri) != found:  # or that fails, since the server does not answer
            raise _changed(uri)
    if position != found.size:
        raise _changed(uri)


def _changed(uri: str) -> InputError:
    return InputError(f"{uri} changed while it was read: try again")


def fetch(uri: str, target: Path) -> None:
    """Download a file atomically.

    Raises:
        NotFoundError: the file does not exist.
        InputError: it cannot be read, or changed meanwhile.
        ResourceError: the disk is full.
    """
    with atomic_write(target) as part, part.open("wb") as file:
        for chunk in chunks(uri):
            file.write(chunk)


@in_region_of_bucket
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
        s3_copy.copy(bucket, key_of(source), target_bucket, key_of(target))
        return
    _copy_through_here(target, source, size)


@in_region_of_bucket
def _copy_through_here(target: str, source: str, size: int) -> None:
    with translate_store_errors(target):
        store, path = open_object(target)
        writer = obstore.open_writer(store, path, buffer_size=_part_size(size))
        for chunk in chunks(source):
            writer.write(chunk)
        writer.close()  # the object exists from here on: a copy that breaks off before leaves none


@in_region_of_bucket
def _copy_in_bucket(source: str, target: str) -> None:
    with translate_store_errors(target):
        try:
            obstore.copy(open_object(source)[0], key_of(source), key_of(target))
        except FileNotFoundError as error:
            with translate_store_errors(source):
                raise error from None


@in_region_of_bucket
@repeated
def delete(uri: str) -> None:
    """Remove a file if it exists.

    Raises:
        InputError: it cannot be removed.
    """
    with translate_store_errors(uri):
        store, path = open_object(uri)
        obstore.delete(store, path)


def delete_many(uris: Sequence[str]) -> None:
    """Remove files of one bucket, many per request where the store supports it.

    Raises:
        InputError: they cannot be removed.
    """
    if uris:
        _delete_all_of(uris[0], uris)


@in_region_of_bucket
@repeated
def _delete_all_of(uri: str, uris: Sequence[str]) -> None:
    with translate_store_errors(uri):
        store, _ = open_object(uri)
        obstore.delete(store, [key_of(uri) for uri in uris])


def file_stat(meta: "ObjectMeta") -> FileStat:
    """Return size and ETag as a store reports them."""
    etag = meta["e_tag"]
    return FileStat(size=meta["size"], stamp=etag or meta["last_modified"].isoformat(), etag=etag)


def _part(uri: str, start: int, found: FileStat) -> Iterator[bytes]:
    """The bytes of a file from a position on, up to the end or the size of a part."""
    end = min(start + PART, found.size)
    options: GetOptions = {}
    if found.etag and not found.etag.startswith("W/"):  # a weak one matches nothing (RFC 9110, If-Match)
        options["if_match"] = found.etag
    if (start, end) != (0, found.size):
        options["range"] = (start, end)
    with translate_store_errors(uri):
        store, path = open_object(uri)
        skip = 0
        try:
            result = obstore.get(store, path, options=options)
        except NotSupportedError:  # a web server without ranges
            result, skip = obstore.get(store, path), start
        except PreconditionError as error:
            raise _changed(uri) from error
        for chunk in result.stream(min_chunk_size=_CHUNK):
            data = bytes(chunk)
            yield data[skip:]
            skip = max(0, skip - len(data))


def _part_size(size: int) -> int:
    """Bytes of a part of an upload of this size: S3 accepts 10,000 parts (AWS user guide, multipart upload limits)."""
    return max(_CHUNK, size // 9_000)
