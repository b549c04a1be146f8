"""Files by URI: absolute local paths (also `file://`), `s3://`, `gs://` (public) and `https://`, in one way.

A file is written whole or not at all. No client is made before the first use of its bucket. Everything may be called
from several threads.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from bioinfo_assets.errors import InputError, NotFoundError
from bioinfo_assets.storage import local_files, object_files
from bioinfo_assets.storage.atomic import atomic_move, remove_parts
from bioinfo_assets.storage.file_stat import FileStat

__all__ = ["FileStat", "Store", "join", "local_path"]

_CHUNK: Final = 4 * 1024 * 1024


def local_path(uri: str) -> Path | None:
    """The path of a file of this machine, None for any other.

    Raises:
        InputError: neither an absolute path nor an address this project reads.

    >>> local_path("file:///data/a%20b.txt"), local_path("s3://bucket/key")
    (PosixPath('/data/a b.txt'), None)
    """
    if uri.startswith("/"):
        return Path(uri)
    scheme = urlsplit(uri).scheme
    if scheme == "file":
        return Path(unquote(urlsplit(uri).path))
    if scheme in object_files.SCHEMES:
        return None
    raise InputError(f"{uri!r} is no place for files: give an absolute path, or an s3://, gs:// or https:// address")


def join(uri: str, *parts: str) -> str:
    """A place within a place.

    >>> join("s3://bucket/results/", "expt", "expt.bam"), join("/results", "expt")
    ('s3://bucket/results/expt/expt.bam', '/results/expt')
    """
    return "/".join([uri.rstrip("/"), *(part.strip("/") for part in parts)])


@dataclass(frozen=True, slots=True)
class Store:
    """All files this project reads and writes, wherever they are.

    Every method raises NotFoundError for a file that does not exist, InputError for one that may not be accessed, and
    ResourceError for a full disk.
    """

    def stat(self, uri: str) -> FileStat:
        """A file's size and stamp: the same again as long as it is not rewritten."""
        path = local_path(uri)
        return object_files.stat(uri) if path is None else local_files.stat(path)

    def find(self, uri: str) -> FileStat | None:
        """A file's size and stamp, None where there is none. A place that cannot be reached is an error."""
        try:
            return self.stat(uri)
        except NotFoundError:
            return None

    def exists(self, uri: str) -> bool:
        """Whether the file is there. A place that cannot be reached is an error, not an absence."""
        return self.find(uri) is not None

    def read_bytes(self, uri: str, start: int = 0, length: int | None = None) -> bytes:
        """A file's bytes, or `length` of them from `start`."""
        path = local_path(uri)
        return object_files.read(uri, start, length) if path is None else local_files.read(path, start, length)

    def write_bytes(self, uri: str, data: bytes) -> None:
        """Writes a file whole, in place of any that was there; local folders are made."""
        path = local_path(uri)
        if path is None:
            object_files.write(uri, data)
        else:
            local_files.write(path, data)

    def fetch(self, uri: str, path: Path) -> None:
        """Copies a file to a local path, which is there once every byte is."""
        source = local_path(uri)
        if source is None:
            object_files.fetch(uri, path)
        else:
            local_files.fetch(source, path)

    def put(self, path: Path, uri: str) -> None:
        """Copies a local file to where it is published."""
        target = local_path(uri)
        if target is None:
            local_files.stat(path)
            object_files.write(uri, path)
        else:
            local_files.fetch(path, target)

    def move(self, source: str, uri: str) -> None:
        """Moves a file: by name within one file system, else by a whole copy and then the removal of the source."""
        here, there = local_path(source), local_path(uri)
        if here is not None and there is not None:
            local_files.stat(here)
            atomic_move(here, there)
            return
        self.copy(source, uri)
        self.delete(source)

    def copy(self, source: str, uri: str) -> None:
        """Copies a file: by S3 itself within S3, else through this machine."""
        here, there = local_path(source), local_path(uri)
        if here is not None:
            self.put(here, uri)
        elif there is not None:
            self.fetch(source, there)
        else:
            object_files.copy(source, uri)

    def delete(self, uri: str) -> None:
        """Removes a file; one that is not there stays so."""
        path = local_path(uri)
        if path is None:
            object_files.delete(uri)
        else:
            local_files.delete(path)

    def delete_all(self, folder: str, except_named: str = "") -> None:
        """Removes the files of a folder and of those within it, many in one call where the store can.

        Args:
            folder: The folder; one that is not there stays so.
            except_named: Files of this name stay, wherever they are.
        """
        doomed = [uri for uri in self.list(folder, recursive=True) if uri.rpartition("/")[2] != except_named]
        if local_path(folder) is None:
            object_files.delete_many(doomed)
            return
        for uri in doomed:
            self.delete(uri)

    def remove_parts(self, uri: str) -> None:
        """Removes what writers of a local file that were killed left beside it, where nobody writes it now.

        Stores of objects keep the parts of an upload out of sight; a rule of the bucket removes them (AWS user guide,
        AbortIncompleteMultipartUpload).
        """
        path = local_path(uri)
        if path is not None:
            remove_parts(path)

    def list(self, folder: str, *, recursive: bool = False) -> tuple[str, ...]:
        """The files of a folder, sorted; none where there is no such folder. Hidden local files are left out."""
        path = local_path(folder)
        found = (
            object_files.list_files(folder, recursive=recursive)
            if path is None
            else local_files.list_files(path, recursive=recursive)
        )
        return tuple(sorted(found))

    def scan(self, folder: str) -> Iterator[tuple[str, FileStat]]:
        """The files of a folder and of those within it, each with size and stamp; no order, nothing hidden."""
        path = local_path(folder)
        if path is not None:
            yield from local_files.scan_files(path)
            return
        above = len(folder.rstrip("/"))
        for uri, stat in object_files.scan_files(folder):
            if "/." not in uri[above:]:
                yield uri, stat

    def folders(self, folder: str) -> tuple[str, ...]:
        """The names of the folders in a folder, sorted, without hidden ones; none where there is no such folder."""
        path = local_path(folder)
        found = object_files.list_folders(folder) if path is None else local_files.list_folders(path)
        return tuple(sorted(name for name in found if not name.startswith(".")))

    def digest(self, uri: str, on_bytes: Callable[[int], None] | None = None) -> str:
        """`sha256:` and the hex digest of a file's bytes, all of which are read; `on_bytes` is told how many came."""
        sha256 = hashlib.sha256()
        for chunk in self._chunks(uri):
            sha256.update(chunk)
            if on_bytes is not None:
                on_bytes(len(chunk))
        return f"sha256:{sha256.hexdigest()}"

    def content_of(self, uri: str, on_bytes: Callable[[int], None] | None = None) -> str:
        """What names a source's content: a remote file's `etag:…` where its server gives one, else its `digest`."""
        if local_path(uri) is None:
            etag = self.stat(uri).etag
            if etag is not None:
                return "etag:" + etag.strip('"')
        return self.digest(uri, on_bytes)

    def _chunks(self, uri: str) -> Iterator[bytes]:
        path = local_path(uri)
        if path is None:
            yield from object_files.chunks(uri)
            return
        self.stat(uri)
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
