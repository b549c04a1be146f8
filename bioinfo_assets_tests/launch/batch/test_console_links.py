"""Addresses in the AWS console."""

from typing import Any

from bioinfo_assets.launch.batch.console_links import links_of, log_group_of, log_stream_of

STREAM = "tools/default/0a1b"


def test_a_running_job_has_links_to_itself_and_its_log() -> None:
    detail: Any = {"jobId": "0f3c:2", "status": "RUNNING", "container": {"logStreamName": STREAM}}
    assert links_of(detail, "eu-west-1", "/aws/batch/job") == {
        "job": "https://eu-west-1.console.aws.amazon.com/batch/home?region=eu-west-1#jobs/detail/0f3c:2",
        "log": "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/"
        "$252Faws$252Fbatch$252Fjob/log-events/tools$252Fdefault$252F0a1b",
    }


def test_a_job_that_has_not_started_has_no_link_to_a_log() -> None:
    detail: Any = {"jobId": "0f3c", "status": "RUNNABLE"}
    assert links_of(detail, "eu-west-1", "/g").keys() == {"job"}


def test_between_two_attempts_the_log_is_that_of_the_last_one() -> None:
    attempts = [{"container": {"logStreamName": "first"}}, {"container": {"logStreamName": STREAM}}]
    detail: Any = {"jobId": "0f3c", "status": "RUNNABLE", "attempts": attempts}
    assert log_stream_of(detail) == STREAM


def test_the_log_group_is_that_of_the_definition_or_the_default() -> None:
    custom: Any = {"container": {"logConfiguration": {"options": {"awslogs-group": "/genomes"}}}}
    default: Any = {"container": {}}
    assert [log_group_of(custom), log_group_of(default)] == ["/genomes", "/aws/batch/job"]
