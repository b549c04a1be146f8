"""Addresses of AWS's console."""

from bioinfo_assets.launch.batch.console_links import links_of, log_group_of, log_stream_of

STREAM = "tools/default/0a1b"


def test_a_job_and_its_log_have_pages():
    detail = {"jobId": "0f3c:2", "status": "RUNNING", "container": {"logStreamName": STREAM}}
    assert links_of(detail, "eu-west-1", "/aws/batch/job") == {
        "job": "https://eu-west-1.console.aws.amazon.com/batch/home?region=eu-west-1#jobs/detail/0f3c:2",
        "log": "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/"
        "$252Faws$252Fbatch$252Fjob/log-events/tools$252Fdefault$252F0a1b",
    }


def test_before_it_ran_there_is_no_log():
    assert links_of({"jobId": "0f3c", "status": "RUNNABLE"}, "eu-west-1", "/g").keys() == {"job"}


def test_a_job_that_waits_for_another_attempt_shows_the_last_ones_log():
    attempts = [{"container": {"logStreamName": "first"}}, {"container": {"logStreamName": STREAM}}]
    assert log_stream_of({"jobId": "0f3c", "status": "RUNNABLE", "attempts": attempts}) == STREAM


def test_the_log_group_is_the_definitions_or_batchs_own():
    logs = {"logConfiguration": {"options": {"awslogs-group": "/genomes"}}}
    assert log_group_of({"container": logs}) == "/genomes"
    assert log_group_of({"container": {}}) == "/aws/batch/job"
