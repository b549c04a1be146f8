"""The lock that the command line holds on its runs, from their creation to their end."""

from collections.abc import Iterator
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
