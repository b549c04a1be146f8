"""Job definitions, queues, compute environments and tags."""

import pytest
from botocore.exceptions import ClientError

ENOUGH = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}]


def revisions(batch, **request):
    return [found["revision"] for found in batch.client.describe_job_definitions(**request)["jobDefinitions"]]


def test_each_registration_is_a_revision_also_of_the_same_content(batch):
    told = [batch.register("aligner") for _ in range(2)]
    assert [answer["revision"] for answer in told] == [1, 2]
    assert told[1]["jobDefinitionArn"].endswith(":job-definition/aligner:2")
    assert revisions(batch, jobDefinitionName="aligner") == [2, 1]


def test_a_definition_is_described_as_it_was_registered(batch):
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


def test_a_name_means_the_latest_active_revision(batch):
    first, second, third = (batch.register("aligner")["jobDefinitionArn"] for _ in range(3))
    batch.client.deregister_job_definition(jobDefinition=third)
    assert batch.run(definition="aligner")["jobDefinition"] == second
    assert batch.run(definition="aligner:1")["jobDefinition"] == first
    assert batch.run(definition=second.rpartition(":")[0])["jobDefinition"] == second


def test_an_inactive_or_unknown_definition_takes_no_jobs(batch):
    batch.register("aligner")
    batch.client.deregister_job_definition(jobDefinition="aligner:1")
    for reference in ("aligner", "aligner:1", "aligner:2", "nobody", "nobody:1"):
        with pytest.raises(ClientError, match="ClientException"):
            batch.submit(definition=reference)
    assert revisions(batch, jobDefinitionName="aligner", status="ACTIVE") == []
    assert revisions(batch, jobDefinitionName="aligner", status="INACTIVE") == [1]


def test_definitions_are_described_by_arn_and_by_name_with_revision(batch):
    arn = batch.register("aligner")["jobDefinitionArn"]
    assert revisions(batch, jobDefinitions=[arn, "aligner:1", "aligner:7", "nobody:1"]) == [1, 1]


def test_definitions_come_in_pages(batch):
    for _ in range(5):
        batch.register("aligner")
    paginator = batch.client.get_paginator("describe_job_definitions")
    pages = list(paginator.paginate(jobDefinitionName="aligner", PaginationConfig={"PageSize": 2}))
    assert [len(page["jobDefinitions"]) for page in pages] == [2, 2, 1]


@pytest.mark.parametrize(
    ("container", "more"),
    [
        ({"image": ""}, {}),
        ({"resourceRequirements": ENOUGH[:1]}, {}),
        ({"environment": [{"name": "AWS_BATCH_X", "value": "1"}]}, {}),
        ({}, {"timeout": {"attemptDurationSeconds": 30}}),
        ({}, {"retryStrategy": {"attempts": 11}}),
        ({}, {"tags": {f"tag{n}": "x" for n in range(51)}}),
    ],
    ids=lambda given: str(given)[:70],
)
def test_definitions_outside_of_batchs_limits_are_refused(batch, container, more):
    with pytest.raises(ClientError, match="ClientException"):
        batch.register("aligner", container=container, **more)
    assert revisions(batch, jobDefinitionName="aligner") == []


def test_definitions_names_have_batchs_letters(batch):
    with pytest.raises(ClientError, match="name"):
        batch.register("aligner.1")


def test_queues_tell_their_state_and_environments(batch):
    queue, closed = batch.client.describe_job_queues(jobQueues=["queue", "closed", "nowhere"])["jobQueues"]
    assert (queue["state"], queue["status"]) == ("ENABLED", "VALID")
    assert closed["state"] == "DISABLED"
    arn = queue["computeEnvironmentOrder"][0]["computeEnvironment"]
    (found,) = batch.client.describe_compute_environments(computeEnvironments=[arn])["computeEnvironments"]
    assert (found["computeEnvironmentName"], found["state"], found["status"]) == ("queue-machines", "ENABLED", "VALID")
    shared = batch.client.describe_job_queues(jobQueues=["shared"])["jobQueues"][0]
    assert "schedulingPolicyArn" in shared
    assert "schedulingPolicyArn" not in queue


def test_all_queues_are_told_where_none_is_named(batch):
    assert len(batch.client.describe_job_queues()["jobQueues"]) == 4
    assert len(batch.client.describe_compute_environments()["computeEnvironments"]) == 4


def test_a_queue_can_be_closed_later(batch, queues):
    batch.run()
    queues[0].enabled = False
    with pytest.raises(ClientError, match="not in a state"):
        batch.submit()


@pytest.mark.parametrize("change", ["environment_enabled", "environment_valid"])
def test_jobs_of_a_queue_without_a_usable_environment_stay_runnable(batch, simulator, queues, change):
    setattr(queues[0], change, False)
    job_id = batch.submit()
    batch.wait(job_id, "RUNNABLE")
    (environment,) = batch.client.describe_compute_environments(computeEnvironments=["queue-machines"])[
        "computeEnvironments"
    ]
    assert (environment["state"], environment["status"]) in {("DISABLED", "VALID"), ("ENABLED", "INVALID")}
    setattr(queues[0], change, True)
    simulator.look_again()
    assert batch.end(job_id)["status"] == "SUCCEEDED"


def test_tags_of_jobs_and_definitions_can_be_read_and_changed(batch):
    arn = batch.register("aligner", tags={"a": "1"})["jobDefinitionArn"]
    job = batch.run(definition="aligner", tags={"run": "r1", "sample": "expt"})
    for resource, there in ((arn, {"a": "1"}), (job["jobArn"], {"run": "r1", "sample": "expt"})):
        assert batch.client.list_tags_for_resource(resourceArn=resource)["tags"] == there
        batch.client.tag_resource(resourceArn=resource, tags={"new": "2"})
        batch.client.untag_resource(resourceArn=resource, tagKeys=list(there))
        assert batch.client.list_tags_for_resource(resourceArn=resource)["tags"] == {"new": "2"}
    assert batch.job(job["jobId"])["tags"] == {"new": "2"}


def test_tags_of_what_is_not_there_or_over_fifty_are_refused(batch):
    with pytest.raises(ClientError, match="does not exist"):
        batch.client.list_tags_for_resource(resourceArn="arn:aws:batch:us-east-1:123456789012:job/nobody")
    job = batch.run(tags={f"tag{n}": "x" for n in range(50)})
    with pytest.raises(ClientError, match="50 tags"):
        batch.client.tag_resource(resourceArn=job["jobArn"], tags={"one-more": "x"})
