"""One process drives many jobs, and ends them all when its run is ended."""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import dagster as dg
import psutil
import pytest

from bioinfo_assets.orchestration.executor import one_process_executor
from bioinfo_assets.orchestration.internals import InMemoryJob, execute_run

WIDE = 40


def run(instance: dg.DagsterInstance, *assets: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions(assets=list(assets), executor=one_process_executor)
    job = definitions.resolve_implicit_global_asset_job_def()
    return execute_run(InMemoryJob(job), instance.create_run_for_job(job_def=job), instance)


def waiting(name: str, seconds: float, deps: tuple[str, ...] = ()) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=list(deps))
    def body() -> None:
        time.sleep(seconds)

    return body


@pytest.fixture
def instance(tmp_path: Path) -> dg.DagsterInstance:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as opened:
        yield opened


def test_steps_wait_beside_each_other(instance: dg.DagsterInstance) -> None:
    """Forty steps of a second each, one after the other, would take forty seconds."""
    start = time.monotonic()

    assert run(instance, *(waiting(f"a{number}", 1.0) for number in range(WIDE))).success

    assert time.monotonic() - start < WIDE / 2


def test_a_step_waits_for_those_before_it(instance: dg.DagsterInstance) -> None:
    result = run(instance, waiting("first", 0.2), waiting("second", 0, ("first",)))

    ends = [(event.event_type_value, event.step_key) for event in result.all_events]
    assert ends.index(("STEP_OUTPUT", "first")) < ends.index(("STEP_START", "second"))


def test_an_error_fails_its_step_and_what_is_below(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def broken() -> None:
        raise RuntimeError("broken on purpose")

    result = run(instance, broken, waiting("below", 0, ("broken",)), waiting("beside", 0))

    assert not result.success
    started = {event.step_key for event in result.all_events if event.event_type_value == "STEP_START"}
    assert started == {"broken", "beside"}
    failed = {event.step_key for event in result.all_events if event.event_type_value == "STEP_FAILURE"}
    assert failed == {"broken"}


def test_a_step_that_asks_for_it_runs_again(instance: dg.DagsterInstance) -> None:
    tries = []

    @dg.asset
    def shaky() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise dg.RetryRequested(max_retries=1)

    assert run(instance, shaky).success
    assert len(tries) == 2


def test_the_stored_run_keeps_its_planned_events(instance: dg.DagsterInstance) -> None:
    """The mark by which Dagster leaves asset events alone is on the executor's copy of the run only."""
    result = run(instance, waiting("one", 0))

    stored = instance.get_run_by_id(result.run_id)
    assert stored is not None
    assert not [tag for tag in stored.tags if "defer" in tag]
    planned = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    assert len(planned) == 1


HOST = """
    import sys
    from pathlib import Path
    import dagster as dg
    from bioinfo_assets.launch.job import Job, Output
    from bioinfo_assets.orchestration.executor import one_process_executor
    from bioinfo_assets.orchestration.internals import InMemoryJob, execute_run
    from bioinfo_assets.orchestration.launcher import JobLauncher
    from bioinfo_assets.orchestration.record_io import RecordIOManager
    folder = Path(sys.argv[1])

    def sleeper(number):
        @dg.asset(name=f"sleeper{number}", io_manager_key="records")
        def body(context: dg.AssetExecutionContext, launcher: JobLauncher):
            job = Job(
                key=ResultKey(f"sleeper{number}", "references"), version="1",
                script='echo begun; sleep 600 & sleep 600; echo > out.txt',
                outputs=(Output("out", "out.txt", f"{folder}/output/references/{number}.txt"),),
            )
            yield from launcher.materialize(context, lambda: job)
        return body

    definitions = dg.Definitions(
        assets=[sleeper(number) for number in range(6)],
        executor=one_process_executor,
        resources={
            "launcher": JobLauncher(output_path=f"{folder}/output", cpus=8, memory_mib=8192),
            "records": RecordIOManager(output_path=f"{folder}/output", scopes={}),
        },
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
    return [child for child in host.children(recursive=True) if child.name() == "sleep"]


def start_host(folder: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    command = [sys.executable, "-c", textwrap.dedent(HOST), str(folder)]
    host = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    process = psutil.Process(host.pid)
    deadline = time.monotonic() + 60
    while len(found := sleepers(process)) < 12 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(found) == 12
    return host, found


@pytest.mark.parametrize(("by_dagit", "status"), [(True, "CANCELED"), (False, "FAILURE")])
def test_ending_the_run_ends_all_jobs_in_flight(tmp_path: Path, *, by_dagit: bool, status: str) -> None:
    """Dagit's terminate marks the run and sends an interrupt; an interrupt alone is, to Dagster, a failure."""
    host, running = start_host(tmp_path)
    if by_dagit:
        with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
            (run,) = instance.get_runs()
            instance.report_run_canceling(run)

    host.send_signal(signal.SIGINT)
    said, _ = host.communicate(timeout=60)

    assert said.split()[-1] == status
    assert not [process for process in running if process.is_running()]
    assert not list((tmp_path / "output").rglob("*.json"))


def test_a_host_that_is_killed_leaves_no_job_behind(tmp_path: Path) -> None:
    host, running = start_host(tmp_path)

    host.kill()
    host.communicate(timeout=60)

    _, alive = psutil.wait_procs(running, timeout=60)
    assert not alive
