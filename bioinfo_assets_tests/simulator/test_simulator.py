"""Starting and stopping the simulator."""

import gc
import os
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from bioinfo_assets_tests.simulator import BatchSimulator, HostLost, Queue, SlowAnswer
from bioinfo_assets_tests.simulator.conftest import client_of
from bioinfo_assets_tests.simulator.driver import Driver
from bioinfo_assets_tests.waiting import wait_until


def new_simulator(tmp_path: Path, **options: Any) -> BatchSimulator:
    environment = {"PATH": os.environ["PATH"]}
    return BatchSimulator(tmp_path / "machines", machine_environment=environment, queues=(Queue("queue"),), **options)


Resources = tuple[set[threading.Thread], int, set[psutil.Process]]
"""Threads, number of open files, and child processes."""


@pytest.fixture
def before() -> Resources:
    gc.collect()
    return set(threading.enumerate()), psutil.Process().num_fds(), set(psutil.Process().children(recursive=True))


def test_closing_leaves_no_process_no_thread_and_no_open_file(tmp_path: Path, before: Resources) -> None:
    with new_simulator(tmp_path) as simulator:
        client = client_of("batch", simulator)
        batch = Driver(client)
        simulator.inject(HostLost(job="lost"))
        batch.wait(batch.submit("sleep 1000", name="lost"), "RUNNING")
        stubborn = batch.submit("trap '' TERM; sleep 1000 & sleep 1000")
        batch.wait(stubborn, "RUNNING")
        client.terminate_job(jobId=stubborn, reason="enough")
        batch.wait(batch.submit("setsid sleep 1000; true", arrayProperties={"size": 50}) + ":0", "RUNNING")
        client.close()
    gc.collect()
    threads, files, processes = before
    assert set(threading.enumerate()) <= threads
    assert psutil.Process().num_fds() <= files
    assert set(psutil.Process().children(recursive=True)) <= processes


def test_closing_does_not_wait_for_slow_answers(tmp_path: Path) -> None:
    with new_simulator(tmp_path) as simulator:
        simulator.inject(SlowAnswer(action="DescribeJobs", seconds=60))
        client = client_of("batch", simulator)
        request = threading.Thread(target=client.describe_jobs, kwargs={"jobs": ["x"]})
        request.start()
        wait_until(lambda: simulator.count("DescribeJobs"))
        start = time.monotonic()
    assert time.monotonic() - start < 30
    request.join()
    client.close()


def test_an_exception_in_a_test_stops_the_simulator(tmp_path: Path, before: Resources) -> None:
    with pytest.raises(ZeroDivisionError), new_simulator(tmp_path):
        raise ZeroDivisionError
    assert set(threading.enumerate()) <= before[0]


def test_the_number_of_running_jobs_is_limited(tmp_path: Path) -> None:
    with new_simulator(tmp_path, max_running=1) as simulator:
        client = client_of("batch", simulator)
        batch = Driver(client)
        first, second = batch.submit("sleep 1000"), batch.submit("sleep 1000")
        batch.wait(first, "RUNNING")
        assert batch.job(second)["status"] == "RUNNABLE"
        client.close()


def test_requests_can_be_concurrent(simulator: BatchSimulator, batch: Driver) -> None:
    ids = [batch.submit() for _ in range(3)]
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(batch.client.describe_jobs(jobs=ids))) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(answer["jobs"]) for answer in answers] == [3] * 30
