import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.launch.resource_pool import ResourcePool, available_cpus, available_memory_mib
from bioinfo_assets.result_key import ResultKey

WANTED = st.builds(Resources, cpus=st.integers(1, 12), memory_mib=st.integers(1, 64_000))


def test_this_machine_has_something_to_share():
    assert available_cpus() >= 1
    assert available_memory_mib() >= 256


@given(st.lists(WANTED, max_size=30))
def test_jobs_are_admitted_in_their_order_and_never_beyond_what_there_is(asked):
    shares = ResourcePool(cpus=4, memory_mib=16_000)
    granted = {}
    for number, resources in enumerate(asked):
        job = Job(ResultKey("a", f"s{number}"), "1", "true", resources=resources)
        if resources.memory_mib > 16_000:
            with pytest.raises(ResourceError):
                shares.granted(job)
        else:
            granted[str(number)] = shares.granted(job)
            shares.ask(str(number), granted[str(number)])
    order, running = [], []
    while len(order) < len(granted):
        while (job_id := shares.admitted()) is not None:
            order.append(job_id)
            running.append(job_id)
        assert sum(granted[job_id].cpus for job_id in running) <= 4
        assert sum(granted[job_id].memory_mib for job_id in running) <= 16_000
        shares.free(running.pop(0))
    assert order == list(granted)


def test_a_waiting_job_may_be_taken_out():
    shares = ResourcePool(cpus=1, memory_mib=100)
    for job_id in ("a", "b", "c"):
        shares.ask(job_id, Resources(cpus=1, memory_mib=100))
    assert shares.admitted() == "a"
    shares.free("b")
    shares.free("a")
    assert shares.admitted() == "c"
