"""Job definitions, queues, compute environments and tags."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from bioinfo_assets_tests.simulator import BatchSimulator, Queue
from bioinfo_assets_tests.simulator.driver import Driver

REQUIREMENTS = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}]


def revisions(batch: Driver, **request: Any) -> list[int]:
    return [definition["revision"] for definition in batch.client.describe_job_definitions(**request)["jobDefinitions"]]


def test_each_registration_is_a_revision_even_of_equal_content(batch: Driver) -> None:
    answers = [batch.register("aligner") for _ in range(2)]
    assert [answer["revision"] for answer in answers] == [1, 2]
    assert answers[1]["jobDefinitionArn"].endswith(":job-definition/aligner:2")
    assert revisions(batch, jobDefinitionName="aligner") == [2, 1]


def test_a_definition_is_described_as_it_was_registered(batch: Driver) -> None:
    properties = {
        "jobRoleArn": "arn:aws:iam::123456789012:role/job",
        "linuxParameters": {"initProcessEnabled": True, "sharedMemorySize": 1024},
        "volumes": [{"name": "scratch", "host": {"sourcePath": "/scratch"}}],
        "mountPoints": [{"sourceVolume": "scratch", "containerPath": "/scratch", "readOnly": False}],
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/genomes"}},
    }
    batch.register("aligner", container=properties, tags={"a": "b"}, timeout={"attemptDurationSeconds": 60})
    (found,) = batch.client.describe_job_definitions(jobDefinitionName="aligner")["jobDefinitions"]
    assert properties.items() <= found["containerProperties"].items()
    assert found["status"] == "ACTIVE"
    assert found["tags"] == {"a": "b"}
    assert found["timeout"] == {"attemptDurationSeconds": 60}


def test_a_name_refers_to_the_latest_active_revision(batch: Driver) -> None:
    first, second, third = (batch.register("aligner")["jobDefinitionArn"] for _ in range(3))
    batch.client.deregister_job_definition(jobDefinition=third)
    assert batch.run(definition="aligner")["jobDefinition"] == second
    assert batch.run(definition="aligner:1")["jobDefinition"] == first
    assert batch.run(definition=second.rpartition(":")[0])["jobDefinition"] == second


def test_an_inactive_or_unknown_definition_accepts_no_jobs(batch: Driver) -> None:
    batch.register("aligner")
    batch.client.deregister_job_definition(jobDefinition="aligner:1")
    for reference in ("aligner", "aligner:1", "aligner:2", "nobody", "nobody:1"):
        with pytest.raises(ClientError, match="ClientException"):
            batch.submit(definition=reference)
    assert revisions(batch, jobDefinitionName="aligner", status="ACTIVE") == []
    assert revisions(batch, jobDefinitionName="aligner", status="INACTIVE") == [1]


def test_definitions_are_described_by_arn_and_by_name_with_revision(batch: Driver) -> None:
    arn = batch.register("aligner")["jobDefinitionArn"]
    assert revisions(batch, jobDefinitions=[arn, "aligner:1", "aligner:7", "nobody:1"]) == [1, 1]


def test_definitions_are_described_in_pages(batch: Driver) -> None:
    for _ in range(5):
        batch.register("aligner")
    paginator = batch.client.get_paginator("describe_job_definitions")
    pages = list(paginator.paginate(jobDefinitionName="aligner", PaginationConfig={"PageSize": 2}))
    assert [len(page["jobDefinitions"]) for page in pages] == [2, 2, 1]


@pytest.mark.parametrize(
    ("container", "more"),
    [
        ({"image": ""}, {}),
        ({"resourceRequirements": REQUIREMENTS[:1]}, {}),
        ({"environment": [{"name": "AWS_BATCH_X", "value": "1"}]}, {}),
        ({}, {"timeout": {"attemptDurationSeconds": 30}}),
        ({}, {"retryStrategy": {"attempts": 11}}),
        ({}, {"tags": {f"tag{n}": "x" for n in range(51)}}),
    ],
    ids=lambda value: str(value)[:70],
)
def test_definitions_outside_the_limits_of_batch_are_rejected(
    batch: Driver, container: dict[str, Any], more: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="ClientException"):
        batch.register("aligner", container=container, **more)
    assert revisions(batch, jobDefinitionName="aligner") == []


def test_a_definition_with_an_invalid_name_is_rejected(batch: Driver) -> None:
    with pytest.raises(ClientError, match="name"):
        batch.register("aligner.1")


def test_queues_have_state_and_compute_environments(batch: Driver) -> None:
    queue, closed = batch.client.describe_job_queues(jobQueues=["queue", "closed", "nowhere"])["jobQueues"]
    assert (queue["state"], queue["status"]) == ("ENABLED", "VALID")
    assert closed["state"] == "DISABLED"
    arn = queue["computeEnvironmentOrder"][0]["computeEnvironment"]
    (found,) = batch.client.describe_compute_environments(computeEnvironments=[arn])["computeEnvironments"]
    assert (found["computeEnvironmentName"], found["state"], found["status"]) == ("queue-machines", "ENABLED", "VALID")
    shared = batch.client.describe_job_queues(jobQueues=["shared"])["jobQueues"][0]
    assert "schedulingPolicyArn" in shared
    assert "schedulingPolicyArn" not in queue


def test_all_queues_are_described_if_none_is_named(batch: Driver) -> None:
    assert len(batch.client.describe_job_queues()["jobQueues"]) == 4
    assert len(batch.client.describe_compute_environments()["computeEnvironments"]) == 4


def test_a_queue_can_be_disabled_later(batch: Driver, queues: tuple[Queue, ...]) -> None:
    batch.run()
    queues[0].enabled = False
    with pytest.raises(ClientError, match="not in a state"):
        batch.submit()


@pytest.mark.parametrize("change", ["environment_enabled", "environment_valid"])
def test_jobs_of_a_queue_without_a_usable_environment_stay_runnable(
    batch: Driver, simulator: BatchSimulator, queues: tuple[Queue, ...], change: str
) -> None:
    setattr(queues[0], change, False)
    job_id = batch.submit()
    batch.wait(job_id, "RUNNABLE")
    (environment,) = batch.client.describe_compute_environments(computeEnvironments=["queue-machines"])[
        "computeEnvironments"
    ]
    assert (environment["state"], environment["status"]) in {("DISABLED", "VALID"), ("ENABLED", "INVALID")}
    setattr(queues[0], change, True)
    simulator.start_waiting_jobs()
    assert batch.wait_for_end(job_id)["status"] == "SUCCEEDED"


def test_tags_of_jobs_and_definitions_can_be_read_and_changed(batch: Driver) -> None:
    arn = batch.register("aligner", tags={"a": "1"})["jobDefinitionArn"]
    job = batch.run(definition="aligner", tags={"run": "r1", "sample": "expt"})
    for resource, tags in ((arn, {"a": "1"}), (job["jobArn"], {"run": "r1", "sample": "expt"})):
        assert batch.client.list_tags_for_resource(resourceArn=resource)["tags"] == tags
        batch.client.tag_resource(resourceArn=resource, tags={"new": "2"})
        batch.client.untag_resource(resourceArn=resource, tagKeys=list(tags))
        assert batch.client.list_tags_for_resource(resourceArn=resource)["tags"] == {"new": "2"}
    assert batch.job(job["jobId"])["tags"] == {"new": "2"}


def test_tags_of_an_unknown_job_and_more_than_fifty_tags_are_rejected(batch: Driver) -> None:
    with pytest.raises(ClientError, match="does not exist"):
        batch.client.list_tags_for_resource(resourceArn="arn:aws:batch:us-east-1:123456789012:job/nobody")
    job = batch.run(tags={f"tag{n}": "x" for n in range(50)})
    with pytest.raises(ClientError, match="50 tags"):
        batch.client.tag_resource(resourceArn=job["jobArn"], tags={"one-more": "x"})
