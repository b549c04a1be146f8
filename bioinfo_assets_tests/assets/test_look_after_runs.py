"""The sensor that ends what a killed host could not, on the simulator."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.assets.sensors import MONITOR_INTERVAL_S, monitor_runs
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.settings import Settings
from bioinfo_assets_tests.launch.batch.batch_backend import batch_backend
from bioinfo_assets_tests.launch.batch.conftest import scratch, second_s, simulator
from bioinfo_assets_tests.launch.conftest import s3, s3_server
from bioinfo_assets_tests.launch.contract import job
from bioinfo_assets_tests.waiting import wait_until

__all__ = ["s3", "s3_server", "scratch", "second_s", "simulator"]

DRIVES_A_RUN = """
import sys, time
import dagster as dg
from bioinfo_assets.orchestration.run_life import alive
with dg.DagsterInstance.from_config(sys.argv[1]) as instance, alive(instance, sys.argv[2]):
    print("drives", flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def instance(tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with dg.DagsterInstance.from_config(str(home)) as opened_instance:
        yield opened_instance


@pytest.fixture
def project(s3, scratch, simulator) -> Project:
    settings = {"output_path": f"{s3}/results", "backend": "batch", "scratch": scratch, "jobs": {"queue": "default"}}
    return Project(Settings(**settings))


def begun(instance: dg.DagsterInstance) -> str:
    """A run that has begun, as Dagster sees it."""

    @dg.op
    def nothing() -> None: ...

    @dg.job
    def run() -> None:
        nothing()

    return instance.create_run_for_job(run, status=dg.DagsterRunStatus.STARTED).run_id


def evaluated(instance: dg.DagsterInstance, project: Project) -> str:
    context = dg.build_sensor_context(instance, resources={"project": project})
    return next(iter(monitor_runs(context).skip_message.splitlines()))


def test_it_looks_often_enough_for_no_orphan_to_cost_much() -> None:
    assert monitor_runs.minimum_interval_seconds == MONITOR_INTERVAL_S <= 60


def test_jobs_of_a_run_whose_process_was_killed_are_ended_by_the_next_tick(instance, project, scratch) -> None:
    run_id = begun(instance)
    command = [sys.executable, "-c", DRIVES_A_RUN, instance.root_directory, run_id]
    with batch_backend(scratch, run=run_id) as backend, subprocess.Popen(command, stdout=subprocess.PIPE) as host:
        host.stdout.readline()
        backend.submit(job("sleeps"), "a" * 64)
        wait_until(lambda: list(project.active_jobs(Client())))
        assert evaluated(instance, project) == "0 jobs of runs that are over were ended"
        host.kill()
        host.wait()
        assert evaluated(instance, project) == "1 jobs of runs that are over were ended"
        assert instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.FAILURE
        wait_until(lambda: not list(project.active_jobs(Client())))


def test_jobs_that_a_later_run_has_taken_over_go_on(instance, project, scratch) -> None:
    first, second = begun(instance), begun(instance)
    sleeps = job("sleeps")
    with batch_backend(scratch, run=first) as dead, batch_backend(scratch, run=second) as resumed:
        dead.submit(sleeps, "b" * 64)
        wait_until(lambda: list(project.active_jobs(Client())))
        instance.report_run_failed(instance.get_run_by_id(first))
        resumed.submit(sleeps, "b" * 64)
        wait_until(lambda: [one.run_id for one in project.active_jobs(Client())] == [second])
        assert evaluated(instance, project) == "0 jobs of runs that are over were ended"


def test_where_batch_cannot_be_asked_the_tick_says_so(instance, project, simulator, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BATCH", "http://127.0.0.1:9")
    assert "AWS Batch cannot be reached" in evaluated(instance, project)


def test_a_project_of_this_machine_has_no_jobs_to_end(instance, tmp_path) -> None:
    said = evaluated(instance, Project(Settings(output_path=str(tmp_path))))
    assert said == "jobs of this machine end with their run"
