"""What the jobs of several processes hold of one machine: never more than it has, in turn, and no result twice."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from bioinfo_assets.errors import InputError, ResourceError
from bioinfo_assets.launch import machine_share
from bioinfo_assets.launch.backend import Outcome, State
from bioinfo_assets.launch.job import Resources
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.launch.machine_limits import available_cpus
from bioinfo_assets.launch.machine_share import FOLDER_VARIABLE, MachineShare, machine_folder
from bioinfo_assets.storage.atomic import disk_full_error
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.contract import TEXT, job, run, wait_for_end, wait_for_status
from bioinfo_assets_tests.launch.mounts import can_mount
from bioinfo_assets_tests.other_user import as_nobody, needs_root

ONE, TWO, THREE = (Resources(cpus=cpus, memory_mib=100) for cpus in (1, 2, 3))

HOLDER = """
import sys, time
from pathlib import Path
from bioinfo_assets.launch.job import Resources
from bioinfo_assets.launch.machine_share import MachineShare
share = MachineShare(4, 1000, Path(sys.argv[1]))
share.claim({"job": "/out/depth.txt"})
print(share.try_hold("job", Resources(cpus=3, memory_mib=100)), flush=True)
time.sleep(1000)
"""
"""A process that holds three of four CPUs, and computes a result."""


@pytest.fixture
def other() -> Iterator[MachineShare]:
    """What another run holds of this machine."""
    held = MachineShare(available_cpus(), 1_000_000_000, machine_folder())
    yield held
    held.close()


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[LocalBackend]:
    local = LocalBackend(tmp_path, Store())
    yield local
    local.close()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 64 KiB in a folder."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def share(folder: Path) -> MachineShare:
    """That of a backend on a machine with four CPUs and 1000 MiB."""
    return MachineShare(4, 1000, folder)


def test_two_backends_never_hold_more_than_the_machine_has(tmp_path: Path) -> None:
    first, second = share(tmp_path), share(tmp_path)
    assert first.try_hold("a", THREE)
    assert second.try_hold("b", ONE)
    assert not second.try_hold("c", ONE)
    first.release("a")
    assert second.try_hold("c", ONE)


def test_memory_is_shared_like_cpus(tmp_path: Path) -> None:
    first, second = share(tmp_path), share(tmp_path)
    assert first.try_hold("a", Resources(cpus=1, memory_mib=900))
    assert not second.try_hold("b", Resources(cpus=1, memory_mib=101))
    assert second.try_hold("c", Resources(cpus=1, memory_mib=100))


def test_allocations_with_other_cpus_and_memory_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """Two jobs of Slurm on one node: each has CPUs and memory of its own, and the results are those of both."""
    first = MachineShare(4, 1000, tmp_path, range(4), "/job_1")
    second = MachineShare(4, 1000, tmp_path, range(4, 8), "/job_2")
    assert first.try_hold("a", Resources(cpus=4, memory_mib=1000))
    assert second.try_hold("b", Resources(cpus=4, memory_mib=1000))
    assert not second.try_hold("c", ONE)  # it waits
    first.release("a")
    assert first.try_hold("d", THREE)
    assert first.claim({"d": "/out/depth.txt"})
    assert not second.claim({"b": "/out/depth.txt"})


def test_the_machines_memory_is_shared_by_processes_on_other_cpus(tmp_path: Path) -> None:
    """As `taskset` gives them."""
    first, second = MachineShare(4, 1000, tmp_path, range(4)), MachineShare(4, 1000, tmp_path, range(4, 8))
    assert first.try_hold("a", Resources(cpus=4, memory_mib=900))
    assert not second.try_hold("b", Resources(cpus=4, memory_mib=200))


def test_a_big_job_is_not_overtaken_by_small_ones_of_another_backend(tmp_path: Path) -> None:
    first, second = share(tmp_path), share(tmp_path)
    assert first.try_hold("a", TWO)
    assert not second.try_hold("big", THREE)
    assert not first.try_hold("b", ONE)  # it would fit, and come before the big one
    first.release("a")
    assert second.try_hold("big", THREE)
    assert first.try_hold("b", ONE)


def test_a_backend_that_no_longer_waits_holds_nobody_up(tmp_path: Path) -> None:
    first, second = share(tmp_path), share(tmp_path)
    assert first.try_hold("a", TWO)
    assert not second.try_hold("big", THREE)
    second.stop_waiting()
    assert first.try_hold("b", ONE)


def test_a_process_that_waits_and_does_not_ask_loses_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_share, "TICKET_TIMEOUT_S", 0.05)
    first, second = share(tmp_path), share(tmp_path)
    assert first.try_hold("a", TWO)
    assert not second.try_hold("big", THREE)
    time.sleep(0.06)
    assert first.try_hold("b", ONE)


def test_what_a_closed_backend_held_is_free(tmp_path: Path) -> None:
    first, second = share(tmp_path), share(tmp_path)
    assert first.try_hold("a", THREE)
    first.close()
    assert second.try_hold("b", THREE)


def test_what_a_killed_process_held_is_free(tmp_path: Path) -> None:
    own = share(tmp_path)
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        assert not own.try_hold("a", TWO)
        assert not own.claim({"a": "/out/depth.txt"})
        holder.kill()
        holder.wait()
    assert own.try_hold("a", TWO)
    assert own.claim({"a": "/out/depth.txt"})
    assert len(list(tmp_path.glob("*.use"))) == 1


@pytest.mark.skipif(not can_mount(), reason="file systems cannot be mounted here")
def test_a_disk_that_is_full_since_changes_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path):
        first, second = share(tmp_path), share(tmp_path)
        first.open()
        second.open()
        filler, long_path = tmp_path / "filler", {"long": f"/out/{'x' * 5000}"}
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(bytes(1 << 20))
        assert first.claim({"a": "/out/a.txt"})
        with pytest.raises(ResourceError, match="no space is left"):
            first.claim(long_path)  # which needs more room
        assert not second.claim({"b": "/out/a.txt"})
        assert first.try_hold("a", THREE)
        assert not second.try_hold("b", TWO)
        first.release("a")
        first.end_claim("a")
        assert second.claim({"b": "/out/a.txt"})
        assert second.try_hold("b", TWO)
        filler.unlink()
        assert first.claim(long_path)
        assert not second.claim(long_path)
        first.close()
        second.close()


@pytest.mark.skipif(not can_mount(), reason="file systems cannot be mounted here")
def test_a_backend_that_cannot_take_part_leaves_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path):
        with pytest.raises(OSError, match="No space"):
            (tmp_path / "filler").write_bytes(bytes(1 << 20))
        own = share(tmp_path)
        for _ in range(3):
            with pytest.raises(ResourceError, match="no space is left"):
                own.open()
        assert list(tmp_path.glob("*.use")) == []
        (tmp_path / "filler").unlink()
        assert own.try_hold("a", THREE)
        own.close()


def test_what_is_held_is_stated_again_where_somebody_has_emptied_the_folder(tmp_path: Path) -> None:
    own = share(tmp_path / "machine")
    assert own.claim({"a": "/out/a.txt"})
    assert own.try_hold("a", TWO)
    shutil.rmtree(tmp_path / "machine")
    assert own.try_hold("b", ONE)
    other = share(tmp_path / "machine")
    assert not other.try_hold("c", TWO)
    assert not other.claim({"c": "/out/a.txt"})
    own.close()
    assert other.try_hold("c", TWO)


def test_what_could_not_be_stated_is_not_held(tmp_path: Path) -> None:
    own = share(tmp_path)
    path = own.open()
    path.unlink()
    path.mkdir()  # so that it cannot be written
    with pytest.raises((InputError, OSError)):
        own.try_hold("a", THREE)
    with pytest.raises((InputError, OSError)):
        own.claim({"a": "/out/a.txt"})
    path.rmdir()
    path.touch()
    assert own.claim({"a": "/out/a.txt"})
    assert own.try_hold("a", THREE)


@needs_root
def test_a_group_shares_a_folder_whatever_the_umask() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        own, umask = share(folder), os.umask(0o077)
        try:
            assert own.try_hold("a", THREE)
        finally:
            os.umask(umask)
        assert as_nobody(lambda: not share(folder).try_hold("b", TWO))
        assert as_nobody(lambda: share(folder).try_hold("b", ONE))
        assert own.try_hold("c", ONE)  # what nobody held ended with its process
        own.close()


def test_a_result_is_claimed_by_one_backend_until_its_job_is_discarded(tmp_path: Path) -> None:
    first, second = share(tmp_path), share(tmp_path)
    assert first.claim({"a": "/out/a.txt", "b": "/out/b.txt"})
    assert first.claim({"a": "/out/a.txt", "b": "/out/b.txt"})
    assert not second.claim({"c": "/out/b.txt", "d": "/out/d.txt"})
    assert first.claim({"e": "/out/d.txt"})  # the refused claim claimed nothing
    first.end_claim("b")
    assert second.claim({"c": "/out/b.txt"})
    assert not second.claim({"f": "/out/a.txt"})
    first.close()
    assert second.claim({"f": "/out/a.txt"})


@pytest.mark.parametrize("is_published", [True, False], ids=["published", "failed"])
def test_a_job_waits_while_another_run_computes_its_result_and_others_overtake_it(
    backend: LocalBackend, other: MachineShare, *, is_published: bool
) -> None:
    assert other.claim({"theirs": TEXT.uri})
    waiting = backend.submit(job("greets", outputs=(TEXT,)), is_published=lambda: is_published).job_id
    status = wait_for_status(backend, waiting, lambda status: "another run" in status.reason)
    assert status.state is State.QUEUED
    assert run(backend, job("prints")).state is State.SUCCEEDED
    assert backend.poll([waiting])[waiting] == status
    other.end_claim("theirs")
    ended = wait_for_end(backend, waiting)
    expected = (State.CANCELLED, Outcome.NOT_RUN) if is_published else (State.SUCCEEDED, Outcome.SUCCEEDED)
    assert (ended.state, ended.outcome) == expected
    if not is_published:
        assert not other.claim({"again": TEXT.uri})  # nobody may compute it before it is published
    backend.discard(waiting)
    assert other.claim({"again": TEXT.uri})


def test_a_job_that_nobody_else_computes_any_longer_states_that_it_waits_for_cpus(
    other: MachineShare, tmp_path: Path
) -> None:
    assert other.claim({"theirs": TEXT.uri})
    with closing(LocalBackend(tmp_path, Store(), cpus=1)) as small:
        small.submit(job("sleeps"))
        waiting = small.submit(job("greets", outputs=(TEXT,))).job_id
        wait_for_status(small, waiting, lambda status: "another run" in status.reason)
        other.end_claim("theirs")
        assert wait_for_status(small, waiting, lambda status: "free CPUs" in status.reason).state is State.QUEUED


def test_others_may_compute_what_failed_or_could_not_be_published(backend: LocalBackend, other: MachineShare) -> None:
    failed = backend.submit(job("greets", "exit 1", outputs=(TEXT,))).job_id
    assert wait_for_end(backend, failed).state is State.FAILED
    assert other.claim({"theirs": TEXT.uri})
    other.end_claim("theirs")
    backend.discard(failed)
    succeeded = backend.submit(job("greets", outputs=(TEXT,))).job_id
    assert wait_for_end(backend, succeeded).state is State.SUCCEEDED
    assert not other.claim({"theirs": TEXT.uri})
    backend.end_claim(succeeded)
    assert other.claim({"theirs": TEXT.uri})


def test_a_result_is_the_same_by_another_path(backend: LocalBackend, other: MachineShare, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert other.claim({"theirs": str(tmp_path / "real" / "greeting.txt")})
    by_link = replace(TEXT, uri=str(tmp_path / "link" / "greeting.txt"))
    job_id = backend.submit(job("greets", outputs=(by_link,))).job_id
    wait_for_status(backend, job_id, lambda status: "another run" in status.reason)


def test_jobs_wait_while_the_machine_cannot_be_asked_and_can_be_cancelled(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(MachineShare, "try_hold", Mock(side_effect=disk_full_error("/tmp")))  # noqa: S108 - in a message
        first, second = (backend.submit(job("prints")).job_id for _ in range(2))
        wait_for_status(backend, first, lambda status: status.reason.startswith("queued: no space is left for /tmp"))
        backend.cancel(first)
        assert wait_for_end(backend, first).state is State.CANCELLED
    assert wait_for_end(backend, second).state is State.SUCCEEDED


def test_a_job_whose_result_another_run_computes_can_be_cancelled(backend: LocalBackend, other: MachineShare) -> None:
    assert other.claim({"theirs": TEXT.uri})
    waiting = backend.submit(job("greets", outputs=(TEXT,))).job_id
    backend.cancel(waiting)
    assert wait_for_end(backend, waiting).state is State.CANCELLED
    backend.discard(waiting)
    other.end_claim("theirs")
    assert run(backend, job("prints")).state is State.SUCCEEDED


def test_a_job_waits_for_the_jobs_of_other_runs_and_its_status_states_it(
    backend: LocalBackend, other: MachineShare
) -> None:
    assert other.try_hold("theirs", Resources(cpus=available_cpus(), memory_mib=1))
    job_id = backend.submit(job("prints")).job_id
    status = wait_for_status(backend, job_id, lambda status: "other runs" in status.reason)
    assert status.state is State.QUEUED
    other.release("theirs")
    assert wait_for_end(backend, job_id).state is State.SUCCEEDED
    assert other.try_hold("all again", Resources(cpus=available_cpus(), memory_mib=1))


def test_a_waiting_job_can_be_cancelled(backend: LocalBackend, other: MachineShare) -> None:
    assert other.try_hold("theirs", Resources(cpus=available_cpus(), memory_mib=1))
    job_id = backend.submit(job("prints")).job_id
    backend.cancel(job_id)
    assert wait_for_end(backend, job_id).state is State.CANCELLED


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file"))
    backend = LocalBackend(tmp_path, Store())
    with pytest.raises(InputError, match=r"file cannot be written to"):
        backend.submit(job("prints"))
    backend.close()


def test_a_folder_of_another_user_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody can create a folder in /tmp, and a link there that leads to files of this user."""
    monkeypatch.delenv(FOLDER_VARIABLE)
    monkeypatch.setattr("os.getuid", lambda: 54321)
    folder = machine_folder()
    folder.symlink_to("/etc")  # by the user of these tests, who has another number
    try:
        with pytest.raises(InputError, match=f"{folder} belongs to another user"):
            machine_folder()
    finally:
        folder.unlink()
