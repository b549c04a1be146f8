"""Faults of jobs."""

import time
from pathlib import Path

import pytest

from bioinfo_assets_tests.simulator import (
    BatchSimulator,
    CannotInspectContainer,
    CannotPullContainer,
    Delays,
    DockerTimeout,
    Forgotten,
    HostLost,
    NotStarted,
    OutOfMemory,
    SpotReclaim,
    Stuck,
)
from bioinfo_assets_tests.simulator.driver import Driver
from bioinfo_assets_tests.waiting import wait_until

THREE_ATTEMPTS = {"attempts": 3}


def test_an_interrupted_attempt_has_a_status_reason_but_neither_exit_code_nor_reason(
    batch: Driver, simulator: BatchSimulator
) -> None:
    simulator.inject(SpotReclaim())
    job = batch.run("sleep 1000")
    assert job["status"] == "FAILED"
    assert job["statusReason"].startswith("Host EC2 (instance i-")
    assert job["statusReason"].endswith(") terminated.")
    assert job["attempts"][0]["statusReason"] == job["statusReason"]
    assert not {"exitCode", "reason"} & (job["container"].keys() | job["attempts"][0]["container"].keys())
    assert job["attempts"][0]["startedAt"] <= job["attempts"][0]["stoppedAt"]


def test_an_interruption_can_follow_a_line_of_the_log(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(SpotReclaim(attempt=1, after_line="half way"))
    script = "echo begun; [ $AWS_BATCH_JOB_ATTEMPT = 2 ] && exit; echo half way there; sleep 1000; echo never"
    job = batch.run(script, retryStrategy=THREE_ATTEMPTS)
    assert job["status"] == "SUCCEEDED"
    assert simulator.printed(job["jobId"], 1) == ["begun", "half way there"]
    assert [attempt["statusReason"][:8] for attempt in job["attempts"]] == ["Host EC2", "Essentia"]


def test_an_interruption_can_be_delayed(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(SpotReclaim(after_s=0.3))
    start = time.monotonic()
    assert batch.run("sleep 1000")["status"] == "FAILED"
    assert time.monotonic() - start >= 0.3


def test_an_interruption_leaves_no_time_to_clean_up(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(SpotReclaim(after_line="ready"))
    job = batch.run("trap 'echo cleaned' EXIT TERM; echo ready; sleep 1000 & wait")
    assert simulator.printed(job["jobId"]) == ["ready"]


def test_a_job_can_be_interrupted_at_once(batch: Driver, simulator: BatchSimulator) -> None:
    job_id = batch.submit("trap 'echo cleaned' TERM; echo ready; sleep 1000 & wait")
    wait_until(lambda: batch.job(job_id)["status"] == "RUNNING" and simulator.printed(job_id) == ["ready"])
    simulator.reclaim(job_id)
    assert batch.wait_for_end(job_id)["statusReason"].startswith("Host EC2 ")
    assert simulator.printed(job_id) == ["ready"]
    with pytest.raises(ValueError, match="is FAILED and has no machine"):
        simulator.reclaim(job_id)


def test_out_of_memory_is_reported_by_the_agent_with_exit_code_137(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(OutOfMemory())
    job = batch.run("sleep 1000")
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Essential container in task exited"
    assert job["container"]["exitCode"] == 137
    assert job["container"]["reason"] == "OutOfMemoryError: Container killed due to memory usage"


@pytest.mark.parametrize(("memory_mib", "status"), [("4095", "FAILED"), ("4096", "SUCCEEDED")])
def test_out_of_memory_can_depend_on_the_memory_of_the_job(
    batch: Driver, simulator: BatchSimulator, memory_mib: str, status: str
) -> None:
    simulator.inject(OutOfMemory(below_mib=4096))
    overrides = {"resourceRequirements": [{"type": "MEMORY", "value": memory_mib}]}
    assert batch.run("sleep 0.5", overrides=overrides)["status"] == status


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (CannotPullContainer(), "CannotPullContainerError: "),
        (DockerTimeout(), "DockerTimeoutError: "),
        (NotStarted(reason="ResourceInitializationError: no secrets"), "ResourceInitializationError: no secrets"),
    ],
)
def test_an_attempt_that_does_not_start_runs_nothing(
    batch: Driver, simulator: BatchSimulator, tmp_path: Path, fault: NotStarted, reason: str
) -> None:
    simulator.inject(fault)
    job = batch.run(f"touch {tmp_path}/ran")
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["reason"].startswith(reason)
    assert not {"exitCode", "logStreamName"} & job["container"].keys()
    assert not (tmp_path / "ran").exists()


def test_an_agent_that_cannot_inspect_the_container_fails_a_job_whose_work_is_done(
    batch: Driver, simulator: BatchSimulator, tmp_path: Path
) -> None:
    simulator.inject(CannotInspectContainer())
    job = batch.run(f"touch {tmp_path}/done")
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Essential container in task exited"
    assert job["container"]["reason"].startswith("CannotInspectContainerError: ")
    assert "exitCode" not in job["container"]
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("reason", [Stuck.MAX_RESOURCE, Stuck.REQUIREMENT, Stuck.CAPACITY])
def test_a_stuck_job_stays_runnable_with_a_reason_until_the_fault_is_withdrawn(
    batch: Driver, simulator: BatchSimulator, reason: str
) -> None:
    fault = Stuck(job="stuck", status_reason=reason)
    simulator.inject(fault)
    job_id = batch.submit(name="stuck")
    wait_until(lambda: batch.job(job_id).get("statusReason") == reason)
    batch.run(name="other")  # a later job runs, so that this one would have started if it could
    assert batch.job(job_id)["status"] == "RUNNABLE"
    simulator.withdraw(fault)
    assert batch.wait_for_end(job_id)["status"] == "SUCCEEDED"


def test_a_stuck_job_does_not_delay_the_others(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(Stuck(job="big"))
    batch.submit(name="big")
    assert batch.run(name="small")["status"] == "SUCCEEDED"


def test_a_lost_job_stays_running_until_it_is_terminated(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(HostLost(job="lost", after_line="begun"))
    job_id = batch.submit("echo begun; sleep 1000", name="lost")
    wait_until(lambda: batch.job(job_id)["status"] == "RUNNING" and simulator.printed(job_id) == ["begun"])
    batch.run()  # a later job starts and ends: the end of the lost one would have been noticed before
    assert batch.job(job_id)["status"] == "RUNNING"
    batch.client.terminate_job(jobId=job_id, reason="lost")
    job = batch.wait_for_end(job_id)
    assert (job["status"], job["statusReason"]) == ("FAILED", "lost")
    assert "exitCode" not in job["container"]


def test_lost_jobs_free_their_slots(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(HostLost(job="lost"))
    for _ in range(4):
        batch.wait(batch.submit("sleep 1000", name="lost"), "RUNNING")
    assert batch.run()["status"] == "SUCCEEDED"


def test_a_job_is_forgotten_when_it_is_over(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(Forgotten())
    simulator.delays = Delays(starting_s=3.0)
    job_id = batch.submit()
    assert batch.job(job_id)["status"] != "SUCCEEDED"
    wait_until(lambda: batch.describe(job_id) == [])
    assert batch.names(jobQueue="queue", jobStatus="SUCCEEDED") == []
    assert simulator.job_details()[0]["status"] == "SUCCEEDED"


def test_an_array_is_forgotten_with_its_children(batch: Driver, simulator: BatchSimulator) -> None:
    job_id = batch.submit("sleep 1000", arrayProperties={"size": 2})
    batch.wait(f"{job_id}:0", "RUNNING")
    simulator.forget(job_id)
    assert batch.describe(job_id, f"{job_id}:0") == []


def test_a_fault_affects_only_the_jobs_and_attempts_that_it_names(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(OutOfMemory(job="aligned-*", attempt=1))
    assert batch.run(name="counted-expt")["status"] == "SUCCEEDED"
    job = batch.run("sleep 0.5", name="aligned-expt", retryStrategy=THREE_ATTEMPTS)
    assert [attempt["container"].get("exitCode") for attempt in job["attempts"]] == [137, 0]
