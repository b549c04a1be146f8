"""The simulator as a thing that is started and ended."""

import gc
import os
import threading
import time

import psutil
import pytest

from bioinfo_assets_tests.simulator import BatchSimulator, HostLost, Queue, SlowAnswer
from bioinfo_assets_tests.simulator.conftest import client_of
from bioinfo_assets_tests.simulator.driver import Driver


def started(tmp_path, **more):
    environment = {"PATH": os.environ["PATH"]}
    return BatchSimulator(tmp_path / "machines", machine_environment=environment, queues=(Queue("queue"),), **more)


@pytest.fixture
def before():
    gc.collect()
    return set(threading.enumerate()), psutil.Process().num_fds(), set(psutil.Process().children(recursive=True))


def test_the_end_leaves_no_process_no_thread_and_no_open_file(tmp_path, before):
    with started(tmp_path) as simulator:
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


def test_the_end_does_not_wait_for_answers_that_are_slow(tmp_path):
    with started(tmp_path) as simulator:
        simulator.inject(SlowAnswer(action="DescribeJobs", seconds=60))
        client = client_of("batch", simulator)
        asking = threading.Thread(target=client.describe_jobs, kwargs={"jobs": ["x"]})
        asking.start()
        while simulator.count("DescribeJobs") == 0:
            time.sleep(0.005)
        begin = time.monotonic()
    assert time.monotonic() - begin < 5
    asking.join()
    client.close()


def test_an_exception_in_a_test_ends_it_too(tmp_path, before):
    with pytest.raises(ZeroDivisionError), started(tmp_path):
        raise ZeroDivisionError
    assert set(threading.enumerate()) <= before[0]


def test_how_many_jobs_run_at_once_is_given(tmp_path):
    with started(tmp_path, max_running=1) as simulator:
        client = client_of("batch", simulator)
        batch = Driver(client)
        first, second = batch.submit("sleep 1000"), batch.submit("sleep 1000")
        batch.wait(first, "RUNNING")
        assert batch.job(second)["status"] == "RUNNABLE"
        client.close()


def test_many_clients_can_ask_at_once(simulator, batch):
    ids = [batch.submit() for _ in range(3)]
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(batch.client.describe_jobs(jobs=ids))) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(answer["jobs"]) for answer in answers] == [3] * 30
