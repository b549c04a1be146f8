"""What is printed at the end of a run whose results cannot be read by then, as while S3 is away."""

import io
import json
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from bioinfo_assets.application.plan import plan_everything
from bioinfo_assets.application.run import RunOutcome
from bioinfo_assets.application.run_progress import RunProgress
from bioinfo_assets.cli.run_pipeline import _print_outcome
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.cli.small_project import small_project


@pytest.fixture
def outcome(tmp_path: Path) -> RunOutcome:
    """The outcome of a run in which a job failed, and after which a record is unreadable."""
    ledger = small_project(tmp_path)
    plan = plan_everything(ledger.output_path)
    progress = RunProgress({"depth": 2})
    progress.update(JobUpdate(ResultKey("depth", "toy"), JobState.FAILED, "the disk is full"))
    ledger.store.write_bytes(ledger.uri(ResultKey("depth", "expt")), b"not a record")
    return RunOutcome(plan, progress, "run", success=False, seconds=1.0, log=tmp_path / "log")


def test_failures_are_listed_all_the_same(outcome: RunOutcome) -> None:
    printed = io.StringIO()
    _print_outcome(outcome, Console(file=printed))
    assert "depth of toy: the disk is full" in printed.getvalue()
    assert "the files of the results cannot be listed: " in printed.getvalue()
    assert "depth.json is not a record" in printed.getvalue()


def test_only_the_samples_that_are_shown_are_read(outcome: RunOutcome) -> None:
    """Of ten thousand, twenty are: the others' records would take minutes."""
    depth = ResultKey("depth", "expt")
    outcome.plan.project.ledger.store.delete(outcome.plan.project.ledger.uri(depth))
    outcome.plan.project.ledger.store.write_bytes(outcome.plan.project.ledger.uri(ResultKey("depth", "toy")), b"{")
    assert outcome.plan.names == ("expt", "toy")
    assert outcome.files(1)[1] == ""
    assert outcome.files()[1] != ""


def test_the_document_has_all_else(outcome: RunOutcome) -> None:
    document = json.loads(json.dumps(outcome.to_json()))
    assert document["failures"] == [{"asset": "depth", "sample": "toy", "reason": "the disk is full"}]
    assert document["samples"] == {"expt": {}, "toy": {}}
    assert ["depth.json is not a record" in warning["reason"] for warning in document["warnings"]] == [True]


def test_the_next_command_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    ledger = small_project(tmp_path / "my project")
    plan = plan_everything(ledger.output_path)
    printed = io.StringIO()
    _print_outcome(RunOutcome(plan, RunProgress({}), None, success=True, seconds=1.0, log=None), Console(file=printed))
    (line,) = [line for line in printed.getvalue().splitlines() if line.startswith("To view it in Dagit: ")]
    assert shlex.split(line)[-2:] == ["--output-path", str(tmp_path / "my project" / "out")]
