import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.storage.file_lock import file_lock, is_held


def test_a_held_lock_is_refused_without_waiting_and_free_afterwards(tmp_path: Path) -> None:
    lock = tmp_path / "new" / "lock"
    with file_lock(lock):
        assert is_held(lock)
        with pytest.raises(BlockingIOError), file_lock(lock, wait=False):
            pass
    assert not is_held(lock)
    with file_lock(lock, wait=False):
        pass


def test_a_missing_file_is_not_held_and_not_created(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []


HOLDER = """
import sys, time
from pathlib import Path
from bioinfo_assets.storage.file_lock import file_lock
with file_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(1000)
"""


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert is_held(lock)
        os.kill(holder.pid, 9)
        holder.wait()
        assert not is_held(lock)


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is none on this machine: NFS without a lock daemon answers like this (flock(2), ENOLCK)."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    (tmp_path / "lock").touch()
    monkeypatch.setattr("fcntl.flock", refuse)
    for use in (lambda: file_lock(tmp_path / "lock").__enter__(), lambda: is_held(tmp_path / "lock")):
        with pytest.raises(InputError, match=r"/lock cannot be locked \(No locks available\): use a folder of a file"):
            use()
