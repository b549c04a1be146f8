from rich.console import Console

from bioinfo_assets.application.run_progress import RunProgress
from bioinfo_assets.cli.job_status_table import status_table
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate


def board() -> RunProgress:
    return RunProgress({"known_sites": 1, "depth": 3})


def lines(shown: RunProgress) -> list[list[str]]:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(status_table(shown))
    return [line.split() for line in captured.get().splitlines()]


def test_all_jobs_are_pending_at_first() -> None:
    assert ["ASSET", "PENDING", "RUNNING", "FAILED", "CACHED", "DONE", "TOTAL"] in lines(board())
    assert ["depth", "3", "0", "0", "0", "0", "3"] in lines(board())
    assert ["ALL", "4", "0", "0", "0", "0", "4"] in lines(board())


def test_a_job_is_counted_where_it_is_now() -> None:
    shown = board()
    for state in (JobState.PENDING, JobState.RUNNING, JobState.DONE):
        shown.update(JobUpdate("depth", "a", state))
    shown.update(JobUpdate("depth", "b", JobState.CACHED))
    shown.update(JobUpdate("depth", "c", JobState.PENDING))
    assert ["depth", "1", "0", "0", "1", "1", "3"] in lines(shown)


def test_failures_say_of_what_and_why() -> None:
    shown = board()
    shown.update(JobUpdate("depth", "a", JobState.FAILED, "the disk is full"))
    shown.update(JobUpdate("known_sites", "", JobState.FAILED, "no VCF"))
    assert [str(failure) for failure in shown.failures] == ["depth of a: the disk is full", "known_sites: no VCF"]


def test_what_did_not_begin_by_the_end_was_skipped() -> None:
    shown = board()
    shown.update(JobUpdate("depth", "a", JobState.SKIPPED))
    shown.end()
    assert ["ASSET", "PENDING", "RUNNING", "FAILED", "CACHED", "DONE", "SKIPPED", "TOTAL"] in lines(shown)
    assert ["depth", "0", "0", "0", "0", "0", "3", "3"] in lines(shown)
