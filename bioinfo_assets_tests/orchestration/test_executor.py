"""One process runs many steps, and ends all their jobs when its run is ended."""

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Barrier

import dagster as dg
import psutil
import pytest
from dagster._core.execution.api import execute_run

from bioinfo_assets.orchestration.executor import one_process_executor
from bioinfo_assets.orchestration.internals import InMemoryJob
from bioinfo_assets.orchestration.run_liveness import has_active_run, report_dead_runs
from bioinfo_assets_tests.processes import ending
from bioinfo_assets_tests.waiting import wait_until

STEPS = 40


def run(instance: dg.DagsterInstance, *assets: dg.AssetsDefinition) -> dg.JobExecutionResult:
    definitions = dg.Definitions(assets=list(assets), executor=one_process_executor)
    job = definitions.resolve_implicit_global_asset_job_def()
    return execute_run(InMemoryJob(job), instance.create_run_for_job(job_def=job), instance)


def sleeping_asset(name: str, seconds: float, deps: tuple[str, ...] = ()) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=list(deps))
    def body() -> None:
        time.sleep(seconds)

    return body


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        yield instance


def test_steps_run_at_the_same_time(instance: dg.DagsterInstance) -> None:
    """Each step waits until all of them have started."""
    barrier = Barrier(STEPS)

    def waiting_asset(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name)
        def body() -> None:
            barrier.wait(timeout=120)

        return body

    assert run(instance, *(waiting_asset(f"a{number}") for number in range(STEPS))).success


def test_a_step_waits_for_its_upstream_steps(instance: dg.DagsterInstance) -> None:
    result = run(instance, sleeping_asset("first", 0.2), sleeping_asset("second", 0, ("first",)))

    ends = [(event.event_type_value, event.step_key) for event in result.all_events]
    assert ends.index(("STEP_OUTPUT", "first")) < ends.index(("STEP_START", "second"))


def test_an_error_fails_its_step_and_skips_what_is_downstream(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def broken() -> None:
        raise RuntimeError("broken on purpose")

    result = run(instance, broken, sleeping_asset("downstream", 0, ("broken",)), sleeping_asset("independent", 0))

    assert not result.success
    started = {event.step_key for event in result.all_events if event.event_type_value == "STEP_START"}
    assert started == {"broken", "independent"}
    failed = {event.step_key for event in result.all_events if event.event_type_value == "STEP_FAILURE"}
    assert failed == {"broken"}


def test_a_step_that_requests_a_retry_is_retried(instance: dg.DagsterInstance) -> None:
    attempts: list[int] = []

    @dg.asset
    def shaky() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise dg.RetryRequested(max_retries=1)

    assert run(instance, shaky).success
    assert len(attempts) == 2


def test_the_stored_run_keeps_its_planned_events(instance: dg.DagsterInstance) -> None:
    """Only the executor's copy of the run has the tag by which Dagster defers asset events to the steps."""
    result = run(instance, sleeping_asset("one", 0))

    stored = instance.get_run_by_id(result.run_id)
    assert stored is not None
    assert not [tag for tag in stored.tags if "defer" in tag]
    planned = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    assert len(planned) == 1


JOBS = 6
HOST = """
    import sys
    from pathlib import Path
    import dagster as dg
    from bioinfo_assets.launch.backend_config import BackendConfig
    from bioinfo_assets.launch.job import Job, Output
    from bioinfo_assets.orchestration.executor import one_process_executor
    from dagster._core.execution.api import execute_run
    from bioinfo_assets.orchestration.internals import InMemoryJob
    from bioinfo_assets.orchestration.launcher import JobLauncher, job_launcher
    from bioinfo_assets.orchestration.step_plan import JobBuilder
    folder = Path(sys.argv[1])

    def sleeper(number):
        @dg.multi_asset(name=f"sleeper{number}", specs=[dg.AssetSpec(f"sleeper{number}", skippable=True)])
        def body(context: dg.AssetExecutionContext, launcher: JobLauncher):
            builder = JobBuilder(lambda key, _: Job(
                key=key, version="1",
                script='echo started; sleep 600 & sleep 600; echo > out.txt',
                outputs=(Output("out", "out.txt", f"{folder}/output/references/{number}.txt"),),
            ))
            yield from launcher.materialize(context, {f"sleeper{number}": builder})
        return body

    definitions = dg.Definitions(
        assets=[sleeper(number) for number in range(int(sys.argv[2]))],
        executor=one_process_executor,
        resources={"launcher": job_launcher(f"{folder}/output", BackendConfig(cpus=8, memory_mib=8192))},
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    (folder / "home").mkdir()
    with dg.instance_for_test(temp_dir=f"{folder}/home") as instance:
        run = instance.create_run_for_job(job_def=job)
        print(run.run_id, flush=True)
        execute_run(InMemoryJob(job), run, instance)
        print(instance.get_run_by_id(run.run_id).status.value, flush=True)
"""


def sleepers(host: psutil.Process) -> list[psutil.Process]:
    found = []
    for child in host.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has just ended
            if child.name() == "sleep":
                found.append(child)
    return found


@contextmanager
def sleeping_host(folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A process that executes a run, and what its jobs are."""
    command = [sys.executable, "-c", textwrap.dedent(HOST), str(folder), str(JOBS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as host, ending(host):
        process = psutil.Process(host.pid)
        wait_until(lambda: len(sleepers(process)) == 2 * JOBS, what="all jobs to start two processes")
        yield host, sleepers(process)


@pytest.mark.parametrize(("by_dagit", "status"), [(True, "CANCELED"), (False, "FAILURE")])
def test_ending_the_run_ends_all_running_jobs(tmp_path: Path, *, by_dagit: bool, status: str) -> None:
    """Dagit's terminate marks the run as canceling and interrupts it; an interrupt alone is a failure to Dagster."""
    with sleeping_host(tmp_path) as (host, running):
        if by_dagit:
            with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
                (run,) = instance.get_runs()
                instance.report_run_canceling(run)

        host.send_signal(signal.SIGINT)
        output, _ = host.communicate(timeout=600)

    assert output.split()[-1] == status
    assert not [process for process in running if process.is_running()]
    assert not list((tmp_path / "output").rglob("*.json"))


def test_a_killed_host_leaves_no_job_running(tmp_path: Path) -> None:
    with sleeping_host(tmp_path) as (host, running):
        host.kill()
        host.communicate(timeout=60)

    _, survivors = psutil.wait_procs(running, timeout=60)
    assert not survivors


KILLED = """
    import os, signal, sys
    import dagster as dg
    from dagster._core.execution.api import execute_run
    from bioinfo_assets.orchestration.executor import one_process_executor
    from bioinfo_assets.orchestration.internals import InMemoryJob

    @dg.op
    def dies():
        os.kill(os.getpid(), signal.SIGKILL)

    @dg.job(executor_def=one_process_executor)
    def checks():
        dies()

    with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
        execute_run(InMemoryJob(checks), instance.create_run_for_job(job_def=checks), instance)
"""


def test_a_run_without_jobs_whose_process_is_killed_is_reported_too(instance: dg.DagsterInstance) -> None:
    """Sensors that start such a run wait for its end before they start another."""
    host = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), instance.root_directory], check=False)
    assert host.returncode == -signal.SIGKILL
    (left,) = instance.get_runs()
    assert left.status is dg.DagsterRunStatus.STARTED
    assert report_dead_runs(instance) == [left.run_id]
    assert not has_active_run(instance, "checks")
