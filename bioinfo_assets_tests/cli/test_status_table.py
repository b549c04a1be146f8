"""The table of jobs by state that `run` shows."""

from rich.console import Console

from bioinfo_assets.application.run_progress import RunProgress
from bioinfo_assets.cli.run_pipeline import status_table
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate
from bioinfo_assets.result_key import REFERENCES, ResultKey


def new_progress() -> RunProgress:
    return RunProgress({"known_sites": 1, "depth": 3})


def depth_of(sample: str, state: JobState, reason: str = "") -> JobUpdate:
    return JobUpdate(ResultKey("depth", sample), state, reason)


def table_rows(progress: RunProgress) -> list[list[str]]:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(status_table(progress))
    return [line.split() for line in captured.get().splitlines()]


def test_all_jobs_are_pending_at_first() -> None:
    rows = table_rows(new_progress())
    assert ["ASSET", "PENDING", "RUNNING", "FAILED", "CACHED", "DONE", "TOTAL"] in rows
    assert ["depth", "3", "0", "0", "0", "0", "3"] in rows
    assert ["ALL", "4", "0", "0", "0", "0", "4"] in rows


def test_a_job_counts_in_its_latest_state() -> None:
    progress = new_progress()
    for state in (JobState.PENDING, JobState.RUNNING, JobState.DONE):
        progress.update(depth_of("a", state))
    progress.update(depth_of("b", JobState.CACHED))
    progress.update(depth_of("c", JobState.PENDING))
    assert ["depth", "1", "0", "0", "1", "1", "3"] in table_rows(progress)


def test_failures_name_the_result_and_the_reason() -> None:
    progress = new_progress()
    progress.update(depth_of("a", JobState.FAILED, "the disk is full"))
    progress.update(JobUpdate(ResultKey("known_sites", REFERENCES), JobState.FAILED, "no VCF"))
    assert [str(failure) for failure in progress.failures] == ["depth of a: the disk is full", "known_sites: no VCF"]


def test_jobs_that_never_started_count_as_skipped_at_the_end() -> None:
    progress = new_progress()
    progress.update(depth_of("a", JobState.SKIPPED))
    progress.end()
    rows = table_rows(progress)
    assert ["ASSET", "PENDING", "RUNNING", "FAILED", "CACHED", "DONE", "SKIPPED", "TOTAL"] in rows
    assert ["depth", "0", "0", "0", "0", "0", "3", "3"] in rows
