"""CloudWatch Logs, read with boto3's client."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from bioinfo_assets_tests.simulator import BatchSimulator, Delays, EmptyPage
from bioinfo_assets_tests.simulator.driver import Driver, Shape
from bioinfo_assets_tests.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

GROUP = "/aws/batch/job"


def stream(job: Shape) -> str:
    return str(job["container"]["logStreamName"])


def read(logs: "CloudWatchLogsClient", name: str, **options: Any) -> tuple[list[str], str, str]:
    answer = logs.get_log_events(logGroupName=GROUP, logStreamName=name, **options)
    return [event["message"] for event in answer["events"]], answer["nextForwardToken"], answer["nextBackwardToken"]


def test_a_stream_is_named_by_definition_container_and_task(batch: Driver) -> None:
    job = batch.run("echo a")
    name, container, task = stream(job).split("/")
    assert (name, container) == ("tools", "default")
    assert job["container"]["taskArn"].endswith(f"/{task}")


def test_both_streams_of_the_command_are_one_log_of_lines_with_times(
    batch: Driver, logs: "CloudWatchLogsClient"
) -> None:
    before = int(1000 * time.time())
    job = batch.run("echo out; echo err >&2; printf 'no end'")
    answer = logs.get_log_events(logGroupName=GROUP, logStreamName=stream(job), startFromHead=True)
    assert [event["message"] for event in answer["events"]] == ["out", "err", "no end"]
    times = [event["timestamp"] for event in answer["events"]]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= int(1000 * time.time())


def test_lines_can_be_read_while_the_job_runs(batch: Driver, logs: "CloudWatchLogsClient", tmp_path: Path) -> None:
    job_id = batch.submit(f"echo begun; until [ -e {tmp_path}/go ]; do sleep 0.01; done; echo ended")
    name = stream(batch.wait(job_id, "RUNNING"))
    wait_until(lambda: read(logs, name)[0] == ["begun"])
    (tmp_path / "go").touch()
    batch.wait_for_end(job_id)
    assert read(logs, name)[0] == ["begun", "ended"]


def test_the_forward_token_continues_after_the_page_and_is_repeated_at_the_end(
    batch: Driver, logs: "CloudWatchLogsClient"
) -> None:
    name = stream(batch.run("seq 5"))
    lines, token, _ = read(logs, name, startFromHead=True, limit=2)
    assert lines == ["1", "2"]
    lines, token, _ = read(logs, name, startFromHead=True, limit=2, nextToken=token)
    assert lines == ["3", "4"]
    lines, token, _ = read(logs, name, startFromHead=True, nextToken=token)
    assert lines == ["5"]
    assert read(logs, name, startFromHead=True, nextToken=token)[:2] == ([], token)


def test_a_token_at_the_end_returns_later_lines(batch: Driver, logs: "CloudWatchLogsClient", tmp_path: Path) -> None:
    job_id = batch.submit(f"echo 1; until [ -e {tmp_path}/go ]; do sleep 0.01; done; echo 2")
    name = stream(batch.wait(job_id, "RUNNING"))
    wait_until(lambda: read(logs, name)[0] == ["1"])
    _, token, _ = read(logs, name, startFromHead=True)
    (tmp_path / "go").touch()
    batch.wait_for_end(job_id)
    assert read(logs, name, startFromHead=True, nextToken=token)[0] == ["2"]


def test_the_latest_lines_are_the_default_and_the_backward_token_returns_earlier_ones(
    batch: Driver, logs: "CloudWatchLogsClient"
) -> None:
    name = stream(batch.run("seq 5"))
    lines, forward, backward = read(logs, name, limit=2)
    assert lines == ["4", "5"]
    assert read(logs, name, nextToken=forward)[0] == []
    lines, _, backward = read(logs, name, nextToken=backward)
    assert lines == ["1", "2", "3"]
    assert read(logs, name, nextToken=backward)[::2] == ([], backward)


def test_lines_can_be_selected_by_time(batch: Driver, logs: "CloudWatchLogsClient") -> None:
    name = stream(batch.run("echo early; sleep 0.05; echo late"))
    events = logs.get_log_events(logGroupName=GROUP, logStreamName=name)["events"]
    since = events[1]["timestamp"]
    assert read(logs, name, startTime=since)[0] == ["late"]
    assert read(logs, name, endTime=since)[0] == ["early"]


def test_a_page_has_at_most_one_mebibyte(batch: Driver, logs: "CloudWatchLogsClient") -> None:
    name = stream(batch.run("for n in 1 2 3; do head -c 524288 /dev/zero | tr '\\0' x; echo; done"))
    lines, token, _ = read(logs, name, startFromHead=True)
    total = sum(len(line) for line in lines)
    assert total <= 1024 * 1024
    while True:
        lines, next_token, _ = read(logs, name, startFromHead=True, nextToken=token)
        total += sum(len(line) for line in lines)
        if next_token == token:
            break
        token = next_token
    assert total == 3 * 524288


def test_empty_lines_are_dropped_and_long_ones_cut_as_by_docker(batch: Driver, simulator: BatchSimulator) -> None:
    job = batch.run("echo a; echo; echo b; head -c 300000 /dev/zero | tr '\\0' x; echo")
    assert [len(line) for line in simulator.printed(job["jobId"])] == [1, 1, 262_118, 300_000 - 262_118]


def test_bytes_that_are_not_utf_8_are_replaced(batch: Driver, simulator: BatchSimulator) -> None:
    job = batch.run(r"printf 'a\xffb\n'")
    assert simulator.printed(job["jobId"]) == ["a\N{REPLACEMENT CHARACTER}b"]


def test_lines_can_be_late(batch: Driver, logs: "CloudWatchLogsClient", simulator: BatchSimulator) -> None:
    simulator.delays = Delays(logged_s=300)
    job = batch.run("echo a")
    assert read(logs, stream(job))[0] == []
    assert simulator.printed(job["jobId"]) == ["a"]
    simulator.delays = Delays(logged_s=1.0)
    wait_until(lambda: read(logs, stream(job))[0] == ["a"])


def test_pages_can_be_empty_before_the_end(
    batch: Driver, logs: "CloudWatchLogsClient", simulator: BatchSimulator
) -> None:
    simulator.inject(EmptyPage(after=1, times=2))
    name = stream(batch.run("seq 3"))
    lines, first, _ = read(logs, name, startFromHead=True, limit=2)
    lines, second, _ = read(logs, name, startFromHead=True, nextToken=first)
    assert lines == []
    assert second != first
    lines, third, _ = read(logs, name, startFromHead=True, nextToken=second)
    assert lines == []
    assert third != second
    assert read(logs, name, startFromHead=True, nextToken=third)[0] == ["3"]


@pytest.mark.parametrize("group", [GROUP, "/nowhere"])
def test_unknown_groups_and_streams_are_not_found(batch: Driver, logs: "CloudWatchLogsClient", group: str) -> None:
    with pytest.raises(ClientError) as raised:
        logs.get_log_events(logGroupName=group, logStreamName="tools/default/0")
    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_an_invalid_token_is_rejected(batch: Driver, logs: "CloudWatchLogsClient") -> None:
    name = stream(batch.run("echo a"))
    with pytest.raises(ClientError, match="InvalidParameterException"):
        read(logs, name, nextToken="f/1/s")
    with pytest.raises(ClientError, match="InvalidParameterException"):
        read(logs, name, limit=10_001)


def test_streams_of_a_group_can_be_listed_and_filtered(batch: Driver, logs: "CloudWatchLogsClient") -> None:
    name = stream(batch.run("echo a; echo b"))
    stream(batch.run("echo c"))
    found = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="tools/default/")["logStreams"]
    assert len(found) == 2
    events = logs.filter_log_events(logGroupName=GROUP, logStreamNames=[name])["events"]
    assert [(event["logStreamName"], event["message"]) for event in events] == [(name, "a"), (name, "b")]
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, PaginationConfig={"PageSize": 2})
    assert [event["message"] for page in pages for event in page["events"]] == ["a", "b", "c"]


def test_a_definition_can_set_group_and_prefix(batch: Driver, logs: "CloudWatchLogsClient") -> None:
    options = {"awslogs-group": "/genomes", "awslogs-stream-prefix": "wgs"}
    batch.register("logged", container={"logConfiguration": {"logDriver": "awslogs", "options": options}})
    job = batch.run("echo a", definition="logged")
    assert stream(job).startswith("wgs/default/")
    events = logs.get_log_events(logGroupName="/genomes", logStreamName=stream(job))["events"]
    assert [event["message"] for event in events] == ["a"]
    assert [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]] == [GROUP, "/genomes"]


def test_a_missing_group_fails_the_job_unless_the_definition_creates_it(batch: Driver) -> None:
    options = {"awslogs-group": "/elsewhere"}
    batch.register("lost", container={"logConfiguration": {"logDriver": "awslogs", "options": options}})
    job = batch.run(definition="lost")
    assert job["container"]["reason"].startswith("CannotStartContainerError: ")
    assert "ResourceNotFoundException" in job["container"]["reason"]
    options["awslogs-create-group"] = "true"
    batch.register("made", container={"logConfiguration": {"logDriver": "awslogs", "options": options}})
    assert batch.run(definition="made")["status"] == "SUCCEEDED"
