"""DescribeJobs and ListJobs."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bioinfo_assets_tests.simulator import BatchSimulator, Delays
from bioinfo_assets_tests.simulator.driver import Driver


def by_name(name: str) -> dict[str, Any]:
    return {"jobQueue": "queue", "filters": [{"name": "JOB_NAME", "values": [name]}]}


def test_at_most_a_hundred_jobs_can_be_described_at_once(batch: Driver) -> None:
    assert batch.describe(*["x"] * 100) == []
    with pytest.raises(ClientError, match="Maximum number of jobs supported is  100") as raised:
        batch.client.describe_jobs(jobs=["x"] * 101)
    assert raised.value.response["Error"]["Code"] == "ClientException"


def test_unknown_jobs_and_children_are_left_out(batch: Driver) -> None:
    parent = batch.run(arrayProperties={"size": 2})["jobId"]
    ids = [parent, f"{parent}:1", f"{parent}:2", f"{parent}:x", "nobody"]
    assert [job["jobId"] for job in batch.describe(*ids)] == ids[:2]


def test_jobs_are_listed_by_queue_and_status_which_defaults_to_running(batch: Driver) -> None:
    batch.run(name="done")
    batch.run("exit 1", name="broken")
    batch.wait(batch.submit("sleep 1000", name="under-way"), "RUNNING")
    assert batch.names(jobQueue="queue", jobStatus="SUCCEEDED") == ["done"]
    assert batch.names(jobQueue="queue", jobStatus="FAILED") == ["broken"]
    assert batch.names(jobQueue="queue") == ["under-way"]
    assert batch.names(jobQueue="shared", jobStatus="SUCCEEDED") == []


def test_a_listed_job_has_times_and_result(batch: Driver) -> None:
    batch.run("exit 4", name="broken")
    (job,) = batch.client.list_jobs(jobQueue="queue", jobStatus="FAILED")["jobSummaryList"]
    assert job["container"] == {"exitCode": 4}
    assert job["statusReason"] == "Essential container in task exited"
    assert job["createdAt"] <= job["startedAt"] <= job["stoppedAt"]
    assert job["jobDefinition"].endswith(":job-definition/tools:1")


def test_a_name_filter_finds_jobs_of_any_status_ignoring_case(batch: Driver) -> None:
    batch.run(name="Aligned-expt")
    batch.run("exit 1", name="aligned-expt")
    batch.run(name="aligned-expt2")
    assert sorted(batch.names(**by_name("ALIGNED-EXPT"))) == ["Aligned-expt", "aligned-expt"]


def test_a_name_filter_may_end_in_an_asterisk(batch: Driver) -> None:
    for name in ("aligned-a", "aligned-b", "counted-a"):
        batch.run(name=name)
    assert batch.names(**by_name("aligned-*")) == ["aligned-b", "aligned-a"]  # the latest first
    assert batch.names(**by_name("*")) == ["counted-a", "aligned-b", "aligned-a"]
    assert batch.names(**by_name("*-a")) == []


def test_a_name_filter_finds_arrays_but_not_their_children(batch: Driver) -> None:
    parent = batch.run(name="aligned", arrayProperties={"size": 3})["jobId"]
    (found,) = batch.client.list_jobs(**by_name("aligned"))["jobSummaryList"]
    assert found["jobId"] == parent
    assert found["arrayProperties"]["size"] == 3


def test_the_status_is_ignored_with_a_filter(batch: Driver) -> None:
    batch.run(name="aligned")
    assert batch.names(jobStatus="FAILED", **by_name("aligned")) == ["aligned"]


def test_jobs_are_found_by_their_time_of_creation(batch: Driver) -> None:
    batch.run(name="early")
    time.sleep(0.01)
    now = str(int(1000 * time.time()))
    time.sleep(0.01)
    batch.run(name="late")
    by_time = {kind: [{"name": f"{kind}_CREATED_AT", "values": [now]}] for kind in ("BEFORE", "AFTER")}
    assert batch.names(jobQueue="queue", filters=by_time["BEFORE"]) == ["early"]
    assert batch.names(jobQueue="queue", filters=by_time["AFTER"]) == ["late"]


def test_jobs_are_found_by_their_definition(batch: Driver) -> None:
    arn = batch.register("other-tools")["jobDefinitionArn"]
    batch.run(name="one")
    batch.run(name="two", definition="other-tools")
    for value in ("other-tools", "other*", arn):
        assert batch.names(jobQueue="queue", filters=[{"name": "JOB_DEFINITION", "values": [value]}]) == ["two"]


def test_jobs_are_found_by_share_and_status(batch: Driver) -> None:
    for name, script, share in (("a", "true", "lab1"), ("b", "false", "lab1"), ("c", "true", "lab2")):
        batch.run(script, name=name, queue="shared", shareIdentifier=share, schedulingPriorityOverride=0)
    of_share: dict[str, Any] = {"jobQueue": "shared", "filters": [{"name": "SHARE_IDENTIFIER", "values": ["lab1"]}]}
    assert batch.names(**of_share) == ["b", "a"]
    assert batch.names(jobStatus="FAILED", **of_share) == ["b"]


def test_children_are_listed_by_array_and_status(batch: Driver) -> None:
    parent = batch.run("exit $((AWS_BATCH_JOB_ARRAY_INDEX % 2))", arrayProperties={"size": 5})["jobId"]
    failed = batch.client.list_jobs(arrayJobId=parent, jobStatus="FAILED")["jobSummaryList"]
    assert [(job["jobId"], job["arrayProperties"]["index"]) for job in failed] == [
        (f"{parent}:1", 1),
        (f"{parent}:3", 3),
    ]
    assert len(batch.client.list_jobs(arrayJobId=parent, jobStatus="SUCCEEDED")["jobSummaryList"]) == 3


def test_children_are_not_listed_by_their_queue(batch: Driver) -> None:
    parent_id = batch.submit("sleep 1000", name="aligned", arrayProperties={"size": 2})
    batch.wait(f"{parent_id}:1", "RUNNING")
    assert batch.names(jobQueue="queue") == []
    assert batch.names(jobQueue="queue", jobStatus="PENDING") == ["aligned"]


def test_a_page_with_a_filter_has_at_most_a_hundred_jobs(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.delays = Delays(submitted_s=1000)
    for n in range(105):
        batch.submit(name=f"job-{n}")
    first = batch.client.list_jobs(**by_name("job-*"), maxResults=1000)
    assert len(first["jobSummaryList"]) == 100
    second = batch.client.list_jobs(**by_name("job-*"), nextToken=first["nextToken"])
    assert len(second["jobSummaryList"]) == 5
    assert "nextToken" not in second
    pages = batch.client.get_paginator("list_jobs").paginate(**by_name("job-*"), PaginationConfig={"PageSize": 30})
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
def test_invalid_requests_are_rejected(batch: Driver, request_: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="ClientException"):
        batch.client.list_jobs(**request_)
