"""Files by URI: absolute local paths (also `file://`), `s3://`, `gs://` (public) and `https://`.

All writes are atomic. A client is created at the first use of its bucket. Everything here is thread-safe.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from bioinfo_assets.errors import InputError, NotFoundError
from bioinfo_assets.storage import local_files, object_files, object_lists
from bioinfo_assets.storage.address import SCHEMES, split_address
from bioinfo_assets.storage.atomic import atomic_move, remove_parts
from bioinfo_assets.storage.file_stat import FileStat

__all__ = ["FileStat", "Store", "join", "local_path"]

MAX_SMALL_BYTES: Final = 128 * 1024 * 1024
"""The size of files that are read into memory; the record of a report on ten thousand samples has some 15 MiB."""


def local_path(uri: str) -> Path | None:
    """Return the path of a file of this machine, None for any other.

    Raises:
        InputError: neither an absolute path nor an address that this project reads.

    >>> local_path("file:///data/a%20b.txt"), local_path("s3://bucket/key")
    (PosixPath('/data/a b.txt'), None)
    """
    if uri.startswith("/"):
        return _path(uri)
    parts = split_address(uri)
    if parts.scheme == "file":
        return _path(unquote(parts.path))
    if parts.scheme in SCHEMES:
        return None
    raise InputError(f"{uri!r} is not a file location: give an absolute path, or an s3://, gs:// or https:// address")


def _path(text: str) -> Path:
    if "\0" in text:
        raise InputError(f"{text!r} is not a file location: a path has no NUL character")
    return Path(text)


def join(uri: str, *parts: str) -> str:
    """Return the URI of a file or folder within a folder.

    >>> join("s3://bucket/results/", "expt", "expt.bam"), join("/results", "expt")
    ('s3://bucket/results/expt/expt.bam', '/results/expt')
    """
    return "/".join([uri.rstrip("/"), *(part.strip("/") for part in parts)])


def folder_order(name: str) -> str:
    """The key by which folders are sorted as their files are in a list of S3: `x-1` comes before `x`."""
    return f"{name}/"


@dataclass(frozen=True, slots=True)
class Store:
    """All files this project reads and writes, wherever they are.

    Every method raises NotFoundError for a file that does not exist, InputError for one that may not be accessed,
    UnreachableError while S3 does not answer, and ResourceError for a full disk.
    """

    def stat(self, uri: str) -> FileStat:
        """Return a file's size and stamp: the same as long as it is not rewritten."""
        path = local_path(uri)
        return object_files.stat(uri) if path is None else local_files.stat(path)

    def find(self, uri: str) -> FileStat | None:
        """Return a file's size and stamp, None if it does not exist; an unreachable store is an error."""
        try:
            return self.stat(uri)
        except NotFoundError:
            return None

    def exists(self, uri: str) -> bool:
        """Return whether a file exists; an unreachable store is an error."""
        return self.find(uri) is not None

    def read_bytes(self, uri: str, start: int = 0, length: int | None = None) -> bytes:
        """Return a file's bytes, or `length` of them from `start` on."""
        path = local_path(uri)
        return object_files.read(uri, start, length) if path is None else local_files.read(path, start, length)

    def read_small(self, uri: str, max_bytes: int = MAX_SMALL_BYTES) -> bytes:
        """Return the bytes of a file that is read into memory as a whole, such as a record or a samples file.

        Raises:
            InputError: it is larger than `max_bytes`, or it has no end, such as a device.
        """
        path = local_path(uri)
        data: bytes | None = None
        if path is None:
            data = object_files.read_up_to(uri, max_bytes + 1)
        elif local_files.stat(path).size <= max_bytes:  # a device is refused here
            data = local_files.read_up_to(path, max_bytes + 1)
        if data is None or len(data) > max_bytes:
            raise InputError(f"{uri} is larger than {max_bytes >> 20} MiB, so it is not what belongs there: replace it")
        return data

    def write_bytes(self, uri: str, data: bytes) -> None:
        """Write a file, in place of any existing one; local folders are created."""
        path = local_path(uri)
        if path is None:
            object_files.write(uri, data)
        else:
            local_files.write(path, data)

    def fetch(self, uri: str, path: Path) -> None:
        """Copy a file to a local path."""
        source = local_path(uri)
        if source is None:
            object_files.fetch(uri, path)
        else:
            local_files.fetch(source, path)

    def put(self, path: Path, uri: str) -> None:
        """Copy a local file to a URI."""
        target = local_path(uri)
        if target is None:
            local_files.stat(path)
            object_files.write(uri, path)
        else:
            local_files.fetch(path, target)

    def move(self, source: str, uri: str) -> None:
        """Move a file: by rename within one file system, otherwise by a copy and the removal of the source."""
        from_path, to_path = local_path(source), local_path(uri)
        if from_path is not None and to_path is not None:
            local_files.stat(from_path)
            atomic_move(from_path, to_path)
            return
        self.copy(source, uri)
        self.delete(source)

    def copy(self, source: str, uri: str, size: int | None = None) -> None:
        """Copy a file: on the server's side within S3, otherwise through this machine.

        Args:
            source: The file.
            uri: Its new address.
            size: Its bytes if they are known, which saves a request.
        """
        from_path, to_path = local_path(source), local_path(uri)
        if from_path is not None:
            self.put(from_path, uri)
        elif to_path is not None:
            self.fetch(source, to_path)
        else:
            object_files.copy(source, uri, size)

    def delete(self, uri: str) -> None:
        """Remove a file if it exists."""
        path = local_path(uri)
        if path is None:
            object_files.delete(uri)
        else:
            local_files.delete(path)

    def delete_all(self, folder: str, except_named: str = "") -> None:
        """Remove the files of a folder and its subfolders, many per request where the store supports it.

        Args:
            folder: The folder, which may not exist.
            except_named: Files of this name are kept, in subfolders too.
        """
        self.delete_many([uri for uri in self.list(folder, recursive=True) if uri.rpartition("/")[2] != except_named])

    def delete_many(self, uris: Sequence[str]) -> None:
        """Remove those of some files that exist, many per request where the store supports it; all of one bucket."""
        if uris and local_path(uris[0]) is None:
            object_files.delete_many(uris)
            return
        for uri in uris:
            self.delete(uri)

    def remove_parts(self, uri: str) -> None:
        """Remove the temporary files of killed writers of a local file; call it only while no process writes it.

        Object stores hide the parts of unfinished uploads; a lifecycle rule of the bucket removes them (AWS user guide,
        AbortIncompleteMultipartUpload).
        """
        path = local_path(uri)
        if path is not None:
            remove_parts(path)

    def list(self, folder: str, *, recursive: bool = False) -> tuple[str, ...]:
        """Return the files of a folder, sorted, without hidden local ones; none if the folder does not exist."""
        path = local_path(folder)
        uris = (
            object_lists.list_files(folder, recursive=recursive)
            if path is None
            else local_files.list_files(path, recursive=recursive)
        )
        return tuple(sorted(uris))

    def scan(self, folder: str) -> Iterator[tuple[str, FileStat]]:
        """Yield the files of a folder and its subfolders, each with its stat; unsorted, without hidden ones."""
        path = local_path(folder)
        if path is not None:
            yield from local_files.scan_files(path)
            return
        yield from _without_hidden(folder, object_lists.scan_files(folder))

    def scan_folders(self, folder: str, names: Sequence[str]) -> Iterator[tuple[str, FileStat]]:
        """Yield the files of folders that follow each other in a remote folder, each with its stat, as `scan` does.

        Args:
            folder: The remote folder.
            names: Some names that `folders` returned, sorted by `folder_order`, with no others between them.
        """
        if names:
            yield from _without_hidden(folder, object_lists.scan_folders(folder, names[0], names[-1]))

    def folders(self, folder: str) -> tuple[str, ...]:
        """Return the names of the folders in a folder, sorted, without hidden ones; none if it does not exist."""
        path = local_path(folder)
        names = object_lists.list_folders(folder) if path is None else local_files.list_folders(path)
        return tuple(sorted(name for name in names if not name.startswith(".")))

    def digest(self, uri: str, on_bytes: Callable[[int], None] | None = None) -> str:
        """Return `sha256:` and the hex digest of a file's bytes; `on_bytes` gets the size of each piece read."""
        sha256 = hashlib.sha256()
        for chunk in self._chunks(uri):
            sha256.update(chunk)
            if on_bytes is not None:
                on_bytes(len(chunk))
        return f"sha256:{sha256.hexdigest()}"

    def content_of(self, uri: str, on_bytes: Callable[[int], None] | None = None) -> str:
        """Return what identifies a source's content: a remote file's `etag:…` if it has one, otherwise its `digest`."""
        if local_path(uri) is None:
            etag = self.stat(uri).etag
            if etag is not None:
                return "etag:" + etag.strip('"')
        return self.digest(uri, on_bytes)

    def _chunks(self, uri: str) -> Iterator[bytes]:
        path = local_path(uri)
        return object_files.chunks(uri) if path is None else local_files.chunks(path)


def _without_hidden(folder: str, files: Iterable[tuple[str, FileStat]]) -> Iterator[tuple[str, FileStat]]:
    """The files under a remote folder that are in no hidden folder below it."""
    prefix_length = len(folder.rstrip("/"))
    return ((uri, stat) for uri, stat in files if "/." not in uri[prefix_length:])
