"""Files of this machine, as one of the two kinds of place a `Store` knows."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG

from bioinfo_assets.errors import InputError, NotFoundError
from bioinfo_assets.storage.atomic import atomic_copy, atomic_write, translate_disk_errors
from bioinfo_assets.storage.file_stat import FileStat


def stat(path: Path) -> FileStat:
    """Size and time of last change.

    Raises:
        InputError: there is no such file.
    """
    with _translate_path_errors(path):
        facts = path.stat()
    if not path.is_file():
        raise InputError(f"{path} is not a file: give the path of a file")
    return FileStat(size=facts.st_size, stamp=str(facts.st_mtime_ns))


def read(path: Path, start: int, length: int | None) -> bytes:
    """Part of a file's bytes, or all.

    Raises:
        InputError: there is no such file.
    """
    with _translate_path_errors(path), path.open("rb") as file:
        file.seek(start)
        return file.read(-1 if length is None else length)


def write(path: Path, data: bytes) -> None:
    """Writes a file whole.

    Raises:
        ResourceError: the disk is full.
    """
    with atomic_write(path) as part:
        part.write_bytes(data)


def fetch(path: Path, target: Path) -> None:
    """Copies a file of this machine.

    Raises:
        InputError: there is no such file.
        ResourceError: the disk is full.
    """
    stat(path)
    read(path, 0, 0)  # what may not be read is told of the source, not of the target
    atomic_copy(path, target)


def delete(path: Path) -> None:
    """Removes a file; one that is not there stays so."""
    with translate_disk_errors(path.parent):
        path.unlink(missing_ok=True)


def list_files(folder: Path, *, recursive: bool) -> Iterator[str]:
    """The files of a folder, those with a leading dot (locks, and what is being written) left out."""
    for parent, list_folders, names in os.walk(folder):
        list_folders[:] = [name for name in list_folders if recursive and not name.startswith(".")]
        yield from (f"{parent}/{name}" for name in names if not name.startswith("."))


def scan_files(folder: Path) -> Iterator[tuple[str, FileStat]]:
    """The files that `listed` finds in a folder and in those within it, each with what `stat` says of it."""
    for uri in list_files(folder, recursive=True):
        with suppress(FileNotFoundError):  # it went while the folder was read
            facts = os.stat(uri)  # noqa: PTH116 - a Path for each of millions takes longer than the disk
            if S_ISREG(facts.st_mode):
                yield uri, FileStat(size=facts.st_size, stamp=str(facts.st_mtime_ns))


def list_folders(folder: Path) -> Iterator[str]:
    """The names of the folders in a folder, those with a leading dot left out."""
    if folder.is_dir():
        with _translate_path_errors(folder), os.scandir(folder) as entries:
            yield from (entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


@contextmanager
def _translate_path_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"{path} does not exist: check its spelling, or create it first") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is not a file: give the path of a file") from error
    except PermissionError as error:
        raise InputError(f"{path} may not be read: give yourself the right to read it") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check its path and its disk") from error
