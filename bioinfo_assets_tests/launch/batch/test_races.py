"""Concurrency: whatever happens, every job ends, and nothing is left running."""

import random
import threading
import time
from pathlib import Path

import pytest

from bioinfo_assets.launch.backend import Outcome, State, Status, Stream
from bioinfo_assets.launch.watcher import Watcher
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.batch.batch_backend import (
    BackendWithOptions,
    batch_backend,
    fast,
    interrupted,
    wait_for_running,
)
from bioinfo_assets_tests.launch.contract import TEXT, job, report_of
from bioinfo_assets_tests.simulator import (
    AnswerLost,
    BatchSimulator,
    Disconnected,
    ErrorAnswer,
    OutOfMemory,
    SpotReclaim,
    Throttled,
)
from bioinfo_assets_tests.waiting import wait_until


def has_active_jobs(simulator: BatchSimulator) -> bool:
    return any(detail["status"] not in {"SUCCEEDED", "FAILED"} for detail in simulator.job_details())


@pytest.mark.parametrize("seed", [1, 2])
def test_jobs_end_although_they_are_interrupted_run_out_of_memory_or_are_cancelled(
    simulator: BatchSimulator, scratch: str, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    simulator.inject(
        SpotReclaim(index=1, attempt=1, after_line="begun"),
        OutOfMemory(index=2, below_mib=2048, after_line="begun"),
        AnswerLost(action="SubmitJob", after=1),
        Throttled(action="SubmitJob", after=3),
        Throttled(action="DescribeJobs", after=5, times=2),
        ErrorAnswer(action="TerminateJob", times=2),
        Disconnected(action="DescribeJobs", after=9),
        Disconnected(action="GetLogEvents", after=3, times=4),
    )
    statuses: dict[int, Status] = {}
    threads = []
    with batch_backend(scratch, config=fast(array_min_size=3)) as backend:
        watcher = Watcher(backend)

        def submit_and_wait(n: int) -> None:
            ticket = watcher.submit(
                job(f"step{n % 4}", "echo begun; sleep 0.1; echo x >greeting.txt", scope=f"s{n}", outputs=(TEXT,)),
                f"{seed}{n:063}",
                on_output=lambda *_: None,
            )
            if n % 5 == 0:
                time.sleep(chance.random() * 2)
                ticket.cancel()
            status = ticket.wait(600)
            if status.state is State.SUCCEEDED:
                assert Store().read_bytes(report_of(status).files[0].path) == b"x\n"
            backend.discard(ticket.submission.job_id)
            statuses[n] = status

        for n in range(20):
            threads.append(threading.Thread(target=submit_and_wait, args=(n,)))
            threads[-1].start()
            time.sleep(chance.random() / 20)
        for thread in threads:
            thread.join()
        watcher.close()
    assert len(statuses) == 20
    assert {status.state for n, status in statuses.items() if n % 5} == {State.SUCCEEDED}
    assert {status.state for n, status in statuses.items() if n % 5 == 0} <= {State.SUCCEEDED, State.CANCELLED}
    wait_until(lambda: not has_active_jobs(simulator))


def test_concurrent_polls_submit_a_job_out_of_memory_once_again(
    simulator: BatchSimulator, backend: BackendWithOptions, tmp_path: Path
) -> None:
    simulator.inject(OutOfMemory(below_mib=2048, after_line="begun"))
    greets = job("greets", "echo >greeting.txt", outputs=(TEXT,))
    job_id = backend.submit(interrupted(greets, tmp_path / "begun")).job_id
    over = threading.Event()

    def poll_and_read() -> None:
        while not over.is_set():
            backend.poll([job_id])
            backend.read_log(job_id, Stream.STDOUT, 0)

    threads = [threading.Thread(target=poll_and_read) for _ in range(6)]
    for thread in threads:
        thread.start()
    wait_until(lambda: backend.poll([job_id])[job_id].outcome is Outcome.SUCCEEDED)
    over.set()
    for thread in threads:
        thread.join()
    assert simulator.count("SubmitJob") == 2


def test_closing_at_any_moment_leaves_nothing_running(simulator: BatchSimulator, scratch: str) -> None:
    for pause_s in (0, 0.06, 0.15, 0.4):
        with batch_backend(scratch) as backend:
            for n in range(8):
                backend.submit(job("sleeps", scope=f"s{n}"))
            time.sleep(pause_s)
        wait_until(lambda: not has_active_jobs(simulator))


def test_a_closed_backend_accepts_no_jobs_and_can_be_closed_again(simulator: BatchSimulator, scratch: str) -> None:
    with batch_backend(scratch) as backend:
        wait_for_running(backend, backend.submit(job("sleeps")).job_id)
        backend.close()
        job_id = backend.submit(job("sleeps")).job_id
        assert backend.poll([job_id])[job_id].reason == "not submitted because its run is ending"
    assert simulator.count("SubmitJob") == 1
