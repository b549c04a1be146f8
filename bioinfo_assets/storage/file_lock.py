"""Locks by file: the operating system releases the lock of a process that dies, so a free one also means its end."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bioinfo_assets.errors import InputError
from bioinfo_assets.storage.atomic import translate_disk_errors


@contextmanager
def file_lock(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock file: one thread of one process of this machine at a time is inside.

    The file stays: removing it would let two in, one by the old file and one by a new one.

    Args:
        path: The lock file; it is created if it does not exist.
        wait: Wait until it is free.

    Raises:
        BlockingIOError: another holds it, and `wait` is False.
        InputError: its folder cannot be written to, or its file system has no locks.
        ResourceError: the disk is full.
    """
    with translate_disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _open(path)
    try:
        _lock(handle, path, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, path: Path, operation: int) -> None:
    try:
        fcntl.flock(handle, operation)
    except BlockingIOError:
        raise
    except OSError as error:  # of NFS without a lock daemon, or of Lustre mounted without locks
        raise InputError(
            f"{path} cannot be locked ({error.strerror}): use a folder of a file system with locks (flock), or mount "
            "this one with them"
        ) from error


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except PermissionError:
        # Another user's file can be locked too, except on NFS. If there is none, the folder cannot be written to.
        with suppress(OSError):
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        raise


def is_held(path: Path) -> bool:
    """Return whether anybody holds a lock file; False if it does not exist, True if only its owner may know."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
    try:
        _lock(handle, path, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
