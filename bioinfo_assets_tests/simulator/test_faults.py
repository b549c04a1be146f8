"""What befalls jobs."""

import time

import pytest

from bioinfo_assets_tests.simulator import (
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

ALWAYS_AGAIN = {"attempts": 3}


def test_a_reclaimed_attempt_has_a_status_reason_and_neither_exit_code_nor_reason(batch, simulator):
    simulator.inject(SpotReclaim())
    job = batch.run("sleep 1000")
    assert job["status"] == "FAILED"
    assert job["statusReason"].startswith("Host EC2 (instance i-")
    assert job["statusReason"].endswith(") terminated.")
    assert job["attempts"][0]["statusReason"] == job["statusReason"]
    assert not {"exitCode", "reason"} & (job["container"].keys() | job["attempts"][0]["container"].keys())
    assert job["attempts"][0]["startedAt"] <= job["attempts"][0]["stoppedAt"]


def test_a_reclaim_can_wait_for_what_the_job_prints(batch, simulator):
    simulator.inject(SpotReclaim(attempt=1, after_line="half way"))
    script = "echo begun; [ $AWS_BATCH_JOB_ATTEMPT = 2 ] && exit; echo half way there; sleep 1000; echo never"
    job = batch.run(script, retryStrategy=ALWAYS_AGAIN)
    assert job["status"] == "SUCCEEDED"
    assert simulator.printed(job["jobId"], 1) == ["begun", "half way there"]
    assert [attempt["statusReason"][:8] for attempt in job["attempts"]] == ["Host EC2", "Essentia"]


def test_a_reclaim_can_come_some_time_later(batch, simulator):
    simulator.inject(SpotReclaim(after_s=0.3))
    begin = time.monotonic()
    assert batch.run("sleep 1000")["status"] == "FAILED"
    assert time.monotonic() - begin >= 0.3


def test_a_reclaim_gives_no_time_to_tidy_up(batch, simulator):
    simulator.inject(SpotReclaim(after_line="ready"))
    job = batch.run("trap 'echo tidied' EXIT TERM; echo ready; sleep 1000 & wait")
    assert simulator.printed(job["jobId"]) == ["ready"]


def test_a_job_can_be_reclaimed_now(batch, simulator):
    job_id = batch.submit("trap 'echo tidied' TERM; echo ready; sleep 1000 & wait")
    batch.until(lambda: batch.job(job_id)["status"] == "RUNNING" and simulator.printed(job_id) == ["ready"])
    simulator.reclaim(job_id)
    assert batch.end(job_id)["statusReason"].startswith("Host EC2 ")
    assert simulator.printed(job_id) == ["ready"]
    with pytest.raises(ValueError, match="is FAILED, so that it has no machine"):
        simulator.reclaim(job_id)


def test_out_of_memory_is_told_by_the_agent_with_exit_code_137(batch, simulator):
    simulator.inject(OutOfMemory())
    job = batch.run("sleep 1000")
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Essential container in task exited"
    assert job["container"]["exitCode"] == 137
    assert job["container"]["reason"] == "OutOfMemoryError: Container killed due to memory usage"


@pytest.mark.parametrize(("memory_mib", "status"), [("4095", "FAILED"), ("4096", "SUCCEEDED")])
def test_out_of_memory_can_depend_on_what_the_job_asked_for(batch, simulator, memory_mib, status):
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
def test_an_attempt_that_never_started_ran_nothing(batch, simulator, tmp_path, fault, reason):
    simulator.inject(fault)
    job = batch.run(f"touch {tmp_path}/ran")
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["reason"].startswith(reason)
    assert not {"exitCode", "logStreamName"} & job["container"].keys()
    assert not (tmp_path / "ran").exists()


def test_an_agent_that_cannot_look_fails_a_job_whose_work_is_done(batch, simulator, tmp_path):
    simulator.inject(CannotInspectContainer())
    job = batch.run(f"touch {tmp_path}/done")
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Essential container in task exited"
    assert job["container"]["reason"].startswith("CannotInspectContainerError: ")
    assert "exitCode" not in job["container"]
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("reason", [Stuck.MAX_RESOURCE, Stuck.REQUIREMENT, Stuck.CAPACITY])
def test_a_stuck_job_stays_runnable_with_a_reason_until_the_fault_is_withdrawn(batch, simulator, reason):
    fault = Stuck(status_reason=reason)
    simulator.inject(fault)
    job_id = batch.submit()
    batch.until(lambda: batch.job(job_id).get("statusReason") == reason)
    time.sleep(0.1)
    assert batch.job(job_id)["status"] == "RUNNABLE"
    simulator.withdraw(fault)
    assert batch.end(job_id)["status"] == "SUCCEEDED"


def test_a_stuck_job_does_not_hold_up_the_others(batch, simulator):
    simulator.inject(Stuck(job="big"))
    batch.submit(name="big")
    assert batch.run(name="small")["status"] == "SUCCEEDED"


def test_a_lost_job_runs_for_ever_until_it_is_terminated(batch, simulator):
    simulator.inject(HostLost(after_line="begun"))
    job_id = batch.submit("echo begun; sleep 1000")
    batch.until(lambda: simulator.printed(job_id) == ["begun"] if batch.job(job_id)["status"] == "RUNNING" else False)
    time.sleep(0.2)
    assert batch.job(job_id)["status"] == "RUNNING"
    batch.client.terminate_job(jobId=job_id, reason="lost")
    job = batch.end(job_id)
    assert (job["status"], job["statusReason"]) == ("FAILED", "lost")
    assert "exitCode" not in job["container"]


def test_lost_jobs_leave_their_places_to_others(batch, simulator):
    simulator.inject(HostLost(job="lost"))
    for _ in range(4):
        batch.wait(batch.submit("sleep 1000", name="lost"), "RUNNING")
    assert batch.run()["status"] == "SUCCEEDED"


def test_a_forgotten_job_is_there_until_it_is_over(batch, simulator):
    simulator.inject(Forgotten())
    simulator.delays = Delays(starting_s=0.6)
    job_id = batch.submit()
    assert batch.job(job_id)["status"] != "SUCCEEDED"
    batch.until(lambda: batch.client.describe_jobs(jobs=[job_id])["jobs"] == [])
    assert batch.names(jobQueue="queue", jobStatus="SUCCEEDED") == []
    assert simulator.job_details()[0]["status"] == "SUCCEEDED"


def test_batch_can_forget_a_job_and_its_children_at_once(batch, simulator):
    job_id = batch.submit("sleep 1000", arrayProperties={"size": 2})
    batch.wait(f"{job_id}:0", "RUNNING")
    simulator.forget(job_id)
    assert batch.client.describe_jobs(jobs=[job_id, f"{job_id}:0"])["jobs"] == []


def test_a_fault_befalls_the_jobs_and_attempts_that_it_names(batch, simulator):
    simulator.inject(OutOfMemory(job="aligned-*", attempt=1))
    assert batch.run(name="counted-expt")["status"] == "SUCCEEDED"
    job = batch.run("sleep 0.5", name="aligned-expt", retryStrategy=ALWAYS_AGAIN)
    assert [attempt["container"].get("exitCode") for attempt in job["attempts"]] == [137, 0]
