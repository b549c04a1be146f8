"""Batch's words for an ending, and what is made of them."""

import time
from datetime import UTC, datetime

import pytest

from bioinfo_assets.launch.batch.attempt_report import AttemptReport, RecordedExit
from bioinfo_assets.launch.batch.classify_outcome import (
    classify,
    memory_mib,
    outcome_of,
    termination_reason,
    unschedulable,
)
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.launch.script_report import ScriptReport
from bioinfo_assets_tests.launch.contract import job

EXITED = "Essential container in task exited"


def detail(said=EXITED, reason=None, code=None, **more):
    container = {name: value for name, value in (("reason", reason), ("exitCode", code)) if value is not None}
    return {"jobId": "j", "status": "FAILED", "statusReason": said, "container": container, **more}


@pytest.mark.parametrize(
    ("told_by_batch", "expected"),
    [
        (detail("Host EC2 (instance i-0) terminated."), Outcome.RECLAIMED),
        # A reclaimed machine may leave an exit code too: the words come first.
        (detail("Host EC2 (instance i-0) terminated.", code=137), Outcome.RECLAIMED),
        (detail(reason="OutOfMemoryError: Container killed due to memory usage", code=137), Outcome.OUT_OF_MEMORY),
        (detail(code=137), Outcome.OUT_OF_MEMORY),
        (detail("Job attempt duration exceeded timeout", code=137), Outcome.TIMED_OUT),
        (detail("Task failed to start", "CannotPullContainerError: not found"), Outcome.IMAGE_MISSING),
        (detail("Task failed to start", "DockerTimeoutError: 3m0s"), Outcome.LOST),
        (detail("Task failed to start", "CannotStartContainerError: x"), Outcome.LOST),
        (detail(reason="CannotInspectContainerError: 30s"), Outcome.LOST),
        (detail("no longer wanted", code=137), Outcome.KILLED),
        (detail("no longer wanted", code=143), Outcome.KILLED),
        (detail("no longer wanted", isTerminated=True), Outcome.KILLED),
        (detail("no longer wanted", isCancelled=True), Outcome.KILLED),
        (detail(termination_reason("cancelled")), Outcome.KILLED),
        (detail(termination_reason("no machine: it waited 9 s")), Outcome.UNSCHEDULABLE),
        (detail(code=3), Outcome.FAILED),
        (detail(code=0), Outcome.LOST),
        (detail(), Outcome.LOST),
    ],
    ids=str,
)
def test_words_go_before_exit_codes(told_by_batch, expected):
    assert outcome_of(told_by_batch, None) is expected


@pytest.mark.parametrize(("exit_code", "expected"), [(3, Outcome.FAILED), (-9, Outcome.OUT_OF_MEMORY)])
def test_where_batch_tells_no_exit_code_the_scripts_own_counts(exit_code, expected):
    now = datetime.now(UTC)
    ending = RecordedExit(exit_code=exit_code, started=now, finished=now, wall_s=1.0)
    assert outcome_of(detail(), AttemptReport(1, False, ScriptReport(), "", ending)) is expected  # noqa: FBT003 - its order


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.SUCCEEDED])
def test_each_sentence_names_step_and_scope_and_ends_with_the_log(outcome):
    words = {
        Outcome.FAILED: detail(code=3),
        Outcome.OUT_OF_MEMORY: detail(code=137),
        Outcome.TIMED_OUT: detail("Job attempt duration exceeded timeout", timeout={"attemptDurationSeconds": 60}),
        Outcome.RECLAIMED: detail("Host EC2 (instance i-0) terminated."),
        Outcome.KILLED: detail("no longer wanted", isTerminated=True),
        Outcome.LOST: detail(),
        Outcome.IMAGE_MISSING: detail("Task failed to start", "CannotPullContainerError: x"),
        Outcome.UNSCHEDULABLE: detail(termination_reason("no machine: it waited 9 s")),
    }
    judged = classify(job("greets"), words[outcome], None, "LOG")
    assert judged.outcome is outcome
    assert judged.reason.startswith("step greets of expt ")
    assert judged.reason.endswith("; its log is LOG")
    assert outcome.advice in judged.reason
    assert "\n" not in judged.reason


def test_a_job_that_told_that_all_was_done_succeeded_whatever_batch_says():
    done = AttemptReport(1, is_done=True, told=ScriptReport(), stderr="", ending=None)
    assert classify(job("greets"), detail("Host EC2 gone"), done, "").outcome is Outcome.SUCCEEDED


def test_an_ending_from_outside_is_not_blamed_on_what_the_script_had_told():
    told = AttemptReport(1, is_done=False, told=ScriptReport(problem="no reads"), stderr="", ending=None)
    assert classify(job("greets"), detail("Host EC2 gone"), told, "").outcome is Outcome.RECLAIMED
    assert classify(job("greets"), detail(code=65), told, "").reason == "no reads"


def test_the_memory_a_job_had_is_batchs_word():
    had = detail()
    had["container"]["resourceRequirements"] = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "4096"}]
    assert (memory_mib(job("greets"), had), memory_mib(job("greets"), detail())) == (4096, 1024)


class TestWaiting:
    NOW_MS = 1_800_000_000_000

    @pytest.fixture(autouse=True)
    def clock(self, monkeypatch):
        monkeypatch.setattr(time, "time", lambda: self.NOW_MS / 1000)

    def waits(self, since_s, said="", **more):
        return {
            "jobId": "j",
            "status": "RUNNABLE",
            "statusReason": said,
            "createdAt": self.NOW_MS - 1000 * since_s,
        } | more

    def test_a_misconfiguration_is_never_waited_for(self):
        assert unschedulable(self.waits(1, "MISCONFIGURATION:X - y")) == "no machine: MISCONFIGURATION:X - y"

    def test_a_lack_of_machines_is_until_the_limit(self):
        assert unschedulable(self.waits(99, "CAPACITY:X"), 100) == ""
        assert unschedulable(self.waits(101, "CAPACITY:X"), 100) == "no machine: it waited 101 s, CAPACITY:X"

    def test_a_job_that_ran_before_it_was_reclaimed_waits_only_since_then(self):
        ran = {"attempts": [{"startedAt": 1, "stoppedAt": self.NOW_MS - 5_000}]}
        assert unschedulable(self.waits(1000, **ran), 100) == ""

    def test_a_job_that_runs_does_not_wait(self):
        assert unschedulable(self.waits(1000) | {"status": "RUNNING"}, 100) == ""
