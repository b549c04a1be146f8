"""Retry strategies: the rules by themselves, and as jobs meet them."""

import pytest

from bioinfo_assets_tests.simulator.retry import Ending, is_retried

FAILED = Ending("Essential container in task exited", None, 1)
RECLAIMED = Ending("Host EC2 (instance i-0123456789abcdef0) terminated.")
NOT_PULLED = Ending("Task failed to start", "CannotPullContainerError: pull access denied")
OUT_OF_MEMORY = Ending("Essential container in task exited", "OutOfMemoryError: Container killed", 137)

# The rules of the project's own definitions: what is the machines' fault is tried again, nothing else is.
RULES = [
    {"action": "RETRY", "onStatusReason": "Host EC2*"},
    {"action": "RETRY", "onReason": "CannotPullContainer*"},
    {"action": "EXIT", "onReason": "*"},
]


def retried(ending, *rules, attempts=3, attempt=1):
    return is_retried({"attempts": attempts, "evaluateOnExit": list(rules)}, attempt, ending)


@pytest.mark.parametrize(
    ("ending", "expected"), [(RECLAIMED, True), (NOT_PULLED, True), (FAILED, False), (OUT_OF_MEMORY, False)]
)
def test_the_first_rule_that_matches_decides(ending, expected):
    assert retried(ending, *RULES) is expected


def test_what_no_rule_matches_is_retried():
    assert retried(FAILED, {"action": "EXIT", "onExitCode": "2"})
    assert retried(FAILED)


def test_every_condition_of_a_rule_must_match():
    rule = {"action": "EXIT", "onExitCode": "137", "onReason": "OutOfMemory*"}
    assert not retried(OUT_OF_MEMORY, rule)
    assert retried(Ending("Essential container in task exited", None, 137), rule)


def test_a_pattern_without_an_asterisk_must_match_all():
    assert retried(FAILED, {"action": "EXIT", "onStatusReason": "Essential"})
    assert not retried(FAILED, {"action": "EXIT", "onStatusReason": "Essential container in task exited"})


def test_a_pattern_is_compared_with_regard_to_case_and_an_action_is_not():
    assert retried(RECLAIMED, {"action": "EXIT", "onStatusReason": "host ec2*"})
    assert not retried(RECLAIMED, {"action": "exit", "onStatusReason": "Host EC2*"})


def test_an_asterisk_matches_a_reason_or_an_exit_code_that_is_not_there():
    assert not retried(FAILED, {"action": "EXIT", "onReason": "*"})
    assert not retried(RECLAIMED, {"action": "EXIT", "onExitCode": "*"})


def test_the_last_attempt_and_a_job_that_was_ended_are_never_followed_by_another():
    assert not retried(RECLAIMED, *RULES, attempt=3)
    assert not retried(Ending("the run was cancelled", None, 143, is_final=True), *RULES)
    assert not is_retried({}, 1, FAILED)


def test_a_job_is_started_again_until_it_succeeds(batch, simulator):
    job = batch.run(
        "echo attempt $AWS_BATCH_JOB_ATTEMPT; [ $AWS_BATCH_JOB_ATTEMPT = 3 ]", retryStrategy={"attempts": 5}
    )
    assert job["status"] == "SUCCEEDED"
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [1, 1, 0]
    assert [simulator.printed(job["jobId"], n) for n in (1, 2, 3)] == [[f"attempt {n}"] for n in (1, 2, 3)]
    starts = [attempt["startedAt"] for attempt in job["attempts"]]
    assert starts == sorted(starts)
    assert len({attempt["container"]["logStreamName"] for attempt in job["attempts"]}) == 3
    assert job["container"]["logStreamName"] == job["attempts"][2]["container"]["logStreamName"]
    assert job["startedAt"] == starts[2]


def test_a_job_that_fails_at_each_attempt_failed(batch):
    job = batch.run("exit 9", retryStrategy={"attempts": 2})
    assert job["status"] == "FAILED"
    assert len(job["attempts"]) == 2


def test_without_a_strategy_there_is_one_attempt(batch):
    assert len(batch.run("exit 9")["attempts"]) == 1


def test_the_requests_strategy_goes_before_the_definitions(batch):
    batch.register("thrice", retryStrategy={"attempts": 3})
    assert len(batch.run("exit 9", definition="thrice")["attempts"]) == 3
    assert len(batch.run("exit 9", definition="thrice", retryStrategy={"attempts": 1})["attempts"]) == 1


def test_a_rule_ends_a_job_before_its_attempts_are_used_up(batch):
    rules = [{"action": "RETRY", "onExitCode": "75"}, {"action": "EXIT", "onReason": "*"}]
    job = batch.run("exit $((76 - AWS_BATCH_JOB_ATTEMPT))", retryStrategy={"attempts": 5, "evaluateOnExit": rules})
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [75, 74]
