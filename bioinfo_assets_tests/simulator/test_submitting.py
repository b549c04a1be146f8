"""What SubmitJob rejects, and what fails only later."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from bioinfo_assets_tests.simulator import BatchSimulator
from bioinfo_assets_tests.simulator.conftest import client_of
from bioinfo_assets_tests.simulator.driver import Driver
from bioinfo_assets_tests.waiting import wait_until


def rejection(batch: Driver, **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        batch.submit(**request)
    assert raised.value.response["Error"]["Code"] == "ClientException"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(raised.value.response["Error"]["Message"])


@pytest.mark.parametrize("name", ["-aligned", "_aligned", "aligned expt", "aligned.expt", "a" * 129, "ä"])
def test_invalid_names_are_rejected(batch: Driver, name: str) -> None:
    assert "name" in rejection(batch, name=name)


@pytest.mark.parametrize("name", ["a", "1", "Aligned_bam-NA12878", "a" * 128])
def test_valid_names_are_accepted(batch: Driver, name: str) -> None:
    assert batch.submit(name=name)


@pytest.mark.parametrize(
    "request_",
    [
        {"arrayProperties": {"size": 1}},
        {"arrayProperties": {"size": 10_001}},
        {"timeout": {"attemptDurationSeconds": 59}},
        {"retryStrategy": {"attempts": 0}},
        {"retryStrategy": {"attempts": 11}},
        {"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "EXIT", "onReason": "*"}] * 6}},
        {"retryStrategy": {"evaluateOnExit": [{"action": "EXIT", "onReason": "*"}]}},
        {"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "EXIT", "onReason": "*Error"}]}},
        {"retryStrategy": {"attempts": 2, "evaluateOnExit": [{"action": "EXIT", "onExitCode": "1-9"}]}},
        {"tags": {f"tag{n}": "x" for n in range(51)}},
        {"overrides": {"environment": [{"name": "AWS_BATCH_JOB_ID", "value": "x"}]}},
        {"overrides": {"resourceRequirements": [{"type": "MEMORY", "value": "lots"}]}},
        {"overrides": {"resourceRequirements": [{"type": "MEMORY", "value": "3"}]}},
        {"dependsOn": [{"jobId": "x"}]},
    ],
    ids=lambda value: str(value)[:70],
)
def test_requests_outside_the_limits_of_batch_are_rejected(
    batch: Driver, simulator: BatchSimulator, request_: dict[str, Any]
) -> None:
    rejection(batch, **request_)
    assert simulator.job_details() == []


@pytest.mark.parametrize("second_s", [1.0])
def test_requests_at_the_limits_of_batch_are_accepted(batch: Driver) -> None:
    rules = [{"action": "EXIT", "onReason": "*"}] * 5
    job_id = batch.submit(
        arrayProperties={"size": 2},
        timeout={"attemptDurationSeconds": 60},
        retryStrategy={"attempts": 10, "evaluateOnExit": rules},
        tags={f"tag{n}": "x" for n in range(50)},
    )
    assert batch.wait_for_end(job_id)["status"] == "SUCCEEDED"


def test_the_queue_must_exist_and_be_enabled(batch: Driver) -> None:
    assert "does not exist" in rejection(batch, queue="queu")
    assert "not in a state" in rejection(batch, queue="closed")


def test_queue_and_definition_can_be_given_by_arn(batch: Driver) -> None:
    queue = batch.client.describe_job_queues(jobQueues=["queue"])["jobQueues"][0]["jobQueueArn"]
    definition = batch.register("another")["jobDefinitionArn"]
    job = batch.run(queue=queue, definition=definition)
    assert (job["jobQueue"], job["jobDefinition"]) == (queue, definition)


def test_only_a_fair_share_queue_has_a_share_identifier(batch: Driver) -> None:
    assert "shareIdentifier" in rejection(batch, queue="shared")
    assert "shareIdentifier" in rejection(batch, shareIdentifier="lab")
    assert "shareIdentifier" in rejection(batch, queue="shared", shareIdentifier="my-lab")
    job = batch.run(queue="shared", shareIdentifier="lab", schedulingPriorityOverride=7)
    assert (job["shareIdentifier"], job["schedulingPriority"]) == ("lab", 7)
    assert "Priority" in rejection(batch, queue="shared", shareIdentifier="lab", schedulingPriorityOverride=10_000)
    assert "Either schedulingPriority" in rejection(batch, queue="shared", shareIdentifier="lab")
    assert "Priority" in rejection(batch, schedulingPriorityOverride=7)


def test_a_payload_over_thirty_kib_is_rejected(batch: Driver) -> None:
    assert "must be less than 30 KiB, got 39 KiB" in rejection(batch, script="x" * 40_000)


def test_overrides_that_are_too_long_fail_the_job(batch: Driver, simulator: BatchSimulator) -> None:
    job = batch.run("#" * 8192, retryStrategy={"attempts": 3})
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Container Overrides length must be at most 8192"
    assert len(job["attempts"]) == 1
    assert "startedAt" not in job
    assert batch.run("true #" + "x" * 7000)["status"] == "SUCCEEDED"


def test_propagated_tags_over_fifty_of_job_and_definition_fail_the_job(batch: Driver) -> None:
    batch.register("tagged", tags={f"definition{n}": "x" for n in range(30)})
    tags = {f"job{n}": "x" for n in range(30)}
    assert batch.run(definition="tagged", tags=tags)["status"] == "SUCCEEDED"
    assert batch.run(definition="tagged", tags=tags, propagateTags=True)["status"] == "FAILED"


def test_a_job_that_requests_more_than_any_machine_has_stays_runnable(batch: Driver) -> None:
    overrides = {"resourceRequirements": [{"type": "VCPU", "value": "4"}]}
    job_id = batch.submit(queue="small", overrides=overrides)
    reason = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    wait_until(lambda: batch.job(job_id).get("statusReason", "").startswith(reason))
    assert batch.job(job_id)["status"] == "RUNNABLE"


def test_two_jobs_of_one_name_are_two_jobs(batch: Driver) -> None:
    assert batch.submit(name="aligned") != batch.submit(name="aligned")


def test_an_answer_has_id_name_and_arn(batch: Driver) -> None:
    answer = batch.client.submit_job(jobName="aligned", jobQueue="queue", jobDefinition="tools")
    assert answer["jobName"] == "aligned"
    assert answer["jobArn"].endswith(f":job/{answer['jobId']}")


def test_payloads_are_recorded_unchanged(simulator: BatchSimulator, batch: Driver) -> None:
    client = client_of("batch", simulator)
    client.submit_job(jobName="a", jobQueue="queue", jobDefinition="tools", tags={"Ünïcode": "✓"})
    assert simulator.payloads("SubmitJob")[0]["tags"] == {"Ünïcode": "✓"}
    client.close()
