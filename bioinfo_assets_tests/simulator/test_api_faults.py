"""What befalls requests, and what a test can learn of them."""

import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from bioinfo_assets_tests.simulator import AnswerLost, Delays, Denied, Disconnected, ErrorAnswer, SlowAnswer, Throttled


def test_throttling_is_an_error_that_boto3_knows_and_nothing_is_done(batch, simulator):
    simulator.inject(Throttled(action="SubmitJob"))
    with pytest.raises(ClientError) as raised:
        batch.submit()
    assert raised.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert simulator.job_details() == []
    assert batch.submit()


@pytest.mark.parametrize("mode", ["standard", "adaptive", "legacy"])
@pytest.mark.parametrize("fault", [Throttled, ErrorAnswer, Disconnected])
def test_boto3s_own_retries_outlast_what_passes(simulator, batch, mode, fault):
    job_id = batch.submit()
    simulator.inject(fault(action="DescribeJobs"))
    config = Config(retries={"mode": mode, "total_max_attempts": 5})
    client = boto3.client("batch", endpoint_url=simulator.url, config=config, region_name="us-east-1", **KEYS)
    before = simulator.count("DescribeJobs")
    assert len(client.describe_jobs(jobs=[job_id])["jobs"]) == 1
    assert simulator.count("DescribeJobs") == before + 2
    client.close()


@pytest.mark.parametrize("status", [500, 502, 503])
def test_errors_of_the_server_have_their_status(batch, simulator, status):
    simulator.inject(ErrorAnswer(action="ListJobs", status=status))
    with pytest.raises(ClientError) as raised:
        batch.names(jobQueue="queue")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_policy_can_forbid_an_action(batch, simulator):
    simulator.inject(Denied(action="RegisterJobDefinition", times=-1))
    for _ in range(3):
        with pytest.raises(ClientError, match=r"AccessDeniedException.*not authorized"):
            batch.register("another")


def test_a_closed_connection_means_that_nothing_was_done(batch, simulator):
    simulator.inject(Disconnected(action="SubmitJob"))
    with pytest.raises(ConnectionClosedError):
        batch.submit()
    assert simulator.job_details() == []


def test_an_answer_can_be_lost_after_the_job_was_taken(batch, simulator):
    simulator.inject(AnswerLost(action="SubmitJob"))
    with pytest.raises(ConnectionClosedError):
        batch.submit(name="aligned-expt")
    (job,) = simulator.job_details()
    assert job["jobName"] == "aligned-expt"
    assert batch.end(job["jobId"])["status"] == "SUCCEEDED"


def test_boto3_submits_a_second_time_where_an_answer_was_lost_and_nobody_forbade_it(batch, simulator):
    simulator.inject(AnswerLost(action="SubmitJob"))
    client = boto3.client("batch", endpoint_url=simulator.url, region_name="us-east-1", **KEYS)
    client.submit_job(jobName="twice", jobQueue="queue", jobDefinition="tools")
    assert simulator.count("SubmitJob") == 2
    assert [job["jobName"] for job in simulator.job_details()] == ["twice", "twice"]
    client.close()


def test_an_answer_can_be_too_late(simulator, batch):
    simulator.inject(SlowAnswer(action="SubmitJob", seconds=2))
    config = Config(read_timeout=0.1, retries={"total_max_attempts": 1})
    client = boto3.client("batch", endpoint_url=simulator.url, config=config, region_name="us-east-1", **KEYS)
    with pytest.raises(ReadTimeoutError):
        client.submit_job(jobName="late", jobQueue="queue", jobDefinition="tools")
    assert len(simulator.job_details()) == 1
    client.close()


def test_a_fault_can_let_some_requests_pass_first(batch, simulator):
    simulator.inject(Throttled(action="DescribeJobs", after=2, times=1))
    answers = []
    for _ in range(4):
        try:
            batch.client.describe_jobs(jobs=["x"])
            answers.append("ok")
        except ClientError:
            answers.append("throttled")
    assert answers == ["ok", "ok", "throttled", "ok"]


def test_a_fault_can_befall_every_action_and_be_withdrawn(batch, logs, simulator):
    fault = Throttled(times=-1)
    simulator.inject(fault)
    with pytest.raises(ClientError, match="TooManyRequests"):
        batch.names(jobQueue="queue")
    with pytest.raises(ClientError, match="TooManyRequests"):
        logs.describe_log_groups()
    simulator.withdraw(fault)
    assert batch.names(jobQueue="queue") == []


def test_new_jobs_can_be_unknown_to_list_jobs_for_a_while(batch, simulator):
    simulator.delays = Delays(listed_s=1.0)
    job_id = batch.run(name="aligned-expt")["jobId"]
    by_name = {"jobQueue": "queue", "filters": [{"name": "JOB_NAME", "values": ["aligned-expt"]}]}
    assert batch.names(**by_name) == []
    assert batch.job(job_id)["status"] == "SUCCEEDED"
    assert batch.until(lambda: batch.names(**by_name)) == ["aligned-expt"]


def test_new_jobs_can_be_unknown_to_describe_jobs_for_a_while(batch, simulator):
    simulator.delays = Delays(described_s=0.6)
    job_id = batch.submit()
    assert batch.client.describe_jobs(jobs=[job_id])["jobs"] == []
    batch.until(lambda: batch.client.describe_jobs(jobs=[job_id])["jobs"])


def test_requests_are_kept_with_what_they_said_and_when(batch, simulator):
    before = time.monotonic()
    batch.submit(name="aligned-expt")
    batch.client.describe_jobs(jobs=["a", "b"])
    assert simulator.count("SubmitJob") == 1
    assert simulator.payloads("SubmitJob")[0]["jobName"] == "aligned-expt"
    assert simulator.payloads("DescribeJobs") == [{"jobs": ["a", "b"]}]
    assert [request.action for request in simulator.requests] == ["RegisterJobDefinition", "SubmitJob", "DescribeJobs"]
    assert before <= simulator.requests[1].at <= simulator.requests[2].at <= time.monotonic()


def test_an_action_that_is_not_simulated_says_so(batch):
    with pytest.raises(ClientError, match="The simulator has no createjobqueue"):
        batch.client.create_job_queue(jobQueueName="q", priority=1, computeEnvironmentOrder=[])


KEYS = {"aws_access_key_id": "someone", "aws_secret_access_key": "secret"}
