"""Conditional writes to S3: of several processes that write an object at the same time, one succeeds.

S3 creates an object only if there is none (`If-None-Match: *`), or replaces it only if it still has a known ETag
(`If-Match`); see the Amazon S3 user guide, conditional requests.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, PreconditionError

from bioinfo_assets.errors import NotFoundError
from bioinfo_assets.storage.broken_answers import repeated
from bioinfo_assets.storage.object_clients import in_region_of_bucket, open_object
from bioinfo_assets.storage.store_errors import translate_store_errors

if TYPE_CHECKING:
    from obstore import PutResult


@dataclass(frozen=True, slots=True)
class VersionedObject:
    """The content of an object, and the ETag of this version of it."""

    data: bytes
    etag: str


def read(uri: str) -> VersionedObject | None:
    """Read an object; None if it does not exist.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return _read(uri)
    except NotFoundError:
        return None


def write(uri: str, data: bytes, etag: str | None) -> str | None:
    """Write an object if nobody else has written it meanwhile.

    An answer that is lost makes the client write again, which then meets its own object: content that names its writer
    distinguishes the two, and counts as written.

    Args:
        uri: The object.
        data: Its new content.
        etag: Of the version to replace; None: the object must not exist yet.

    Returns:
        The ETag of the new version; None if another version is there.

    Raises:
        InputError: it cannot be written.
    """
    try:
        written = _put(uri, data, etag)
    except NotFoundError:  # the answer to `If-Match` if the object was deleted
        return None
    if written is not None:
        return written["e_tag"] or ""
    current = read(uri)
    return current.etag if current is not None and current.data == data else None


@in_region_of_bucket
@repeated
def _read(uri: str) -> VersionedObject:
    with translate_store_errors(uri):
        store, path = open_object(uri)
        result = obstore.get(store, path)
        return VersionedObject(bytes(result.bytes()), result.meta["e_tag"] or "")


@in_region_of_bucket
@repeated
def _put(uri: str, data: bytes, etag: str | None) -> "PutResult | None":
    with translate_store_errors(uri):
        store, path = open_object(uri)
        try:
            return obstore.put(store, path, data, mode="create" if etag is None else {"e_tag": etag})
        except (AlreadyExistsError, PreconditionError):
            return None
