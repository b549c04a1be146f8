"""Writing to this machine's disks so that a reader sees a whole file or none, and a full disk is told as such."""

import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import InputError, ResourceError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_UNFIT: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EISDIR}
)


def disk_full_error(folder: Path | str) -> ResourceError:
    """The error that says a disk is full: where, and what to do."""
    return ResourceError(
        f"no space is left for {folder}: free some there, or set scratch or output to a folder on a larger disk"
    )


@contextmanager
def translate_disk_errors(folder: Path) -> Iterator[None]:
    """Turns the operating system's words for a full disk, or a folder that cannot be written to, into ours.

    Raises:
        ResourceError: the disk is full, or the user's quota is used up.
        InputError: the folder cannot be written to.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full_error(folder) from error
        if error.errno in _UNFIT:
            raise InputError(f"{folder} cannot be written to ({error.strerror}): choose another folder") from error
        raise


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path` that takes its place when the block ends well, and is removed if not.

    The bytes reach the disk before the name does, so that a crash leaves the old file or the new one.

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
            part.chmod(0o666 & ~_umask())  # mkstemp makes files that their owner alone may read
            yield part
            _sync(part)
            part.replace(path)
            _sync(path.parent)
        finally:
            part.unlink(missing_ok=True)


def remove_parts(path: Path) -> None:
    """Removes what writers of `path` that were killed left beside it, where nobody writes it now.

    Raises:
        InputError: the folder cannot be written to.
    """
    part = re.compile(re.escape(f".{path.name[:100]}.") + r"[a-z0-9_]{8}\.part")  # as mkstemp names them
    with translate_disk_errors(path.parent):
        for beside in path.parent.iterdir() if path.parent.is_dir() else ():
            if part.fullmatch(beside.name):
                beside.unlink(missing_ok=True)


def atomic_copy(source: Path, target: Path) -> None:
    """Copies a file's bytes so that `target` is never half there.

    Raises:
        ResourceError: the disk is full.
    """
    with atomic_write(target) as part:
        shutil.copyfile(source, part)


def atomic_move(source: Path, target: Path) -> None:
    """Moves a file: by its name where both stand on one file system, else by a whole copy.

    Raises:
        ResourceError: the disk is full.
    """
    with translate_disk_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _sync(source)
            source.replace(target)
            _sync(target.parent)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            atomic_copy(source, target)
            source.unlink()


@contextmanager
def file_lock(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Holds a lock file: one thread of one process of this machine at a time is inside.

    The file stays: to remove it would let two in, one by the old file and one by a new one. The operating system drops
    the lock of a process that dies.

    Args:
        path: The lock file; it is made if it is not there.
        wait: Wait until it is free.

    Raises:
        BlockingIOError: another holds it, and `wait` is not wished.
        InputError: its folder cannot be written to.
        ResourceError: the disk is full.
    """
    with translate_disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    """The process's umask, read where reading does not change it for other threads."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o077
