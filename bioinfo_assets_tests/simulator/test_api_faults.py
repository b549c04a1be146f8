"""Faults of requests, and what a test can read about requests."""

import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from bioinfo_assets_tests.simulator import (
    AnswerLost,
    ApiFault,
    BatchSimulator,
    Delays,
    Denied,
    Disconnected,
    ErrorAnswer,
    SlowAnswer,
    Throttled,
)
from bioinfo_assets_tests.simulator.conftest import client_of
from bioinfo_assets_tests.simulator.driver import Driver
from bioinfo_assets_tests.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


def test_a_throttled_request_has_the_error_of_boto3_and_no_effect(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(Throttled(action="SubmitJob"))
    with pytest.raises(ClientError) as raised:
        batch.submit()
    assert raised.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert simulator.job_details() == []
    assert batch.submit()


@pytest.mark.parametrize("mode", ["standard", "adaptive", "legacy"])
@pytest.mark.parametrize("fault", [Throttled, ErrorAnswer, Disconnected])
def test_boto3_retries_after_a_transient_fault(
    simulator: BatchSimulator, batch: Driver, mode: str, fault: type[ApiFault]
) -> None:
    job_id = batch.submit()
    simulator.inject(fault(action="DescribeJobs"))
    retries: Any = {"mode": mode, "total_max_attempts": 5}
    config = Config(retries=retries)
    client = client_of("batch", simulator, config)
    before = simulator.count("DescribeJobs")
    assert len(client.describe_jobs(jobs=[job_id])["jobs"]) == 1
    assert simulator.count("DescribeJobs") == before + 2
    client.close()


@pytest.mark.parametrize("status", [500, 502, 503])
def test_server_errors_have_their_status(batch: Driver, simulator: BatchSimulator, status: int) -> None:
    simulator.inject(ErrorAnswer(action="ListJobs", status=status))
    with pytest.raises(ClientError) as raised:
        batch.names(jobQueue="queue")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_policy_can_forbid_an_action(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(Denied(action="RegisterJobDefinition", times=-1))
    for _ in range(3):
        with pytest.raises(ClientError, match=r"AccessDeniedException.*not authorized"):
            batch.register("another")


def test_a_request_on_a_closed_connection_has_no_effect(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(Disconnected(action="SubmitJob"))
    with pytest.raises(ConnectionClosedError):
        batch.submit()
    assert simulator.job_details() == []


def test_an_answer_can_be_lost_after_the_job_was_accepted(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(AnswerLost(action="SubmitJob"))
    with pytest.raises(ConnectionClosedError):
        batch.submit(name="aligned-expt")
    (job,) = simulator.job_details()
    assert job["jobName"] == "aligned-expt"
    assert batch.wait_for_end(job["jobId"])["status"] == "SUCCEEDED"


def test_boto3_submits_a_job_twice_when_the_answer_is_lost_and_retries_are_on(
    batch: Driver, simulator: BatchSimulator
) -> None:
    simulator.inject(AnswerLost(action="SubmitJob"))
    client = client_of("batch", simulator, Config())
    client.submit_job(jobName="twice", jobQueue="queue", jobDefinition="tools")
    assert simulator.count("SubmitJob") == 2
    assert [job["jobName"] for job in simulator.job_details()] == ["twice", "twice"]
    client.close()


def test_an_answer_can_be_late(simulator: BatchSimulator, batch: Driver) -> None:
    simulator.inject(SlowAnswer(action="SubmitJob", seconds=2))
    config = Config(read_timeout=0.1, retries={"total_max_attempts": 1})
    client = client_of("batch", simulator, config)
    with pytest.raises(ReadTimeoutError):
        client.submit_job(jobName="late", jobQueue="queue", jobDefinition="tools")
    wait_until(lambda: len(simulator.job_details()) == 1)
    client.close()


def test_a_fault_can_begin_after_some_requests(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(Throttled(action="DescribeJobs", after=2, times=1))
    answers = []
    for _ in range(4):
        try:
            batch.client.describe_jobs(jobs=["x"])
            answers.append("ok")
        except ClientError:
            answers.append("throttled")
    assert answers == ["ok", "ok", "throttled", "ok"]


def test_a_fault_can_affect_all_actions_and_be_withdrawn(
    batch: Driver, logs: "CloudWatchLogsClient", simulator: BatchSimulator
) -> None:
    fault = Throttled(times=-1)
    simulator.inject(fault)
    with pytest.raises(ClientError, match="TooManyRequests"):
        batch.names(jobQueue="queue")
    with pytest.raises(ClientError, match="TooManyRequests"):
        logs.describe_log_groups()
    simulator.withdraw(fault)
    assert batch.names(jobQueue="queue") == []


def test_list_jobs_can_omit_new_jobs_for_a_while(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.delays = Delays(listed_s=300)
    job_id = batch.run(name="aligned-expt")["jobId"]
    by_name: dict[str, Any] = {"jobQueue": "queue", "filters": [{"name": "JOB_NAME", "values": ["aligned-expt"]}]}
    assert batch.names(**by_name) == []
    assert batch.job(job_id)["status"] == "SUCCEEDED"
    simulator.delays = Delays(listed_s=1.0)
    wait_until(lambda: batch.names(**by_name) == ["aligned-expt"])


def test_describe_jobs_can_omit_new_jobs_for_a_while(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.delays = Delays(described_s=300)
    job_id = batch.submit()
    assert batch.describe(job_id) == []
    simulator.delays = Delays(described_s=0.6)
    wait_until(lambda: batch.describe(job_id))


def test_requests_are_recorded_with_payload_and_time(batch: Driver, simulator: BatchSimulator) -> None:
    before = time.monotonic()
    batch.submit(name="aligned-expt")
    batch.client.describe_jobs(jobs=["a", "b"])
    assert simulator.count("SubmitJob") == 1
    assert simulator.payloads("SubmitJob")[0]["jobName"] == "aligned-expt"
    assert simulator.payloads("DescribeJobs") == [{"jobs": ["a", "b"]}]
    assert [request.action for request in simulator.requests] == ["RegisterJobDefinition", "SubmitJob", "DescribeJobs"]
    assert before <= simulator.requests[1].at <= simulator.requests[2].at <= time.monotonic()


def test_an_unsupported_action_is_an_error(batch: Driver) -> None:
    with pytest.raises(ClientError, match="The simulator does not support createjobqueue"):
        batch.client.create_job_queue(jobQueueName="q", priority=1, computeEnvironmentOrder=[])
