"""Retry strategies: the rules by themselves, and applied to jobs."""

from collections.abc import Mapping

import pytest

from bioinfo_assets_tests.simulator import BatchSimulator
from bioinfo_assets_tests.simulator.driver import Driver
from bioinfo_assets_tests.simulator.retry import AttemptResult, is_retried

FAILED = AttemptResult("Essential container in task exited", None, 1)
RECLAIMED = AttemptResult("Host EC2 (instance i-0123456789abcdef0) terminated.")
NOT_PULLED = AttemptResult("Task failed to start", "CannotPullContainerError: pull access denied")
OUT_OF_MEMORY = AttemptResult("Essential container in task exited", "OutOfMemoryError: Container killed", 137)

# The rules of this project's own submissions: only failures of machines are retried.
RULES = [
    {"action": "RETRY", "onStatusReason": "Host EC2*"},
    {"action": "RETRY", "onReason": "CannotPullContainer*"},
    {"action": "EXIT", "onReason": "*"},
]


def is_retried_by(result: AttemptResult, *rules: Mapping[str, str], attempts: int = 3, attempt: int = 1) -> bool:
    return is_retried({"attempts": attempts, "evaluateOnExit": list(rules)}, attempt, result)


@pytest.mark.parametrize(
    ("result", "expected"), [(RECLAIMED, True), (NOT_PULLED, True), (FAILED, False), (OUT_OF_MEMORY, False)]
)
def test_the_first_rule_that_matches_decides(result: AttemptResult, *, expected: bool) -> None:
    assert is_retried_by(result, *RULES) is expected


def test_a_result_that_matches_no_rule_is_retried() -> None:
    assert is_retried_by(FAILED, {"action": "EXIT", "onExitCode": "2"})
    assert is_retried_by(FAILED)


def test_all_conditions_of_a_rule_must_match() -> None:
    rule = {"action": "EXIT", "onExitCode": "137", "onReason": "OutOfMemory*"}
    assert not is_retried_by(OUT_OF_MEMORY, rule)
    assert is_retried_by(AttemptResult("Essential container in task exited", None, 137), rule)


def test_a_pattern_without_an_asterisk_must_match_exactly() -> None:
    assert is_retried_by(FAILED, {"action": "EXIT", "onStatusReason": "Essential"})
    assert not is_retried_by(FAILED, {"action": "EXIT", "onStatusReason": "Essential container in task exited"})


def test_patterns_are_case_sensitive_and_actions_are_not() -> None:
    assert is_retried_by(RECLAIMED, {"action": "EXIT", "onStatusReason": "host ec2*"})
    assert not is_retried_by(RECLAIMED, {"action": "exit", "onStatusReason": "Host EC2*"})


def test_an_asterisk_matches_a_missing_reason_or_exit_code() -> None:
    assert not is_retried_by(FAILED, {"action": "EXIT", "onReason": "*"})
    assert not is_retried_by(RECLAIMED, {"action": "EXIT", "onExitCode": "*"})


def test_the_last_attempt_and_a_terminated_one_are_not_retried() -> None:
    assert not is_retried_by(RECLAIMED, *RULES, attempt=3)
    assert not is_retried_by(AttemptResult("the run was cancelled", None, 143, is_final=True), *RULES)
    assert not is_retried({}, 1, FAILED)


def test_a_job_is_retried_until_it_succeeds(batch: Driver, simulator: BatchSimulator) -> None:
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


def test_a_job_that_fails_in_all_attempts_fails(batch: Driver) -> None:
    job = batch.run("exit 9", retryStrategy={"attempts": 2})
    assert job["status"] == "FAILED"
    assert len(job["attempts"]) == 2


def test_without_a_strategy_there_is_one_attempt(batch: Driver) -> None:
    assert len(batch.run("exit 9")["attempts"]) == 1


def test_the_strategy_of_the_request_takes_precedence(batch: Driver) -> None:
    batch.register("thrice", retryStrategy={"attempts": 3})
    assert len(batch.run("exit 9", definition="thrice")["attempts"]) == 3
    assert len(batch.run("exit 9", definition="thrice", retryStrategy={"attempts": 1})["attempts"]) == 1


def test_a_rule_can_stop_retries_before_the_last_attempt(batch: Driver) -> None:
    rules = [{"action": "RETRY", "onExitCode": "75"}, {"action": "EXIT", "onReason": "*"}]
    job = batch.run("exit $((76 - AWS_BATCH_JOB_ATTEMPT))", retryStrategy={"attempts": 5, "evaluateOnExit": rules})
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [75, 74]
