"""The objects of a bucket under a prefix, which is taken as a folder."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import obstore

from bioinfo_assets.errors import InputError, NotFoundError
from bioinfo_assets.storage.address import key_of, scheme_and_host
from bioinfo_assets.storage.broken_answers import repeated
from bioinfo_assets.storage.file_stat import FileStat
from bioinfo_assets.storage.object_clients import in_region_of_bucket, open_object
from bioinfo_assets.storage.object_files import file_stat, stat
from bioinfo_assets.storage.store_errors import translate_store_errors

if TYPE_CHECKING:
    from obstore import ListResult, ObjectMeta

_BEFORE_SLASH: Final = ".\U0010ffff"
"""What comes just before a slash, which obstore removes from the end of a key; `x-1` is before `x/`, and after `x`."""

_PAGE: Final = 1000
"""Objects of a page: what S3 lists in a request (Amazon S3 API reference, ListObjectsV2)."""


def list_files(folder: str, *, recursive: bool) -> Iterator[str]:
    """Yield the files under a prefix that is taken as a folder.

    Raises:
        InputError: it cannot be listed, such as that of a web server.
    """
    scheme, host = _check_listable(folder)
    objects = _objects(folder) if recursive else _in_folder(folder)["objects"]
    uris = ((f"{scheme}://{host}/{item['path']}", item) for item in objects)
    yield from (uri for uri, item in uris if not _is_folder_marker(uri, item))


def scan_files(folder: str) -> Iterator[tuple[str, FileStat]]:
    """Yield the files under a prefix, each with its `stat`, reading a thousand per request.

    Raises:
        InputError: it cannot be listed, such as that of a web server.
    """
    scheme, host = _check_listable(folder)
    uris = ((f"{scheme}://{host}/{item['path']}", item) for item in _objects(folder))
    yield from ((uri, file_stat(item)) for uri, item in uris if not _is_folder_marker(uri, item))


def scan_folders(folder: str, first: str, last: str) -> Iterator[tuple[str, FileStat]]:
    """Yield the files of the subfolders from `first` to `last`, in the order of their keys, each with its `stat`.

    Raises:
        InputError: it cannot be listed, such as that of a web server.
    """
    scheme, host = _check_listable(folder)
    root = key_of(folder).strip("/")
    begin, end = (f"{root}/{name}".lstrip("/") for name in (first, last))
    for item in _objects(folder, f"{begin}{_BEFORE_SLASH}"):
        path, uri = item["path"], f"{scheme}://{host}/{item['path']}"
        if path > f"{end}/" and not path.startswith(f"{end}/"):
            return
        is_in_subfolder = "/" in path[len(root) :].lstrip("/")
        if is_in_subfolder and not _is_folder_marker(uri, item):
            yield uri, file_stat(item)


def list_folders(folder: str) -> Iterator[str]:
    """Yield the names of the folders in a folder: the next parts of keys that go on after them.

    Raises:
        InputError: it cannot be listed, such as that of a web server.
    """
    _check_listable(folder)
    yield from (path.rstrip("/").rpartition("/")[2] for path in _in_folder(folder)["common_prefixes"])


def _is_folder_marker(uri: str, item: "ObjectMeta") -> bool:
    """Whether this is an empty object whose key ends with a slash, as S3's console makes it for a new folder.

    obstore removes the slash; there is no object of the name that is left.
    """
    if item["size"]:
        return False
    try:
        stat(uri)
    except NotFoundError:
        return True
    return False


def _objects(folder: str, after: str | None = None) -> "Iterator[ObjectMeta]":
    """All objects under a prefix, or those after a key; a list that breaks off goes on after the last page."""
    page = _page(folder, after)
    while page:
        is_last = len(page) < _PAGE
        if not is_last:
            # Without its slash, the mark of a folder comes before keys that are listed before it: `x`, `x-1`, `x/`.
            page = page[: 1 + max((i for i, item in enumerate(page) if item["size"]), default=len(page) - 1)]
        yield from page
        page = () if is_last else _page(folder, page[-1]["path"])


@in_region_of_bucket
@repeated
def _page(folder: str, after: str | None) -> "Sequence[ObjectMeta]":
    with translate_store_errors(folder):
        store, prefix = open_object(folder)
        return next(iter(obstore.list(store, prefix, offset=after, chunk_size=_PAGE)), ())


@in_region_of_bucket
@repeated
def _in_folder(folder: str) -> "ListResult[Sequence[ObjectMeta]]":
    with translate_store_errors(folder):
        store, prefix = open_object(folder)
        return obstore.list_with_delimiter(store, prefix)


def _check_listable(folder: str) -> tuple[str, str]:
    scheme, host = scheme_and_host(folder)
    if scheme in {"https", "http"}:
        raise InputError(f"{folder} cannot be listed: give the addresses of a web server's files one by one")
    return scheme, host
