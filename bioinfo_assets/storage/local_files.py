"""Files of this machine, for `Store`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ELOOP, ENOENT
from pathlib import Path
from stat import S_ISREG
from typing import Final

from bioinfo_assets.errors import InputError, NotFoundError
from bioinfo_assets.storage.atomic import atomic_copy, atomic_write, translate_disk_errors
from bioinfo_assets.storage.file_stat import FileStat

_CHUNK_BYTES: Final = 64 * 1024
_LARGE_CHUNK_BYTES: Final = 4 * 1024 * 1024

LOST_AND_FOUND: Final = "lost+found"
"""The folder of ext4 in the root of a disk, which only root can read."""


def stat(path: Path) -> FileStat:
    """Return size and modification time.

    Raises:
        NotFoundError: the file does not exist.
    """
    with _translate_path_errors(path):
        status = path.stat()
    if not S_ISREG(status.st_mode):
        raise InputError(f"{path} is not a file: give the path of a file")
    return FileStat(size=status.st_size, stamp=str(status.st_mtime_ns))


def read(path: Path, start: int, length: int | None) -> bytes:
    """Return `length` bytes of a file from `start` on, or all of the rest.

    Raises:
        NotFoundError: the file does not exist.
    """
    with _translate_path_errors(path), path.open("rb") as file:
        file.seek(start)
        return file.read(-1 if length is None else length)


def read_up_to(path: Path, max_bytes: int) -> bytes:
    """Return a file's first bytes, in memory of the size of the file rather than of the limit.

    Raises:
        NotFoundError: the file does not exist.
    """
    data = bytearray()
    with _translate_path_errors(path), path.open("rb", buffering=0) as file:
        while len(data) < max_bytes and (chunk := file.read(min(_CHUNK_BYTES, max_bytes - len(data)))):
            data += chunk
    return bytes(data)


def write(path: Path, data: bytes) -> None:
    """Write a file atomically.

    Raises:
        ResourceError: the disk is full.
    """
    with atomic_write(path) as part:
        part.write_bytes(data)


def fetch(path: Path, target: Path) -> None:
    """Copy a file of this machine atomically.

    Raises:
        NotFoundError: the file does not exist.
        ResourceError: the disk is full.
    """
    stat(path)
    read(path, 0, 0)  # so that an unreadable source is not reported as an error of the target
    atomic_copy(path, target)


def delete(path: Path) -> None:
    """Remove a file if it exists."""
    with translate_disk_errors(path.parent):
        path.unlink(missing_ok=True)


def chunks(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes in pieces.

    Raises:
        NotFoundError: the file does not exist.
        InputError: it is no file, or cannot be read.
    """
    stat(path)
    with _translate_path_errors(path), path.open("rb") as file:
        while chunk := file.read(_LARGE_CHUNK_BYTES):
            yield chunk


def list_files(folder: Path, *, recursive: bool) -> Iterator[str]:
    """Yield the files of a folder, without those with a leading dot (locks and temporary files).

    Raises:
        InputError: the folder, or one in it, exists and cannot be read. It does not count as empty.
    """
    for parent, list_folders, names in os.walk(folder, onerror=_raise_unless_missing):
        list_folders[:] = [name for name in list_folders if recursive and name[0] != "." and name != LOST_AND_FOUND]
        yield from (f"{parent}/{name}" for name in names if not name.startswith("."))


def scan_files(folder: Path) -> Iterator[tuple[str, FileStat]]:
    """Yield the files of a folder and its subfolders, as `list_files` does, each with its `stat`."""
    for uri in list_files(folder, recursive=True):
        try:
            status = os.stat(uri)  # noqa: PTH116 - a Path for each of millions takes longer than the disk
        except OSError as error:
            # It was removed while the folder was read, or it is a link to nothing, or to itself.
            if error.errno in {ENOENT, ELOOP}:
                continue
            with _translate_path_errors(Path(uri)):
                raise
        if S_ISREG(status.st_mode):
            yield uri, FileStat(size=status.st_size, stamp=str(status.st_mtime_ns))


def list_folders(folder: Path) -> Iterator[str]:
    """Yield the names of the folders in a folder, without those with a leading dot."""
    with suppress(NotFoundError), _translate_path_errors(folder), os.scandir(folder) as entries:
        names = (entry.name for entry in entries if entry.is_dir())
        yield from (name for name in names if not name.startswith(".") and name != LOST_AND_FOUND)


def _raise_unless_missing(error: OSError) -> None:
    with suppress(NotFoundError), _translate_path_errors(Path(error.filename)):
        raise error


@contextmanager
def _translate_path_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"{path} does not exist: check its spelling, or create it first") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is not a file: give the path of a file") from error
    except PermissionError as error:
        raise InputError(f"{path} is not readable for this user: change its permissions") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check its path and its disk") from error
