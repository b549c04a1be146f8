"""Machines have CPUs, memory and a disk; the account has a rate; arrays may have ten thousand jobs."""

import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from bioinfo_assets_tests.simulator import BatchSimulator, Disconnected, Expired, Machine, Queue, Stuck
from bioinfo_assets_tests.simulator.driver import Driver


def needs(vcpus: int, memory_mib: int) -> dict[str, object]:
    values = {"VCPU": vcpus, "MEMORY": memory_mib}
    return {"resourceRequirements": [{"type": kind, "value": str(value)} for kind, value in values.items()]}


class TestPlacement:
    @pytest.fixture
    def queues(self, tmp_path: Path) -> tuple[Queue, ...]:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
        return (Queue("queue", machines=(Machine(4, 8192, tmp_path / "one"), Machine(2, 4096, tmp_path / "two"))),)

    def test_jobs_wait_for_cpus(self, batch: Driver, simulator: BatchSimulator, tmp_path: Path) -> None:
        waits = f"until [[ -e {tmp_path}/go ]]; do sleep 0.02; done"
        ids = [batch.submit(waits, overrides=needs(2, 100)) for _ in range(5)]
        for job_id in ids[:3]:
            batch.wait(job_id, "RUNNING")
        time.sleep(0.2)
        assert [job["status"] for job in batch.describe(*ids[3:])] == ["RUNNABLE"] * 2
        (tmp_path / "go").touch()
        assert {batch.wait_for_end(job_id)["status"] for job_id in ids} == {"SUCCEEDED"}

    def test_whoever_is_first_in_the_queue_goes_first(self, batch: Driver, tmp_path: Path) -> None:
        waits = f"until [[ -e {tmp_path}/go ]]; do sleep 0.02; done"
        running = [batch.submit(waits, overrides=needs(2, 100)) for _ in range(2)]
        for job_id in running:
            batch.wait(job_id, "RUNNING")
        large, small = (batch.submit("true", overrides=needs(vcpus, 100)) for vcpus in (4, 1))
        time.sleep(0.3)
        # The small job would fit onto the first machine at once.
        assert [job["status"] for job in batch.describe(large, small)] == ["RUNNABLE"] * 2
        (tmp_path / "go").touch()
        assert {batch.wait_for_end(job_id)["status"] for job_id in (large, small)} == {"SUCCEEDED"}

    def test_the_agent_needs_some_of_the_memory(self, batch: Driver) -> None:
        assert batch.run("true", overrides=needs(1, 7700))["status"] == "SUCCEEDED"
        job_id = batch.submit("true", overrides=needs(1, 8192))
        batch.wait_for(job_id, lambda job: job.get("statusReason") == Stuck.REQUIREMENT)

    def test_a_job_finds_the_disk_of_its_machine(
        self, batch: Driver, simulator: BatchSimulator, tmp_path: Path
    ) -> None:
        job = batch.run('echo "$JOB_DISK"', overrides=needs(4, 100))
        assert simulator.printed(job["jobId"]) == [str(tmp_path / "one")]


class TestAccount:
    def test_all_requests_of_an_account_share_one_rate(self, tmp_path: Path, queues: tuple[Queue, ...]) -> None:
        now_s = 0.0
        with BatchSimulator(
            tmp_path / "m", machine_environment={}, queues=queues, requests_per_s=20, clock=lambda: now_s
        ) as simulator:
            codes = [simulator._answer("ListJobs", {"jobQueue": "queue"}) for _ in range(60)]
            assert [answer[0] for answer in codes if answer is not None] == [200] * 20 + [429] * 40
            now_s = 0.1
            codes = [simulator._answer("DescribeJobs", {"jobs": []}) for _ in range(3)]
            assert [answer[0] for answer in codes if answer is not None] == [200, 200, 429]


def test_credentials_may_have_expired_for_a_while(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(Expired(for_s=3.0))
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        batch.names(jobQueue="queue")
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        batch.names(jobQueue="queue")
    time.sleep(3.0)
    assert batch.names(jobQueue="queue") == []


def test_an_outage_lasts_for_its_time(batch: Driver, simulator: BatchSimulator) -> None:
    outage = Disconnected(for_s=3.0)
    assert outage.take("ListJobs")
    time.sleep(0.1)
    assert outage.take("DescribeJobs")
    time.sleep(3.0)
    assert not outage.take("ListJobs")


def test_an_array_may_have_ten_thousand_jobs(batch: Driver, simulator: BatchSimulator) -> None:
    stuck = Stuck(status_reason=Stuck.CAPACITY)
    simulator.inject(stuck)
    job_id = batch.submit("true", arrayProperties={"size": 10_000})
    summary = batch.wait_for(job_id, lambda job: job["arrayProperties"]["statusSummary"].get("RUNNABLE") == 10_000)[
        "arrayProperties"
    ]
    assert summary["size"] == 10_000
    assert batch.describe(f"{job_id}:0", f"{job_id}:9999")[1]["arrayProperties"]["index"] == 9999
    batch.client.terminate_job(jobId=job_id, reason="enough")
    ended = batch.wait_for_end(job_id)
    assert ended["arrayProperties"]["statusSummary"]["FAILED"] == 10_000
