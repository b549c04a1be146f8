import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.launch.resource_pool import ResourcePool
from bioinfo_assets.result_key import ResultKey

RESOURCES = st.builds(Resources, cpus=st.integers(1, 12), memory_mib=st.integers(1, 64_000))


@given(st.lists(st.tuples(st.sampled_from("abcde"), RESOURCES), max_size=30))
def test_jobs_are_admitted_sample_by_sample_and_never_exceed_the_pool(requests: list[tuple[str, Resources]]) -> None:
    pool = ResourcePool(cpus=4, memory_mib=16_000)
    granted: dict[str, Resources] = {}
    scopes: dict[str, list[str]] = {}
    for number, (scope, resources) in enumerate(requests):
        job = Job(ResultKey(f"asset{number}", scope), "1", "true", resources=resources)
        if resources.memory_mib > 16_000:
            with pytest.raises(ResourceError):
                pool.clamp(job)
        else:
            granted[str(number)] = pool.clamp(job)
            pool.enqueue(str(number), scope, granted[str(number)])
            scopes.setdefault(scope, []).append(str(number))
    order: list[str] = []
    running: list[str] = []
    while len(order) < len(granted):
        while (job_id := pool.next_admitted()) is not None:
            order.append(job_id)
            running.append(job_id)
        assert sum(granted[job_id].cpus for job_id in running) <= 4
        assert sum(granted[job_id].memory_mib for job_id in running) <= 16_000
        pool.release(running.pop(0))
    assert order == [job_id for own in scopes.values() for job_id in own]


def test_a_job_that_was_taken_out_comes_again_after_the_others_of_its_sample() -> None:
    pool = ResourcePool(cpus=1, memory_mib=100)
    for job_id, scope in (("a", "expt"), ("b", "expt"), ("other", "toy"), ("c", "expt")):
        pool.enqueue(job_id, scope, Resources(cpus=1, memory_mib=100))
    pool.release("a")  # as for a job whose result another run computes
    pool.enqueue("a", "expt", Resources(cpus=1, memory_mib=100))
    order: list[str] = []
    while (first := pool.waiting) is not None:
        order.append(first)
        pool.release(first)
    assert order == ["b", "c", "a", "other"]


def test_thousands_of_jobs_wait_without_being_looked_at_for_each() -> None:
    pool = ResourcePool(cpus=1, memory_mib=100)
    began = time.thread_time()
    for number in range(10_000):
        pool.enqueue(str(number), f"sample{number}", Resources(cpus=1, memory_mib=100))
        assert pool.waiting == "0"
    assert time.thread_time() - began < 2  # 0.03 s; five if each look compares all that wait


def test_a_waiting_job_can_be_taken_out() -> None:
    pool = ResourcePool(cpus=1, memory_mib=100)
    for job_id in ("a", "b", "c"):
        pool.enqueue(job_id, "expt", Resources(cpus=1, memory_mib=100))
    assert pool.next_admitted() == "a"
    pool.release("b")
    pool.release("a")
    assert pool.next_admitted() == "c"
