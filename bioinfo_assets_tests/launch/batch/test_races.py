"""Many things at once: whatever happens, each job ends, and nothing is left running."""

import random
import threading
import time
from dataclasses import replace

import pytest

from bioinfo_assets.launch.backend import State, Stream
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.launch.watcher import Watcher
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.batch.machines import FAST, opened, running
from bioinfo_assets_tests.launch.contract import TEXT, job, wait_until
from bioinfo_assets_tests.simulator import AnswerLost, Disconnected, ErrorAnswer, OutOfMemory, SpotReclaim, Throttled

EXPECTED = {State.SUCCEEDED, State.CANCELLED}


def active(simulator):
    return [one for one in simulator.job_details() if one["status"] not in {"SUCCEEDED", "FAILED"}]


@pytest.mark.parametrize("seed", [1, 2])
def test_jobs_that_are_reclaimed_run_out_of_memory_and_are_cancelled_at_any_moment(simulator, scratch, seed):
    chance = random.Random(seed)  # noqa: S311 - to be the same each time
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
    ended, threads = {}, []
    with opened(scratch, limits=replace(FAST, arrays_from=3)) as backend:
        watcher = Watcher(backend)

        def waits(n):
            ticket = watcher.submit(
                job(f"step{n % 4}", "echo begun; sleep 0.1; echo x >greeting.txt", scope=f"s{n}", outputs=(TEXT,)),
                f"{seed}{n:063}",
                on_output=lambda *_: None,
            )
            if n % 5 == 0:
                time.sleep(chance.random() * 2)
                ticket.cancel()
            status = ticket.wait(60)
            if status.state is State.SUCCEEDED:
                assert Store().read_bytes(status.report.files[0].path) == b"x\n"
            backend.discard(ticket.submission.job_id)
            ended[n] = status

        for n in range(20):
            threads.append(threading.Thread(target=waits, args=(n,)))
            threads[-1].start()
            time.sleep(chance.random() / 20)
        for thread in threads:
            thread.join()
        watcher.close()
    assert len(ended) == 20
    assert {status.state for n, status in ended.items() if n % 5} == {State.SUCCEEDED}
    assert {status.state for n, status in ended.items() if n % 5 == 0} <= EXPECTED
    wait_until(lambda: active(simulator), lambda left: left == [])


def test_two_looks_at_a_job_that_ran_out_of_memory_submit_it_again_once(simulator, backend):
    simulator.inject(OutOfMemory(below_mib=2048, after_line="begun"))
    job_id = backend.submit(job("greets", "echo begun; sleep 0.2; echo >greeting.txt", outputs=(TEXT,))).job_id
    over = threading.Event()

    def looks():
        while not over.is_set():
            backend.poll([job_id])
            backend.read_log(job_id, Stream.STDOUT, 0)

    threads = [threading.Thread(target=looks) for _ in range(6)]
    for thread in threads:
        thread.start()
    wait_until(lambda: backend.poll([job_id])[job_id].outcome, lambda outcome: outcome is Outcome.SUCCEEDED)
    over.set()
    for thread in threads:
        thread.join()
    assert simulator.count("SubmitJob") == 2


def test_closing_at_any_moment_leaves_nothing_running(simulator, scratch):
    for pause_s in (0, 0.06, 0.15, 0.4):
        with opened(scratch) as backend:
            for n in range(8):
                backend.submit(job("sleeps", scope=f"s{n}"))
            time.sleep(pause_s)
        wait_until(lambda: active(simulator), lambda left: left == [])


def test_a_closed_backend_takes_no_jobs_and_closes_again(simulator, scratch):
    with opened(scratch) as backend:
        running(backend, backend.submit(job("sleeps")).job_id)
        backend.close()
        job_id = backend.submit(job("sleeps")).job_id
        assert backend.poll([job_id])[job_id].reason == "not submitted as its run ended"
    assert simulator.count("SubmitJob") == 1
