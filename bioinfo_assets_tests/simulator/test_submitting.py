"""What SubmitJob refuses, and what is found out only later."""

import pytest
from botocore.exceptions import ClientError

from bioinfo_assets_tests.simulator.conftest import client_of


def refusal(batch, **request):
    with pytest.raises(ClientError) as raised:
        batch.submit(**request)
    assert raised.value.response["Error"]["Code"] == "ClientException"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return raised.value.response["Error"]["Message"]


@pytest.mark.parametrize("name", ["-aligned", "_aligned", "aligned expt", "aligned.expt", "a" * 129, "ä"])
def test_names_outside_of_batchs_rules_are_refused(batch, name):
    assert "name" in refusal(batch, name=name)


@pytest.mark.parametrize("name", ["a", "1", "Aligned_bam-NA12878", "a" * 128])
def test_names_inside_of_batchs_rules_are_taken(batch, name):
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
    ids=lambda given: str(given)[:70],
)
def test_requests_outside_of_batchs_limits_are_refused(batch, simulator, request_):
    refusal(batch, **request_)
    assert simulator.job_details() == []


def test_requests_at_batchs_limits_are_taken(batch):
    rules = [{"action": "EXIT", "onReason": "*"}] * 5
    job_id = batch.submit(
        arrayProperties={"size": 2},
        timeout={"attemptDurationSeconds": 60},
        retryStrategy={"attempts": 10, "evaluateOnExit": rules},
        tags={f"tag{n}": "x" for n in range(50)},
    )
    assert batch.end(job_id)["status"] == "SUCCEEDED"


def test_a_queue_must_be_there_and_enabled(batch):
    assert "does not exist" in refusal(batch, queue="queu")
    assert "not in a state" in refusal(batch, queue="closed")


def test_a_queue_and_a_definition_can_be_named_by_their_arns(batch):
    queue = batch.client.describe_job_queues(jobQueues=["queue"])["jobQueues"][0]["jobQueueArn"]
    definition = batch.register("another")["jobDefinitionArn"]
    job = batch.run(queue=queue, definition=definition)
    assert (job["jobQueue"], job["jobDefinition"]) == (queue, definition)


def test_a_fair_share_queue_needs_a_share_and_other_queues_refuse_one(batch):
    assert "shareIdentifier" in refusal(batch, queue="shared")
    assert "shareIdentifier" in refusal(batch, shareIdentifier="lab")
    assert "shareIdentifier" in refusal(batch, queue="shared", shareIdentifier="my-lab")
    job = batch.run(queue="shared", shareIdentifier="lab", schedulingPriorityOverride=7)
    assert (job["shareIdentifier"], job["schedulingPriority"]) == ("lab", 7)
    assert "Priority" in refusal(batch, queue="shared", shareIdentifier="lab", schedulingPriorityOverride=10_000)
    assert "Either schedulingPriority" in refusal(batch, queue="shared", shareIdentifier="lab")
    assert "Priority" in refusal(batch, schedulingPriorityOverride=7)


def test_a_payload_over_thirty_kib_is_refused(batch):
    assert "must be less than 30 KiB, got 39 KiB" in refusal(batch, script="x" * 40_000)


def test_overrides_that_are_too_long_are_taken_and_fail_the_job(batch, simulator):
    job = batch.run("#" * 8192, retryStrategy={"attempts": 3})
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Container Overrides length must be at most 8192"
    assert len(job["attempts"]) == 1
    assert "startedAt" not in job
    assert batch.run("true #" + "x" * 7000)["status"] == "SUCCEEDED"


def test_propagated_tags_over_fifty_of_job_and_definition_fail_the_job(batch):
    batch.register("tagged", tags={f"definition{n}": "x" for n in range(30)})
    tags = {f"job{n}": "x" for n in range(30)}
    assert batch.run(definition="tagged", tags=tags)["status"] == "SUCCEEDED"
    assert batch.run(definition="tagged", tags=tags, propagateTags=True)["status"] == "FAILED"


def test_a_job_that_asks_for_more_than_any_machine_has_waits_with_that_reason(batch):
    asked = {"resourceRequirements": [{"type": "VCPU", "value": "4"}]}
    job_id = batch.submit(queue="small", overrides=asked)
    reason = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    batch.until(lambda: batch.job(job_id).get("statusReason", "").startswith(reason))
    assert batch.job(job_id)["status"] == "RUNNABLE"


def test_two_jobs_of_one_name_are_two_jobs(batch):
    assert batch.submit(name="aligned") != batch.submit(name="aligned")


def test_an_answer_gives_id_name_and_arn(batch):
    answer = batch.client.submit_job(jobName="aligned", jobQueue="queue", jobDefinition="tools")
    assert answer["jobName"] == "aligned"
    assert answer["jobArn"].endswith(f":job/{answer['jobId']}")


def test_what_the_real_client_sends_is_what_is_kept(simulator, batch):
    with_context = client_of("batch", simulator)
    with_context.submit_job(jobName="a", jobQueue="queue", jobDefinition="tools", tags={"Ünïcode": "✓"})
    assert simulator.payloads("SubmitJob")[0]["tags"] == {"Ünïcode": "✓"}
    with_context.close()
