"""A run whose process was killed is reported as failed by whoever looks next; no other run is."""

import subprocess
import sys
import textwrap
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.orchestration.run_liveness import hold_run_lock, is_over, report_dead_runs

HOST = """
    import sys
    import dagster as dg
    from bioinfo_assets.orchestration.run_life import alive
    with dg.DagsterInstance.from_config(sys.argv[1]) as instance, alive(instance, sys.argv[2]):
        print("drives", flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def instance(tmp_path: Path) -> dg.DagsterInstance:
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


@pytest.fixture
def run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    return begin(instance)


def begin(instance: dg.DagsterInstance) -> dg.DagsterRun:
    @dg.job
    def nothing() -> None: ...

    return instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED)


def start_host(instance: dg.DagsterInstance, run: dg.DagsterRun) -> "subprocess.Popen[str]":
    """A process that says it drives the run."""
    command = [sys.executable, "-c", textwrap.dedent(HOST), instance.root_directory, run.run_id]
    host = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert host.stdout.readline() == "drives\n"
    return host


def status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    return instance.get_run_by_id(run.run_id).status


def test_a_run_whose_process_is_killed_is_reported_and_a_living_one_is_not(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    with start_host(instance, run) as host:
        assert report_dead_runs(instance) == []
        assert status(instance, run) is dg.DagsterRunStatus.STARTED

        host.kill()
        host.wait()

        assert report_dead_runs(instance) == [run.run_id]
    assert status(instance, run) is dg.DagsterRunStatus.FAILURE
    assert is_over(instance, run.run_id)


def test_a_death_is_reported_once(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    with start_host(instance, run) as host:
        host.kill()
    report_dead_runs(instance)

    assert report_dead_runs(instance) == []
    assert len(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)) == 1
    assert list((Path(instance.root_directory) / "runs").iterdir()) == []


def test_a_process_that_ends_as_it_should_leaves_its_run_alone(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    """Dagster may not have written down yet how the run ended."""
    with start_host(instance, run) as host:
        host.communicate()

    assert host.returncode == 0
    assert report_dead_runs(instance) == []
    assert status(instance, run) is dg.DagsterRunStatus.STARTED


def test_a_run_of_another_machine_is_left_alone(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Its process holds its lock there: here is no file of it."""
    assert report_dead_runs(instance) == []
    assert is_over(instance, run.run_id) is False


def test_a_run_that_was_reported_over_before_its_process_died_stays_so(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    with start_host(instance, run) as host:
        instance.report_run_canceled(run)
        host.kill()

    assert report_dead_runs(instance) == []
    assert status(instance, run) is dg.DagsterRunStatus.CANCELED


def test_runs_of_this_process_are_alive(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """The daemon's sensor looks while a run of the same process goes on."""
    with hold_run_lock(instance, run.run_id):
        assert report_dead_runs(instance) == []


def test_a_run_that_dagster_does_not_know(instance: dg.DagsterInstance) -> None:
    assert is_over(instance, "00000000-0000-0000-0000-000000000000") is None
