import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.launch.backend import Backend, State, Stream
from bioinfo_assets.launch.host_job import WAITING
from bioinfo_assets.launch.job import Input, Resources, StoredFile
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.contract import TEXT, HostContract, job, report_of, run, wait_for_end
from bioinfo_assets_tests.launch.fused_contract import REPEATS, WRITES, FusedHostContract
from bioinfo_assets_tests.launch.mounts import can_mount
from bioinfo_assets_tests.waiting import wait_until


def alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def state_of(backend: Backend, job_id: str) -> State:
    return backend.poll([job_id])[job_id].state


def start_and_read_pids(backend: Backend, script: str) -> tuple[str, list[int]]:
    """Start a script that prints process ids and then `end`; return its job and the ids."""
    job_id = backend.submit(job("sleeps", script)).job_id
    wait_until(lambda: b"end" in backend.read_log(job_id, Stream.STDOUT, 0).split(), what="the process ids")
    return job_id, [int(pid) for pid in backend.read_log(job_id, Stream.STDOUT, 0).split()[:-1]]


CHILDREN = "sleep 1000 & echo $!; setsid sleep 1000 & echo $!; (trap '' TERM; exec sleep 1000) & echo $!; echo end; "


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[LocalBackend]:
    local = LocalBackend(tmp_path / "scratch", Store(), cpus=2, memory_mib=4096)
    yield local
    local.close()


class TestLocalBackend(HostContract):
    @pytest.fixture
    def backend(self, backend: LocalBackend) -> LocalBackend:
        return backend


class TestFusedJobs(FusedHostContract):
    @pytest.fixture
    def backend(self, backend: LocalBackend) -> LocalBackend:
        return backend

    def test_the_machine_is_free_after_the_last(self, backend: LocalBackend) -> None:
        jobs = [replace(WRITES, resources=Resources(cpus=2, memory_mib=4096)), REPEATS]
        first, second = self.submit(backend, jobs), self.submit(backend, jobs)
        reports = [report_of(status) for own in (first, second) for status in self.ends(backend, own)]
        assert reports[1].finished <= reports[2].started


