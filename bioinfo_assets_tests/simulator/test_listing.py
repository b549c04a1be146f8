"""DescribeJobs and ListJobs: who is told of."""

import time

import pytest
from botocore.exceptions import ClientError

from bioinfo_assets_tests.simulator import Delays


def named(name):
    return {"jobQueue": "queue", "filters": [{"name": "JOB_NAME", "values": [name]}]}


def test_at_most_a_hundred_jobs_are_described_at_once(batch):
    assert batch.client.describe_jobs(jobs=["x"] * 100)["jobs"] == []
    with pytest.raises(ClientError, match="Maximum number of jobs supported is  100") as raised:
        batch.client.describe_jobs(jobs=["x"] * 101)
    assert raised.value.response["Error"]["Code"] == "ClientException"


def test_unknown_jobs_and_children_are_left_out(batch):
    parent = batch.run(arrayProperties={"size": 2})["jobId"]
    asked = [parent, f"{parent}:1", f"{parent}:2", f"{parent}:x", "nobody"]
    assert [job["jobId"] for job in batch.client.describe_jobs(jobs=asked)["jobs"]] == asked[:2]


def test_jobs_are_listed_by_queue_and_state_and_running_is_meant_where_none_is_given(batch):
    batch.run(name="done")
    batch.run("exit 1", name="broken")
    batch.wait(batch.submit("sleep 1000", name="under-way"), "RUNNING")
    assert batch.names(jobQueue="queue", jobStatus="SUCCEEDED") == ["done"]
    assert batch.names(jobQueue="queue", jobStatus="FAILED") == ["broken"]
    assert batch.names(jobQueue="queue") == ["under-way"]
    assert batch.names(jobQueue="shared", jobStatus="SUCCEEDED") == []


def test_a_listed_job_tells_times_and_how_it_ended(batch):
    batch.run("exit 4", name="broken")
    (job,) = batch.client.list_jobs(jobQueue="queue", jobStatus="FAILED")["jobSummaryList"]
    assert job["container"] == {"exitCode": 4}
    assert job["statusReason"] == "Essential container in task exited"
    assert job["createdAt"] <= job["startedAt"] <= job["stoppedAt"]
    assert job["jobDefinition"].endswith(":job-definition/tools:1")


def test_a_name_filter_finds_jobs_of_any_state_without_regard_to_case(batch):
    batch.run(name="Aligned-expt")
    batch.run("exit 1", name="aligned-expt")
    batch.run(name="aligned-expt2")
    assert sorted(batch.names(**named("ALIGNED-EXPT"))) == ["Aligned-expt", "aligned-expt"]


def test_a_name_filter_may_end_in_an_asterisk(batch):
    for name in ("aligned-a", "aligned-b", "counted-a"):
        batch.run(name=name)
    assert batch.names(**named("aligned-*")) == ["aligned-b", "aligned-a"]  # the latest first
    assert batch.names(**named("*")) == ["counted-a", "aligned-b", "aligned-a"]
    assert batch.names(**named("*-a")) == []


def test_a_name_filter_leaves_array_children_out_and_gives_parents(batch):
    parent = batch.run(name="aligned", arrayProperties={"size": 3})["jobId"]
    (found,) = batch.client.list_jobs(**named("aligned"))["jobSummaryList"]
    assert found["jobId"] == parent
    assert found["arrayProperties"]["size"] == 3


def test_the_state_is_ignored_beside_a_filter(batch):
    batch.run(name="aligned")
    assert batch.names(jobStatus="FAILED", **named("aligned")) == ["aligned"]


def test_jobs_are_found_by_when_they_were_created(batch):
    batch.run(name="early")
    time.sleep(0.01)
    now = str(int(1000 * time.time()))
    time.sleep(0.01)
    batch.run(name="late")
    by_time = {kind: [{"name": f"{kind}_CREATED_AT", "values": [now]}] for kind in ("BEFORE", "AFTER")}
    assert batch.names(jobQueue="queue", filters=by_time["BEFORE"]) == ["early"]
    assert batch.names(jobQueue="queue", filters=by_time["AFTER"]) == ["late"]


def test_jobs_are_found_by_their_definition(batch):
    arn = batch.register("other-tools")["jobDefinitionArn"]
    batch.run(name="one")
    batch.run(name="two", definition="other-tools")
    for value in ("other-tools", "other*", arn):
        assert batch.names(jobQueue="queue", filters=[{"name": "JOB_DEFINITION", "values": [value]}]) == ["two"]


def test_jobs_are_found_by_their_share_and_state(batch):
    for name, script, share in (("a", "true", "lab1"), ("b", "false", "lab1"), ("c", "true", "lab2")):
        batch.run(script, name=name, queue="shared", shareIdentifier=share, schedulingPriorityOverride=0)
    of_share = {"jobQueue": "shared", "filters": [{"name": "SHARE_IDENTIFIER", "values": ["lab1"]}]}
    assert batch.names(**of_share) == ["b", "a"]
    assert batch.names(jobStatus="FAILED", **of_share) == ["b"]


def test_children_are_listed_by_their_array_and_state(batch):
    parent = batch.run("exit $((AWS_BATCH_JOB_ARRAY_INDEX % 2))", arrayProperties={"size": 5})["jobId"]
    failed = batch.client.list_jobs(arrayJobId=parent, jobStatus="FAILED")["jobSummaryList"]
    assert [(job["jobId"], job["arrayProperties"]["index"]) for job in failed] == [
        (f"{parent}:1", 1),
        (f"{parent}:3", 3),
    ]
    assert len(batch.client.list_jobs(arrayJobId=parent, jobStatus="SUCCEEDED")["jobSummaryList"]) == 3


def test_children_are_not_listed_by_their_queue(batch):
    parent_id = batch.submit("sleep 1000", name="aligned", arrayProperties={"size": 2})
    batch.wait(f"{parent_id}:1", "RUNNING")
    assert batch.names(jobQueue="queue") == []
    assert batch.names(jobQueue="queue", jobStatus="PENDING") == ["aligned"]


def test_a_filters_pages_have_a_hundred_jobs_at_most(batch, simulator):
    simulator.delays = Delays(submitted_s=1000)
    for n in range(105):
        batch.submit(name=f"job-{n}")
    first = batch.client.list_jobs(**named("job-*"), maxResults=1000)
    assert len(first["jobSummaryList"]) == 100
    second = batch.client.list_jobs(**named("job-*"), nextToken=first["nextToken"])
    assert len(second["jobSummaryList"]) == 5
    assert "nextToken" not in second
    pages = batch.client.get_paginator("list_jobs").paginate(**named("job-*"), PaginationConfig={"PageSize": 30})
    names = [job["jobName"] for page in pages for job in page["jobSummaryList"]]
    assert names == [f"job-{n}" for n in reversed(range(105))]


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"jobQueue": "queue", "arrayJobId": "x"},
        {"jobQueue": "nowhere"},
        {"jobQueue": "queue", "maxResults": 0},
        {"jobQueue": "queue", "nextToken": "elsewhere"},
        {"jobQueue": "queue", "filters": [{"name": "JOB_NAME", "values": ["a"]}] * 2},
        {"jobQueue": "queue", "filters": [{"name": "JOB_COLOUR", "values": ["red"]}]},
    ],
    ids=str,
)
def test_requests_that_say_too_little_or_too_much_are_refused(batch, request_):
    with pytest.raises(ClientError, match="ClientException"):
        batch.client.list_jobs(**request_)
