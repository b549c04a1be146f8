"""A run whose process was killed is reported as failed at the next check; no other run is."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.orchestration.run_liveness import hold_run_lock, is_over, report_dead_runs

HOST = """
    import sys
    import dagster as dg
    from bioinfo_assets.orchestration.run_liveness import hold_run_lock
    with dg.DagsterInstance.from_config(sys.argv[1]) as instance, hold_run_lock(instance, sys.argv[2]):
        print("locked", flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    @dg.job
    def nothing() -> None: ...

    return instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED)


def start_host(instance: dg.DagsterInstance, run: dg.DagsterRun) -> "subprocess.Popen[str]":
    """Start a process that holds the lock of the run."""
    command = [sys.executable, "-c", textwrap.dedent(HOST), instance.root_directory, run.run_id]
    host = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    assert host.stdout.readline() == "locked\n"
    return host


def status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    current = instance.get_run_by_id(run.run_id)
    assert current is not None
    return current.status


def test_only_a_run_whose_process_was_killed_is_reported(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    with start_host(instance, run) as host:
        assert report_dead_runs(instance) == []
        assert status(instance, run) is dg.DagsterRunStatus.STARTED

        host.kill()
        host.wait()

        assert report_dead_runs(instance) == [run.run_id]
    assert status(instance, run) is dg.DagsterRunStatus.FAILURE
    assert is_over(instance, run.run_id)


def test_a_dead_run_is_reported_once(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    with start_host(instance, run) as host:
        host.kill()
    report_dead_runs(instance)

    assert report_dead_runs(instance) == []
    assert len(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)) == 1
    assert list((Path(instance.root_directory) / "runs").iterdir()) == []


def test_a_run_whose_process_ended_normally_is_left_alone(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Dagster may not have recorded yet how the run ended."""
    with start_host(instance, run) as host:
        host.communicate()

    assert host.returncode == 0
    assert report_dead_runs(instance) == []
    assert status(instance, run) is dg.DagsterRunStatus.STARTED


def test_a_run_of_another_machine_is_left_alone(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Its process holds its lock there: this machine has no lock file of it."""
    assert report_dead_runs(instance) == []
    assert is_over(instance, run.run_id) is False


def test_a_canceled_run_stays_canceled_when_its_process_is_killed(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    with start_host(instance, run) as host:
        instance.report_run_canceled(run)
        host.kill()

    assert report_dead_runs(instance) == []
    assert status(instance, run) is dg.DagsterRunStatus.CANCELED


def test_a_run_of_this_process_is_alive(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """The daemon's sensor may check runs of its own process."""
    with hold_run_lock(instance, run.run_id):
        assert report_dead_runs(instance) == []


def test_whether_an_unknown_run_is_over_is_unknown(instance: dg.DagsterInstance) -> None:
    assert is_over(instance, "00000000-0000-0000-0000-000000000000") is None