class TestNothingIsLeftRunning:
    def test_cancel_ends_processes_in_the_background_in_sessions_of_their_own_and_those_that_ignore_sigterm(
        self, backend: LocalBackend
    ) -> None:
        job_id, pids = start_and_read_pids(backend, CHILDREN + "wait")
        assert len(pids) == 3
        assert all(alive(pid) for pid in pids)
        backend.cancel(job_id)
        assert wait_for_end(backend, job_id).state is State.CANCELLED
        assert not any(alive(pid) for pid in pids)

    def test_a_normal_end_leaves_no_background_process(self, backend: LocalBackend) -> None:
        job_id, pids = start_and_read_pids(backend, CHILDREN)
        assert wait_for_end(backend, job_id).state is State.SUCCEEDED
        assert not any(alive(pid) for pid in pids)

    def test_the_jobs_of_a_killed_host_end(self, tmp_path: Path) -> None:
        script = f"{CHILDREN}wait"
        host = subprocess.Popen(
            [sys.executable, "-c", HOST, str(tmp_path / "scratch"), script], stdout=subprocess.PIPE, text=True
        )
        with host:
            assert host.stdout is not None
            pids = [int(host.stdout.readline()) for _ in range(4)]
            assert all(alive(pid) for pid in pids)
            host.kill()
        wait_until(lambda: not any(alive(pid) for pid in pids), 60, "the end of all processes")

    def test_a_killed_supervisor_leaves_nothing_of_its_process_group(self, backend: LocalBackend) -> None:
        job_id, pids = start_and_read_pids(backend, "sleep 1000 & echo $!; echo $PPID; echo end; wait")
        os.kill(pids[1], 9)
        assert wait_for_end(backend, job_id).state is State.FAILED
        wait_until(lambda: not any(alive(pid) for pid in pids), 60, "the end of all processes")

    def test_a_killed_supervisor_does_not_end_other_jobs(self, backend: LocalBackend, tmp_path: Path) -> None:
        go = tmp_path / "go"
        killed, pids = start_and_read_pids(backend, "echo $PPID; echo end; sleep 1000")
        other, _ = start_and_read_pids(backend, f"echo end; until [[ -e {go} ]]; do sleep 0.05; done")
        os.kill(pids[0], 9)
        assert wait_for_end(backend, killed).state is State.FAILED
        assert state_of(backend, other) is State.RUNNING
        go.touch()
        assert wait_for_end(backend, other).state is State.SUCCEEDED

    def test_jobs_outlive_the_process_that_starts_supervisors_and_more_can_be_started(
        self, backend: LocalBackend, tmp_path: Path
    ) -> None:
        go = tmp_path / "go"
        running, pids = start_and_read_pids(backend, f"echo $PPID; echo end; until [[ -e {go} ]]; do sleep 0.05; done")
        os.kill(parent_of(pids[0]), 9)
        later, _ = start_and_read_pids(backend, f"echo end; until [[ -e {go} ]]; do sleep 0.05; done")
        go.touch()
        assert wait_for_end(backend, running).state is State.SUCCEEDED
        assert wait_for_end(backend, later).state is State.SUCCEEDED

    def test_a_job_starts_though_the_process_is_killed_with_its_request(
        self, backend: LocalBackend, tmp_path: Path
    ) -> None:
        go = tmp_path / "go"
        running, pids = start_and_read_pids(backend, f"echo $PPID; echo end; until [[ -e {go} ]]; do sleep 0.05; done")
        server = parent_of(pids[0])
        os.kill(server, signal.SIGSTOP)  # so that the request is sent, and not received
        later = backend.submit(job("later", "echo end")).job_id
        time.sleep(0.5)
        os.kill(server, signal.SIGKILL)
        assert wait_for_end(backend, later).state is State.SUCCEEDED
        go.touch()
        assert wait_for_end(backend, running).state is State.SUCCEEDED

    def test_closing_the_backend_ends_the_process_that_starts_supervisors(self, tmp_path: Path) -> None:
        local = LocalBackend(tmp_path / "scratch", Store())
        job_id, pids = start_and_read_pids(local, "echo $PPID; echo end; sleep 1000")
        server = parent_of(pids[0])
        assert alive(server)
        local.close()
        assert state_of(local, job_id) is State.CANCELLED
        assert not alive(server)
        assert not alive(pids[0])


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


HOST = """
import sys, time
from pathlib import Path
from bioinfo_assets.launch.backend import Stream
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
backend = LocalBackend(Path(sys.argv[1]), Store())
job_id = backend.submit(Job(ResultKey("sleeps", "expt"), "1", "echo $PPID; " + sys.argv[2])).job_id
while b"end" not in (output := backend.read_log(job_id, Stream.STDOUT, 0)):
    time.sleep(0.01)
print(output.decode(), flush=True)
time.sleep(1000)
"""


