import errno
import os
import stat
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError, ResourceError
from bioinfo_assets.storage.atomic import atomic_copy, atomic_move, atomic_write, translate_disk_errors


def test_a_full_disk_is_reported_with_the_folder_and_advice(tmp_path: Path) -> None:
    with (
        pytest.raises(ResourceError, match=r"^no space is left for .*: free some there, or set scratch or output to"),
        translate_disk_errors(tmp_path),
        Path("/dev/full").open("wb", buffering=0) as full,  # null(4): every write fails with ENOSPC
    ):
        full.write(b"x")


def fail_for_folders(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Make fsync fail for folders."""
    fsync = os.fsync

    def fails_for_folders(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(code, os.strerror(code))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", fails_for_folders)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EBADF])
def test_a_file_system_may_not_sync_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Shared folders of VirtualBox (rethinkdb/rethinkdb#2255) and of SMB (syncthing/syncthing#4432)."""
    fail_for_folders(monkeypatch, code)
    with atomic_write(tmp_path / "x") as part:
        part.write_bytes(b"new")
    atomic_move(tmp_path / "x", tmp_path / "folder" / "y")
    assert (tmp_path / "folder" / "y").read_bytes() == b"new"


def test_other_errors_of_syncing_a_folder_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_for_folders(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="Input/output error"), atomic_write(tmp_path / "x"):
        pass


def test_an_error_during_a_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"old")

    def write() -> None:
        with atomic_write(target) as part:
            part.write_bytes(b"half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("folder", ["/sys/results", "/dev/null/results"])  # not even root can create folders there
def test_a_folder_that_cannot_be_written_to_is_reported(folder: str) -> None:
    with pytest.raises(InputError, match=rf"^{folder} cannot be written to \(.*\): choose another folder$"):
        atomic_copy(Path("/etc/hostname"), Path(folder) / "x")
