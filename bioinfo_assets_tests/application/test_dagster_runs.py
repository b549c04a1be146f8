"""The lock that the command line holds on its runs, from their creation to their end."""

import multiprocessing
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.application.dagster_runs import open_instance
from bioinfo_assets.orchestration.run_liveness import hold_run_lock, report_dead_runs

RUN_ID = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(tmp_path) as opened:
        yield opened


def create_run(instance: dg.DagsterInstance, run_id: str) -> None:
    @dg.job
    def empty() -> None: ...

    instance.create_run_for_job(empty, run_id=run_id, status=dg.DagsterRunStatus.STARTED)


def open_when_all_are_ready(home: Path, ready: Barrier) -> None:
    ready.wait()
    with open_instance(home) as instance:
        create_run(instance, dg.DagsterRun(job_name="empty").run_id)


def test_processes_that_open_a_new_home_at_once_create_one_database(tmp_path: Path) -> None:
    """Dagster's own start creates the tables of both, and leaves a database that no later run can open."""
    forked = multiprocessing.get_context("fork")
    for attempt in range(3):
        ready = forked.Barrier(4)
        home = tmp_path / str(attempt)
        openers = [forked.Process(target=open_when_all_are_ready, args=(home, ready)) for _ in range(4)]
        for opener in openers:
            opener.start()
        for opener in openers:
            opener.join()
        assert [opener.exitcode for opener in openers] == [0] * 4
        with open_instance(home) as instance:
            assert instance.get_runs_count() == 4


def test_a_process_may_take_the_lock_of_its_run_again(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """The command line takes it before it creates the run, and the launcher takes it again."""
    with hold_run_lock(instance, RUN_ID):
        create_run(instance, RUN_ID)
        with hold_run_lock(instance, RUN_ID):
            assert report_dead_runs(instance) == []
        assert report_dead_runs(instance) == []
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_that_ends_with_an_exception_is_reported(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """As with a full disk, where Dagster could not record its end."""
    create_run(instance, RUN_ID)

    def fail() -> None:
        with hold_run_lock(instance, RUN_ID, keep_on_error=True):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert report_dead_runs(instance) == [RUN_ID]
    run = instance.get_run_by_id(RUN_ID)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert list((tmp_path / "runs").iterdir()) == []