class TestResourcePool:
    def test_jobs_wait_for_cpus_and_start_in_the_order_of_their_submission(
        self, backend: Backend, tmp_path: Path
    ) -> None:
        order = tmp_path / "order"
        first = backend.submit(job("sleeps", f"echo first >>{order}; sleep 1000")).job_id
        big = backend.submit(job("sleeps", f"echo big >>{order}; sleep 1000", resources=Resources(cpus=2))).job_id
        small = backend.submit(job("prints", f"echo small >>{order}")).job_id
        assert backend.poll([big])[big] == WAITING
        wait_until(order.exists, what="the start of the first job")
        backend.cancel(first)
        wait_until(lambda: "big" in order.read_text(), what="the start of the big job")
        assert state_of(backend, small) is State.QUEUED
        backend.cancel(big)
        assert wait_for_end(backend, small).state is State.SUCCEEDED
        assert order.read_text().split() == ["first", "big", "small"]

    def test_memory_is_shared_too(self, backend: Backend, tmp_path: Path) -> None:
        # `mkdir` fails if the other job is running.
        running = tmp_path / "running"
        exclusive = f"mkdir {running}; sleep 0.2; rmdir {running}"
        jobs = [backend.submit(job("sleeps", exclusive, resources=Resources(memory_mib=3000))).job_id for _ in "12"]
        assert [wait_for_end(backend, job_id).state for job_id in jobs] == [State.SUCCEEDED, State.SUCCEEDED]

    def test_a_queued_job_is_cancelled_without_ever_running(self, backend: LocalBackend, tmp_path: Path) -> None:
        first = backend.submit(job("sleeps", resources=Resources(cpus=2))).job_id
        started = tmp_path / "started"
        queued = backend.submit(job("prints", f"touch {started}")).job_id
        backend.cancel(queued)
        status = backend.poll([queued])[queued]
        assert (status.state, status.report) == (State.CANCELLED, None)
        backend.cancel(first)
        wait_for_end(backend, first)
        assert not started.exists()

    def test_a_job_that_needs_more_cpus_than_the_pool_has_gets_all_of_them(self, backend: LocalBackend) -> None:
        job_id = backend.submit(job("prints", "echo $JOB_CPUS", resources=Resources(cpus=64))).job_id
        assert wait_for_end(backend, job_id).state is State.SUCCEEDED
        assert backend.read_log(job_id, Stream.STDOUT, 0) == b"2\n"

    def test_a_job_that_needs_more_memory_than_the_pool_has_is_refused(self, backend: LocalBackend) -> None:
        with pytest.raises(
            ResourceError, match=r"^step greets of expt needs 5000 MiB .* may use 4096 MiB of this machine: lower"
        ):
            backend.submit(job("greets", resources=Resources(memory_mib=5000)))

    def test_many_threads_may_submit(self, backend: LocalBackend) -> None:
        job_ids: list[str] = []
        threads = [
            threading.Thread(target=lambda: job_ids.append(backend.submit(job("prints")).job_id)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {wait_for_end(backend, job_id).state for job_id in job_ids} == {State.SUCCEEDED}

    def test_a_job_for_which_there_is_no_thread_fails_and_the_next_one_runs(
        self, backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = threading.Thread.start
        refused: list[threading.Thread] = []

        def start(thread: threading.Thread) -> None:
            if not refused and thread.name.startswith("writes"):
                refused.append(thread)
                raise RuntimeError("can't start new thread")
            real(thread)

        monkeypatch.setattr(threading.Thread, "start", start)
        everything = Resources(cpus=2)
        status = run(backend, job("writes", "true", resources=everything))
        assert status.state is State.FAILED
        assert status.reason.endswith(
            "cannot be started (can't start new thread): raise the limit of processes (ulimit -u)"
        )
        assert run(backend, job("writes", "true", resources=everything)).state is State.SUCCEEDED


class TestUsage:
    def test_peak_memory_is_the_jobs_own_and_not_the_hosts(self, tmp_path: Path) -> None:
        in_a_host_of_300_mb = f"ballast = bytearray(b'x') * 300_000_000\n{USAGE}"
        output = subprocess.run(
            [sys.executable, "-c", in_a_host_of_300_mb, str(tmp_path)], capture_output=True, text=True, check=True
        ).stdout.split()
        small, large = (float(word) for word in output)
        assert 1 < small < 50
        assert 95 < large < 130


USAGE = """
import sys, time
from pathlib import Path
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
backend = LocalBackend(Path(sys.argv[1]), Store())
for script in "true", "dd bs=100MB count=1 if=/dev/zero of=/dev/null":  # dd's buffer is one block
    job_id = backend.submit(Job(ResultKey("uses", "expt"), "1", script)).job_id
    while not (status := backend.poll([job_id])[job_id]).state.is_over:
        time.sleep(0.01)
    print(status.report.usage.peak_memory_mib)
backend.close()
"""


class TestFailures:
    def test_sigkill_from_outside_is_reported_as_lack_of_memory(self, backend: LocalBackend) -> None:
        for script in ("kill -9 $BASHPID", "bash -c 'kill -9 $$'"):
            status = run(backend, job("breaks", script))
            assert "was killed by the system, probably because memory ran out (it needs 1024 MiB)" in status.reason

    def test_an_input_that_does_not_exist_fails_the_job_and_is_named(
        self, backend: LocalBackend, tmp_path: Path
    ) -> None:
        gone = StoredFile(str(tmp_path / "gone.txt"), size=1, content="sha256:00")
        status = run(backend, job("copies", inputs=(Input("name.txt", gone),)))
        assert status.state is State.FAILED
        assert status.reason.startswith(f"{tmp_path / 'gone.txt'} does not exist")
        assert status.report is None

    def test_a_failed_job_keeps_its_script_and_logs_when_discarded_with_its_log_kept(
        self, backend: LocalBackend
    ) -> None:
        submission = backend.submit(job("breaks", "echo big >greeting.txt; echo why >&2; exit 1", outputs=(TEXT,)))
        wait_for_end(backend, submission.job_id)
        backend.discard(submission.job_id, keep_log=True)
        assert sorted(path.name for path in Path(submission.scratch).iterdir()) == [
            "report",
            "script.sh",
            "stderr.log",
            "stdout.log",
        ]
        assert Path(submission.log).read_text() == "why\n"

    def test_a_full_disk_is_reported_with_its_folder(self, backend: LocalBackend, tmp_path: Path) -> None:
        status = run(backend, job("breaks", "echo reads >/dev/full"))
        assert status.reason == (
            f"step breaks of expt ran out of disk space in {tmp_path / 'scratch'}: "
            "free some there, or set scratch to a folder on a larger disk"
        )


if can_mount():

    class TestFullScratch:
        def test_a_job_that_fills_the_disk_fails_and_another_runs_once_there_is_space(self, tiny_disk: Path) -> None:
            local = LocalBackend(tiny_disk / "scratch", Store())
            full = local.submit(job("breaks", "head -c 1000000 /dev/zero >greeting.txt"))
            assert wait_for_end(local, full.job_id).reason.startswith(
                f"step breaks of expt ran out of disk space in {tiny_disk / 'scratch'}: free some there"
            )
            local.discard(full.job_id, keep_log=True)
            assert run(local, job("prints")).state is State.SUCCEEDED
            local.close()

        def test_a_job_is_refused_on_a_full_disk(self, tiny_disk: Path) -> None:
            local = LocalBackend(tiny_disk / "scratch", Store())
            with (tiny_disk / "full").open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(1024))
            with pytest.raises(ResourceError, match=r"no space is left for .*/tiny/scratch: free some there"):
                local.submit(job("prints", "# " + 5000 * "x"))


class TestEnvironment:
    def test_a_script_has_no_variables_of_the_host_but_its_path(
        self, backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        job_id = backend.submit(job("prints", "compgen -e")).job_id
        assert wait_for_end(backend, job_id).state is State.SUCCEEDED
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

    def test_tools_of_the_tool_path_come_first(self, tmp_path: Path) -> None:
        tool = tmp_path / "bin" / "samtools"
        tool.parent.mkdir()
        tool.write_text("#!/bin/sh\necho samtools 9.9\n")
        tool.chmod(0o755)
        local = LocalBackend(tmp_path / "scratch", Store(), tool_path=(tool.parent,))
        assert local.tool_versions(["samtools"]) == {"samtools": "9.9"}
        job_id = local.submit(job("prints", "samtools")).job_id
        wait_for_end(local, job_id)
        assert local.read_log(job_id, Stream.STDOUT, 0) == b"samtools 9.9\n"
        local.close()

    def test_a_closed_pipe_ends_its_writer(self, backend: LocalBackend) -> None:
        # Python ignores SIGPIPE; if a script inherited that, `yes` would fail with an error message instead.
        job_id = backend.submit(job("prints", "set +o pipefail; yes | head -1")).job_id
        assert wait_for_end(backend, job_id).state is State.SUCCEEDED
        assert backend.read_log(job_id, Stream.STDERR, 0) == b""
