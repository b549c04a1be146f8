"""Atomic writes to this machine's disks, and the errors of a full or unwritable disk as messages for users."""

import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import InputError, ResourceError

_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_WRITABLE: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EISDIR}
)

_CANNOT_SYNC: Final = frozenset({errno.EINVAL, errno.EBADF})
"""What fsync(2) answers for a folder of a file system that does not support it."""

_PART: Final = r"[a-z0-9_]{8}\.part"
"""How the name of a temporary file ends, as mkstemp makes it."""


def disk_full_error(folder: Path | str) -> ResourceError:
    """Return the error of a full disk: where, and what to do."""
    return ResourceError(
        f"no space is left for {folder}: free some there, or set scratch or output to a folder on a larger disk"
    )


@contextmanager
def translate_disk_errors(folder: Path) -> Iterator[None]:
    """Translate the operating system's errors of writing to a folder.

    Raises:
        ResourceError: the disk is full, or the user's quota is used up.
        InputError: the folder cannot be written to.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise disk_full_error(folder) from error
        if error.errno in _NOT_WRITABLE:
            raise InputError(f"{folder} cannot be written to ({error.strerror}): choose another folder") from error
        raise


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`, which replaces it when the block succeeds, and is removed otherwise.

    The bytes are synced to the disk before the rename, so that a crash leaves either the old file or the new one.

    Raises:
        ResourceError: the disk is full.
        InputError: the folder cannot be written to.
    """
    with translate_disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
        os.close(handle)
        part = Path(name)
        try:
            part.chmod(0o666 & ~_umask())  # mkstemp creates files that only their owner can read
            yield part
            _fsync(part)
            part.replace(path)
            _fsync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)


def remove_parts(path: Path) -> None:
    """Remove the temporary files of killed writers of `path`; call it only while no process writes it.

    Raises:
        InputError: the folder cannot be written to.
    """
    part = re.compile(re.escape(f".{path.name[:100]}.") + _PART)
    with translate_disk_errors(path.parent):
        for file in path.parent.iterdir() if path.parent.is_dir() else ():
            if part.fullmatch(file.name):
                file.unlink(missing_ok=True)


def abandoned_parts(folder: Path, min_age_s: float) -> Iterator[tuple[Path, int]]:
    """Yield the temporary files in a folder and its subfolders to which nothing was written for so many seconds.

    Each comes with its size.
    """
    part = re.compile(r"\..+\." + _PART)
    for root, _, names in os.walk(folder):
        for file in (Path(root, name) for name in names if part.fullmatch(name)):
            with suppress(FileNotFoundError):  # it is finished by now
                stat = file.stat()
                if time.time() - stat.st_mtime >= min_age_s:
                    yield file, stat.st_size


def atomic_copy(source: Path, target: Path) -> None:
    """Copy a file's bytes; `target` never exists with only some of them.

    Raises:
        ResourceError: the disk is full.
    """
    with atomic_write(target) as part:
        shutil.copyfile(source, part)


def atomic_move(source: Path, target: Path) -> None:
    """Move a file: by rename within one file system, by an atomic copy between two.

    Raises:
        ResourceError: the disk is full.
    """
    with translate_disk_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _fsync(source)
            source.replace(target)
            _fsync_folder(target.parent)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            atomic_copy(source, target)
            source.unlink()


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fsync_folder(folder: Path) -> None:
    """Sync a folder's entries, where the file system can: shared folders of VirtualBox and of SMB may not."""
    try:
        _fsync(folder)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def _umask() -> int:
    """The process's umask, from /proc, since os.umask would change it for other threads for a moment."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o077
