"""The sensor that ends the jobs of a killed host, on the Batch simulator."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.assets.sensors import MONITOR_INTERVAL_S, monitor_runs
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.job import JobOptions
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.orchestration.run_liveness import end_orphans, jobs_may_be_ended, mark_jobs_left
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.settings import Settings, save
from bioinfo_assets_tests.launch.batch.batch_backend import batch_backend
from bioinfo_assets_tests.launch.batch.conftest import max_running, second_s, simulator
from bioinfo_assets_tests.launch.conftest import s3, s3_server
from bioinfo_assets_tests.launch.contract import job
from bioinfo_assets_tests.simulator import BatchSimulator
from bioinfo_assets_tests.waiting import wait_until

__all__ = ["max_running", "s3", "s3_server", "second_s", "simulator"]

GRACE_S = 6.0
"""Longer than an evaluation of the sensor takes on a busy machine."""

HOST = """
import sys, time
import dagster as dg
from bioinfo_assets.orchestration.run_liveness import hold_run_lock
with dg.DagsterInstance.from_config(sys.argv[1]) as instance, hold_run_lock(instance, sys.argv[2]):
    print("locked", flush=True)
    time.sleep(150)
"""
"""A process that holds the lock of a run."""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with dg.DagsterInstance.from_config(str(home)) as opened_instance:
        yield opened_instance


@pytest.fixture
def scratch(s3: str) -> str:
    """The scratch of the project in `s3/results`."""
    return OutputLayout(f"{s3}/results").scratch


@pytest.fixture
def project(s3: str, simulator: BatchSimulator) -> Project:
    jobs, batch = JobOptions(queue="default"), BatchConfig(orphan_grace_s=GRACE_S)
    return Project(Settings(output_path=f"{s3}/results", backend="batch", jobs=jobs, batch=batch))


def start_run(instance: dg.DagsterInstance) -> str:
    """Create a run that Dagster considers started; return its id."""

    @dg.op
    def nothing() -> None: ...

    @dg.job
    def run() -> None:
        nothing()

    return instance.create_run_for_job(run, status=dg.DagsterRunStatus.STARTED).run_id


def get_run(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run


def evaluate(instance: dg.DagsterInstance, project: Project) -> str:
    """Evaluate the sensor; return the first line of its message."""
    reason = monitor_runs(dg.build_sensor_context(instance, resources={"project": project}))
    assert isinstance(reason, dg.SkipReason)
    assert reason.skip_message is not None
    return reason.skip_message.splitlines()[0]


def active_run_ids(project: Project) -> list[str]:
    return [active.run_id for active in project.active_jobs(Client())]


def test_runs_are_checked_every_minute() -> None:
    assert monitor_runs.minimum_interval_seconds == MONITOR_INTERVAL_S <= 60


def test_the_jobs_of_a_killed_process_are_ended_after_a_grace(
    instance: dg.DagsterInstance, project: Project, scratch: str
) -> None:
    run_id = start_run(instance)
    command = [sys.executable, "-c", HOST, instance.root_directory, run_id]
    with batch_backend(scratch, run=run_id) as backend, subprocess.Popen(command, stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        host.stdout.readline()
        backend.submit(job("sleeps"), "a" * 64)
        wait_until(lambda: active_run_ids(project), what="the job to be listed")
        assert evaluate(instance, project) == "0 orphaned jobs were ended"
        host.kill()
        host.wait()
        assert evaluate(instance, project) == "0 orphaned jobs were ended"
        assert get_run(instance, run_id).status is dg.DagsterRunStatus.FAILURE
        time.sleep(GRACE_S)
        assert evaluate(instance, project) == "1 orphaned jobs were ended"
        wait_until(lambda: not active_run_ids(project), what="the job to end")


def test_jobs_that_a_later_run_has_adopted_are_left_alone(
    instance: dg.DagsterInstance, project: Project, scratch: str
) -> None:
    first, second = start_run(instance), start_run(instance)
    sleeps = job("sleeps")
    with batch_backend(scratch, run=first) as dead, batch_backend(scratch, run=second) as resumed:
        dead.submit(sleeps, "b" * 64)
        wait_until(lambda: active_run_ids(project), what="the job to be listed")
        instance.report_run_failed(get_run(instance, first))
        resumed.submit(sleeps, "b" * 64)
        wait_until(lambda: active_run_ids(project) == [second], what="the job to be taken over")
        assert evaluate(instance, project) == "0 orphaned jobs were ended"


def test_the_jobs_of_a_cancelled_run_are_ended_at_once(
    instance: dg.DagsterInstance, project: Project, scratch: str
) -> None:
    """The process that was to end them may have been killed before it did."""
    run_id = start_run(instance)
    with batch_backend(scratch, run=run_id) as backend:
        backend.submit(job("sleeps"), "c" * 64)
        wait_until(lambda: active_run_ids(project), what="the job to be listed")
        instance.report_run_canceled(get_run(instance, run_id))
        assert evaluate(instance, project) == "1 orphaned jobs were ended"


def test_jobs_that_a_run_left_on_purpose_are_left_alone(
    instance: dg.DagsterInstance, project: Project, scratch: str
) -> None:
    run_id = start_run(instance)
    with batch_backend(scratch, run=run_id) as backend:
        backend.submit(job("sleeps"), "d" * 64)
        wait_until(lambda: active_run_ids(project), what="the job to be listed")
        mark_jobs_left(instance, run_id)
        instance.report_run_failed(get_run(instance, run_id))
        time.sleep(GRACE_S)
        assert evaluate(instance, project) == "0 orphaned jobs were ended"
        # A person who asks for it ends them all the same.
        assert len(end_orphans(instance, Client(), project.active_jobs(Client()))) == 1


def test_a_run_that_inherits_the_tag_of_one_that_left_its_jobs_has_not_left_its_own(
    instance: dg.DagsterInstance,
) -> None:
    """As the re-execution in Dagit and Dagster's retries do."""
    left, again = start_run(instance), start_run(instance)
    mark_jobs_left(instance, left)
    instance.add_run_tags(again, get_run(instance, left).tags)
    for run_id in (left, again):
        instance.report_run_failed(get_run(instance, run_id))
    assert [jobs_may_be_ended(instance, run_id, 0.0) for run_id in (left, again)] == [False, True]


def test_the_settings_are_those_of_now(
    instance: dg.DagsterInstance, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not those of when Dagster loaded the definitions."""
    save(project.settings, tmp_path / "home")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    local = Project(project.settings.model_copy(update={"backend": "local"}))
    assert evaluate(instance, local) == "0 orphaned jobs were ended"


def test_an_unreachable_batch_is_the_reason_of_the_tick(
    instance: dg.DagsterInstance, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BATCH", "http://127.0.0.1:9")
    assert "AWS Batch cannot be reached" in evaluate(instance, project)


def test_a_local_project_has_no_orphaned_jobs(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    local = Project(Settings(output_path=str(tmp_path)))
    assert evaluate(instance, local) == "jobs on this machine end with their run"
