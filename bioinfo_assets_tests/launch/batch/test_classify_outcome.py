"""Outcomes from Batch's reasons and exit codes."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from bioinfo_assets.launch.backend import Outcome
from bioinfo_assets.launch.batch.attempt_report import AttemptReport, RecordedExit
from bioinfo_assets.launch.batch.classify_outcome import (
    classify,
    memory_mib,
    outcome_of,
    termination_reason,
)
from bioinfo_assets.launch.script import ScriptReport
from bioinfo_assets_tests.launch.contract import job

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

EXITED = "Essential container in task exited"


def detail(
    status_reason: str = EXITED, reason: str | None = None, code: int | None = None, **more: Any
) -> "JobDetailTypeDef":
    container = {name: value for name, value in (("reason", reason), ("exitCode", code)) if value is not None}
    described = {"jobId": "j", "status": "FAILED", "statusReason": status_reason, "container": container, **more}
    return cast("JobDetailTypeDef", described)


@pytest.mark.parametrize(
    ("job_detail", "expected"),
    [
        (detail("Host EC2 (instance i-0) terminated."), Outcome.RECLAIMED),
        # An interrupted job may have an exit code too: the reason comes first.
        (detail("Host EC2 (instance i-0) terminated.", code=137), Outcome.RECLAIMED),
        (detail(reason="OutOfMemoryError: Container killed due to memory usage", code=137), Outcome.OUT_OF_MEMORY),
        (detail(code=137), Outcome.OUT_OF_MEMORY),
        (detail("Job attempt duration exceeded timeout", code=137), Outcome.TIMED_OUT),
        (detail("Task failed to start", "CannotPullContainerError: not found"), Outcome.IMAGE_MISSING),
        (detail("Task failed to start", "DockerTimeoutError: 3m0s"), Outcome.LOST),
        (detail("Task failed to start", "CannotStartContainerError: x"), Outcome.LOST),
        (detail(reason="CannotInspectContainerError: 30s"), Outcome.LOST),
        (detail("no longer needed", code=137), Outcome.KILLED),
        (detail("no longer needed", code=143), Outcome.KILLED),
        (detail("no longer needed", isTerminated=True), Outcome.KILLED),
        (detail("no longer needed", isCancelled=True), Outcome.KILLED),
        (detail(termination_reason("cancelled")), Outcome.KILLED),
        (detail(termination_reason("no machine: it waited 9 s")), Outcome.UNSCHEDULABLE),
        (detail(code=3), Outcome.FAILED),
        (detail(code=0), Outcome.LOST),
        (detail(), Outcome.LOST),
    ],
    ids=str,
)
def test_reasons_come_before_exit_codes(job_detail: "JobDetailTypeDef", expected: Outcome) -> None:
    assert outcome_of(job_detail, None) is expected


@pytest.mark.parametrize(("exit_code", "expected"), [(3, Outcome.FAILED), (-9, Outcome.OUT_OF_MEMORY)])
def test_without_an_exit_code_of_batch_that_of_the_script_counts(exit_code: int, expected: Outcome) -> None:
    now = datetime.now(UTC)
    exited = RecordedExit(exit_code=exit_code, started=now, finished=now, wall_s=1.0)
    report = AttemptReport(
        "s3://genomes/scratch/jobs/1/1/x/attempt-1", is_done=False, script=ScriptReport(), stderr="", exit=exited
    )
    assert outcome_of(detail(), report) is expected


@pytest.mark.parametrize("outcome", [own for own in Outcome if own not in {Outcome.SUCCEEDED, Outcome.NOT_RUN}])
def test_each_reason_names_the_job_and_ends_with_its_log(outcome: Outcome) -> None:
    details = {
        Outcome.FAILED: detail(code=3),
        Outcome.OUT_OF_MEMORY: detail(code=137),
        Outcome.TIMED_OUT: detail("Job attempt duration exceeded timeout", timeout={"attemptDurationSeconds": 60}),
        Outcome.RECLAIMED: detail("Host EC2 (instance i-0) terminated."),
        Outcome.KILLED: detail("no longer needed", isTerminated=True),
        Outcome.LOST: detail(),
        Outcome.IMAGE_MISSING: detail("Task failed to start", "CannotPullContainerError: x"),
        Outcome.UNSCHEDULABLE: detail(termination_reason("no machine: it waited 9 s")),
    }
    result = classify(job("greets"), details[outcome], None, "LOG")
    assert result.outcome is outcome
    assert result.reason.startswith("step greets of expt ")
    assert result.reason.endswith("; its log is LOG")
    assert outcome.advice in result.reason
    assert "\n" not in result.reason


def test_a_job_with_a_complete_report_succeeded_whatever_batch_reports() -> None:
    done = AttemptReport(
        "s3://genomes/scratch/jobs/1/1/x/attempt-1", is_done=True, script=ScriptReport(), stderr="", exit=None
    )
    assert classify(job("greets"), detail("Host EC2 gone"), done, "").outcome is Outcome.SUCCEEDED


def test_an_interruption_comes_before_a_problem_of_the_script() -> None:
    report = AttemptReport(
        "s3://genomes/scratch/jobs/1/1/x/attempt-1",
        is_done=False,
        script=ScriptReport(problem="no reads"),
        stderr="",
        exit=None,
    )
    assert classify(job("greets"), detail("Host EC2 gone"), report, "").outcome is Outcome.RECLAIMED
    assert classify(job("greets"), detail(code=65), report, "").reason == "no reads"


def test_the_memory_of_a_job_is_what_batch_reports() -> None:
    had = detail()
    had["container"]["resourceRequirements"] = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "4096"}]
    assert (memory_mib(job("greets"), had), memory_mib(job("greets"), detail())) == (4096, 1024)
