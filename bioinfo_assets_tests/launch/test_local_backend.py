import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.launch.backend import State, Stream
from bioinfo_assets.launch.job import Input, Resources, StoredFile
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.contract import TEXT, HostContract, finished, job, run, wait_until
from bioinfo_assets_tests.launch.mounts import can_mount


def alive(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def state_of(backend, job_id):
    return backend.poll([job_id])[job_id].state


def running_with_pids(backend, script):
    """Starts a script that prints `count` process ids, and gives them once it has."""
    job_id = backend.submit(job("sleeps", script)).job_id
    pids = wait_until(lambda: backend.read_log(job_id, Stream.STDOUT, 0).split(), lambda words: b"end" in words)
    return job_id, [int(pid) for pid in pids[:-1]]


CHILDREN = "sleep 1000 & echo $!; setsid sleep 1000 & echo $!; (trap '' TERM; exec sleep 1000) & echo $!; echo end; "


@pytest.fixture
def backend(tmp_path):
    local = LocalBackend(tmp_path / "scratch", Store(), cpus=2, memory_mib=4096)
    yield local
    local.close()


class TestLocalBackend(HostContract):
    @pytest.fixture
    def backend(self, backend):
        return backend


class TestNothingIsLeftRunning:
    def test_cancel_ends_background_processes_those_in_sessions_of_their_own_and_those_deaf_to_sigterm(self, backend):
        job_id, pids = running_with_pids(backend, CHILDREN + "wait")
        assert len(pids) == 3
        assert all(alive(pid) for pid in pids)
        backend.cancel(job_id)
        assert finished(backend, job_id).state is State.CANCELLED
        assert not any(alive(pid) for pid in pids)

    def test_a_normal_end_leaves_no_background_process(self, backend):
        job_id, pids = running_with_pids(backend, CHILDREN)
        assert finished(backend, job_id).state is State.SUCCEEDED
        assert not any(alive(pid) for pid in pids)

    def test_a_host_killed_outright_takes_its_jobs_along(self, tmp_path):
        script = f"{CHILDREN}wait"
        host = subprocess.Popen(
            [sys.executable, "-c", HOST, str(tmp_path / "scratch"), script], stdout=subprocess.PIPE, text=True
        )
        with host:
            pids = [int(host.stdout.readline()) for _ in range(4)]
            assert all(alive(pid) for pid in pids)
            host.kill()
        wait_until(lambda: not any(alive(pid) for pid in pids), patience_s=60)

    def test_a_killed_warden_leaves_nothing_of_its_process_group(self, backend):
        job_id, pids = running_with_pids(backend, "sleep 1000 & echo $!; echo $PPID; echo end; wait")
        os.kill(pids[1], 9)
        assert finished(backend, job_id).state is State.FAILED
        wait_until(lambda: not any(alive(pid) for pid in pids), patience_s=60)


HOST = """
import sys, time
from pathlib import Path
from bioinfo_assets.launch.backend import Stream
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.local import LocalBackend
from bioinfo_assets.launch.store import Store
backend = LocalBackend(Path(sys.argv[1]), Store())
job_id = backend.submit(Job(ResultKey("sleeps", "expt"), "1", "echo $PPID; " + sys.argv[2])).job_id
while b"end" not in (told := backend.read_log(job_id, Stream.STDOUT, 0)):
    time.sleep(0.01)
print(told.decode(), flush=True)
time.sleep(1000)
"""


class TestShares:
    def test_jobs_wait_for_cpus_and_start_in_the_order_they_came(self, backend):
        first = backend.submit(job("sleeps")).job_id
        big = backend.submit(job("sleeps", resources=Resources(cpus=2))).job_id
        small = backend.submit(job("prints")).job_id
        wait_until(lambda: state_of(backend, first) is State.RUNNING)
        time.sleep(0.1)
        assert [state_of(backend, waiting) for waiting in (big, small)] == [State.QUEUED, State.QUEUED]
        assert backend.poll([big])[big].reason == "waits for CPUs and memory of this machine"
        backend.cancel(first)
        wait_until(lambda: state_of(backend, big) is State.RUNNING)
        assert state_of(backend, small) is State.QUEUED
        backend.cancel(big)
        assert finished(backend, small).state is State.SUCCEEDED

    def test_memory_is_shared_too(self, backend):
        first = backend.submit(job("sleeps", resources=Resources(memory_mib=3000))).job_id
        second = backend.submit(job("prints", resources=Resources(memory_mib=3000))).job_id
        wait_until(lambda: state_of(backend, first) is State.RUNNING)
        time.sleep(0.1)
        assert state_of(backend, second) is State.QUEUED
        backend.cancel(first)
        assert finished(backend, second).state is State.SUCCEEDED

    def test_a_queued_job_is_cancelled_without_ever_running(self, backend, tmp_path):
        first = backend.submit(job("sleeps", resources=Resources(cpus=2))).job_id
        mark = tmp_path / "ran"
        queued = backend.submit(job("prints", f"touch {mark}")).job_id
        backend.cancel(queued)
        status = backend.poll([queued])[queued]
        assert (status.state, status.report) == (State.CANCELLED, None)
        backend.cancel(first)
        finished(backend, first)
        assert not mark.exists()

    def test_a_job_that_wants_more_cpus_than_there_are_gets_all_and_is_told_so(self, backend):
        job_id = backend.submit(job("prints", "echo $JOB_CPUS", resources=Resources(cpus=64))).job_id
        assert finished(backend, job_id).state is State.SUCCEEDED
        assert backend.read_log(job_id, Stream.STDOUT, 0) == b"2\n"

    def test_a_job_that_wants_more_memory_than_there_is_is_refused(self, backend):
        with pytest.raises(ResourceError, match=r"^step greets of expt asks for 5000 MiB .* may give 4096 MiB: lower"):
            backend.submit(job("greets", resources=Resources(memory_mib=5000)))

    def test_many_threads_may_submit(self, backend):
        job_ids = []
        threads = [
            threading.Thread(target=lambda: job_ids.append(backend.submit(job("prints")).job_id)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {finished(backend, job_id).state for job_id in job_ids} == {State.SUCCEEDED}


class TestUsage:
    def test_peak_memory_is_the_jobs_own_and_not_the_hosts(self, tmp_path):
        in_a_host_of_300_mb = f"ballast = bytearray(b'x') * 300_000_000\n{USAGE}"
        told = subprocess.run(
            [sys.executable, "-c", in_a_host_of_300_mb, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout.split()
        small, large = (float(word) for word in told)
        assert 1 < small < 50
        assert 95 < large < 130


USAGE = """
import sys, time
from pathlib import Path
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.local import LocalBackend
from bioinfo_assets.launch.store import Store
backend = LocalBackend(Path(sys.argv[1]), Store())
for script in "true", "dd bs=100MB count=1 if=/dev/zero of=/dev/null":  # dd's buffer is one block
    job_id = backend.submit(Job(ResultKey("uses", "expt"), "1", script)).job_id
    while not (status := backend.poll([job_id])[job_id]).state.is_over:
        time.sleep(0.01)
    print(status.report.usage.peak_memory_mib)
backend.close()
"""


class TestFailures:
    def test_sigkill_from_outside_is_told_as_memory(self, backend):
        for script in ("kill -9 $BASHPID", "bash -c 'kill -9 $$'"):
            status = run(backend, job("breaks", script))
            assert "was killed by the system, probably because memory ran out (it asked for 1024 MiB)" in status.reason

    def test_an_input_that_is_gone_fails_the_job_and_names_it(self, backend, tmp_path):
        gone = StoredFile(str(tmp_path / "gone.txt"), size=1, content="sha256:00")
        status = run(backend, job("copies", inputs=(Input("name.txt", gone),)))
        assert status.state is State.FAILED
        assert status.reason.startswith(f"{tmp_path / 'gone.txt'} does not exist")
        assert status.report is None

    def test_a_failed_job_keeps_its_script_and_logs_when_discarded_with_its_log_kept(self, backend):
        submission = backend.submit(job("breaks", "echo big >greeting.txt; echo why >&2; exit 1", outputs=(TEXT,)))
        finished(backend, submission.job_id)
        backend.discard(submission.job_id, keep_log=True)
        assert sorted(path.name for path in Path(submission.scratch).iterdir()) == [
            "report",
            "script.sh",
            "stderr.log",
            "stdout.log",
        ]
        assert Path(submission.log).read_text() == "why\n"

    def test_a_disk_that_is_full_is_told_with_the_folder(self, backend, tmp_path):
        status = run(backend, job("breaks", "echo reads >/dev/full"))
        assert status.reason == (
            f"step breaks of expt found no space left in {tmp_path / 'scratch'}: "
            "free some there, or set scratch to a folder on a larger disk"
        )


if can_mount():

    class TestFullScratch:
        def test_a_job_that_fills_the_disk_fails_as_such_and_another_runs_once_there_is_room(self, tiny_disk):
            local = LocalBackend(tiny_disk / "scratch", Store())
            full = local.submit(job("breaks", "head -c 1000000 /dev/zero >greeting.txt"))
            assert finished(local, full.job_id).reason.startswith(
                f"step breaks of expt found no space left in {tiny_disk / 'scratch'}: free some there"
            )
            local.discard(full.job_id, keep_log=True)
            assert run(local, job("prints")).state is State.SUCCEEDED
            local.close()

        def test_a_job_is_refused_where_there_is_no_room_for_it(self, tiny_disk):
            local = LocalBackend(tiny_disk / "scratch", Store())
            with (tiny_disk / "full").open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(1024))
            with pytest.raises(ResourceError, match=r"no space is left for .*/tiny/scratch: free some there"):
                local.submit(job("prints", "# " + 5000 * "x"))


class TestEnvironment:
    def test_a_script_sees_nothing_of_the_hosts_environment_but_its_path(self, backend, monkeypatch):
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        job_id = backend.submit(job("prints", "compgen -e")).job_id
        assert finished(backend, job_id).state is State.SUCCEEDED
        names = set(backend.read_log(job_id, Stream.STDOUT, 0).decode().split())
        assert names - {"PWD", "OLDPWD", "SHLVL", "_", "JAVA_HOME", "LD_LIBRARY_PATH"} == {
            "PATH",
            "HOME",
            "TMPDIR",
            "LC_ALL",
            "JOB_CPUS",
            "JOB_MEMORY_MIB",
            "JOB_REPORT",
        }

    def test_tools_of_the_tool_path_come_first(self, tmp_path):
        tool = tmp_path / "bin" / "samtools"
        tool.parent.mkdir()
        tool.write_text("#!/bin/sh\necho samtools 9.9\n")
        tool.chmod(0o755)
        local = LocalBackend(tmp_path / "scratch", Store(), tool_path=(tool.parent,))
        assert local.tool_versions(["samtools"]) == {"samtools": "9.9"}
        job_id = local.submit(job("prints", "samtools")).job_id
        finished(local, job_id)
        assert local.read_log(job_id, Stream.STDOUT, 0) == b"samtools 9.9\n"

    def test_a_closed_pipe_ends_its_writer(self, backend):
        # Python ignores SIGPIPE; a script that inherited that would see `yes` fail with an error message instead.
        job_id = backend.submit(job("prints", "set +o pipefail; yes | head -1")).job_id
        assert finished(backend, job_id).state is State.SUCCEEDED
        assert backend.read_log(job_id, Stream.STDERR, 0) == b""
