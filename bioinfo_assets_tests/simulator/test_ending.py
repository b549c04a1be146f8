"""TerminateJob, CancelJob and timeouts."""

import time

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from bioinfo_assets_tests.simulator import BatchSimulator, Delays
from bioinfo_assets_tests.simulator.driver import Driver
from bioinfo_assets_tests.waiting import wait_until


@pytest.mark.parametrize("second_s", [1.0])
def test_a_terminated_job_fails_with_the_reason_of_the_termination(batch: Driver) -> None:
    job_id = batch.submit("sleep 1000", retryStrategy={"attempts": 5})
    batch.wait(job_id, "RUNNING")
    batch.client.terminate_job(jobId=job_id, reason="the run was cancelled")
    job = batch.wait_for_end(job_id)
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "the run was cancelled"
    assert job["isTerminated"] is True
    assert len(job["attempts"]) == 1
    assert job["container"]["exitCode"] == 143


@pytest.mark.parametrize("second_s", [1.0])
def test_a_terminated_job_can_exit_within_the_grace_period(batch: Driver, simulator: BatchSimulator) -> None:
    job_id = batch.submit("trap 'echo cleaned; exit 7' TERM; echo ready; sleep 1000 & wait")
    wait_until(lambda: batch.job(job_id)["status"] == "RUNNING" and simulator.printed(job_id) == ["ready"])
    batch.client.terminate_job(jobId=job_id, reason="enough")
    job = batch.wait_for_end(job_id)
    assert simulator.printed(job_id) == ["ready", "cleaned"]
    assert job["status"] == "FAILED"
    assert job["container"]["exitCode"] == 7


@pytest.mark.parametrize("second_s", [0.1])
def test_a_terminated_job_is_killed_after_the_grace_period(
    batch: Driver, simulator: BatchSimulator, second_s: float
) -> None:
    job_id = batch.submit("trap '' TERM; echo ready; while true; do sleep 0.01; done")
    wait_until(lambda: batch.job(job_id)["status"] == "RUNNING" and simulator.printed(job_id) == ["ready"])
    start = time.monotonic()
    batch.client.terminate_job(jobId=job_id, reason="enough")
    assert batch.job(job_id)["status"] == "RUNNING"
    assert batch.wait_for_end(job_id)["container"]["exitCode"] == 137
    assert time.monotonic() - start >= 30 * second_s


def test_only_the_first_process_gets_sigterm_and_the_others_are_killed(
    batch: Driver, simulator: BatchSimulator
) -> None:
    job_id = batch.submit("(trap 'echo child' TERM; echo ready; while true; do sleep 0.01; done) & exec sleep 1000")
    wait_until(lambda: batch.job(job_id)["status"] == "RUNNING" and simulator.printed(job_id) == ["ready"])
    batch.client.terminate_job(jobId=job_id, reason="enough")
    batch.wait_for_end(job_id)
    assert simulator.printed(job_id) == ["ready"]


@pytest.mark.parametrize("state", ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING"])
@pytest.mark.parametrize("end", ["terminate_job", "cancel_job"])
def test_a_job_that_has_not_started_can_be_terminated(
    batch: Driver, simulator: BatchSimulator, state: str, end: str
) -> None:
    starts_anyway = (state, end) == ("STARTING", "cancel_job")
    simulator.delays = Delays(**{f"{state.lower()}_s": 1.0 if starts_anyway else 300.0})  # longer than any test waits
    job_id = batch.submit("true")
    batch.wait(job_id, state)
    getattr(batch.client, end)(jobId=job_id, reason="not needed")
    job = batch.wait_for_end(job_id)
    if starts_anyway:
        assert job["status"] == "SUCCEEDED"
    else:
        assert job["status"] == "FAILED"
        assert job["statusReason"] == "not needed"
        assert "startedAt" not in job


@pytest.mark.parametrize("end", ["terminate_job", "cancel_job"])
def test_a_terminated_job_does_not_continue(batch: Driver, simulator: BatchSimulator, end: str) -> None:
    simulator.delays = Delays(submitted_s=0.1, pending_s=0.1, runnable_s=0.1)
    job_id = batch.submit("true")
    getattr(batch.client, end)(jobId=job_id, reason="not needed")
    batch.run()  # submitted later with the same delays: any event of the first job would come before its end
    assert batch.job(job_id)["status"] == "FAILED"
    assert batch.job(job_id)["attempts"] == []


def test_cancelling_a_running_job_has_no_effect(batch: Driver) -> None:
    job_id = batch.submit("sleep 1")
    batch.wait(job_id, "RUNNING")
    batch.client.cancel_job(jobId=job_id, reason="not needed")
    job = batch.wait_for_end(job_id)
    assert job["status"] == "SUCCEEDED"
    assert job["isCancelled"] is False


@pytest.mark.parametrize("end", ["terminate_job", "cancel_job"])
def test_terminating_a_job_that_is_over_or_unknown_has_no_effect(batch: Driver, end: str) -> None:
    job_id = batch.run()["jobId"]
    getattr(batch.client, end)(jobId=job_id, reason="too late")
    getattr(batch.client, end)(jobId="00000000-0000-0000-0000-000000000000", reason="never was")
    assert batch.job(job_id)["status"] == "SUCCEEDED"


def test_one_request_can_terminate_up_to_fifty_jobs(batch: Driver) -> None:
    ids = [batch.submit("sleep 1000") for _ in range(5)]
    answer = batch.client.terminate_jobs(jobs=ids, reason="enough")
    assert (answer["successful"], answer["errors"]) == (ids, [])
    assert {batch.wait_for_end(job_id)["statusReason"] for job_id in ids} == {"enough"}
    with pytest.raises(ClientError, match="at most 50"):
        batch.client.cancel_jobs(jobs=[f"job-{n}" for n in range(51)], reason="enough")


def test_a_reason_is_required(batch: Driver) -> None:
    with pytest.raises(ParamValidationError):
        batch.client.terminate_job(jobId="x")


def test_an_attempt_that_times_out_is_not_retried(batch: Driver) -> None:
    start = time.monotonic()
    job = batch.run("sleep 1000", timeout={"attemptDurationSeconds": 60}, retryStrategy={"attempts": 3})
    assert time.monotonic() - start >= 60 * 0.005
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Job attempt duration exceeded timeout"
    assert len(job["attempts"]) == 1
    assert job["attempts"][0]["statusReason"] == "Job attempt duration exceeded timeout"


@pytest.mark.parametrize("second_s", [0.02])
def test_each_attempt_has_the_full_timeout(batch: Driver, simulator: BatchSimulator) -> None:
    """Of four seconds here: longer than an attempt, and shorter than three."""
    script = "sleep 1.5; [ $AWS_BATCH_JOB_ATTEMPT = 3 ]"
    job = batch.run(script, timeout={"attemptDurationSeconds": 200}, retryStrategy={"attempts": 3})
    assert job["status"] == "SUCCEEDED"
    assert len(job["attempts"]) == 3


def test_the_timeout_of_the_request_takes_precedence(batch: Driver) -> None:
    batch.register("short", timeout={"attemptDurationSeconds": 60})
    job = batch.run("sleep 0.4", definition="short", timeout={"attemptDurationSeconds": 6000})
    assert job["status"] == "SUCCEEDED"
    assert batch.run("sleep 1000", definition="short")["statusReason"] == "Job attempt duration exceeded timeout"
