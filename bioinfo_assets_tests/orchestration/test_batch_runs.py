"""Dagster runs with jobs on AWS Batch: what Dagit shows, what fails, and what is retried."""

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.api import execute_run

from bioinfo_assets.launch.job import Job
from bioinfo_assets.orchestration.executor import one_process_executor
from bioinfo_assets.orchestration.internals import InMemoryJob
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, listen
from bioinfo_assets.orchestration.launcher import JobLauncher, job_launcher
from bioinfo_assets.orchestration.step_plan import JobBuilder
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cloud import IMAGE, JOBS, MEANS, Cloud, opened_cloud
from bioinfo_assets_tests.orchestration.toy_project import ToyProject, failures, toy_definitions
from bioinfo_assets_tests.simulator import OutOfMemory, SpotReclaim
from bioinfo_assets_tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("batch runs")  # they share the servers and one costly run

CONFIG = MEANS.model_copy(update={"jobs": JOBS})
SAMPLES = {"a": 2, "b": 3, "c": 4, "d": 5, "e": 6, "f": 7}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with opened_cloud(tmp_path_factory.mktemp("cloud"), max_running=8) as opened:
        yield opened


def open_toy(cloud: Cloud, folder: Path, instance: dg.DagsterInstance, **more: Any) -> ToyProject:
    return ToyProject(folder, instance, f"{cloud.bucket}/{folder.name}", **{"backend": MEANS, "jobs": JOBS, **more})


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "home")) as instance:
        yield instance


@pytest.fixture
def toy(cloud: Cloud, tmp_path: Path, instance: dg.DagsterInstance) -> ToyProject:
    """One sample, so that each step is one job."""
    return open_toy(cloud, tmp_path, instance, samples={"a": 2})


# --- Six samples, one of which fails ---


@dataclass(frozen=True)
class ToyRun:
    """A run of six samples of which `f` fails, with its SubmitJob requests, and the same project run locally."""

    toy: ToyProject
    local: ToyProject
    result: dg.JobExecutionResult
    submitted: list[dict[str, Any]]

    def materialized(self, asset: str) -> set[str | None]:
        return {
            event.partition
            for event in self.result.all_events
            if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key == dg.AssetKey(asset)
        }


@pytest.fixture(scope="module")
def ran(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToyRun]:
    folders = [tmp_path_factory.mktemp(name) for name in ("six", "local")]
    for folder in folders:
        (folder / "home").mkdir()
    with (
        dg.instance_for_test(temp_dir=str(folders[0] / "home")) as instance,
        dg.DagsterInstance.local_temp(str(folders[1] / "home")) as other,
    ):
        # A busy machine takes a while to build all jobs of a step, which are to be one array.
        batch = MEANS.batch.model_copy(update={"batching_delay_s": 5.0})
        config = MEANS.model_copy(update={"batch": batch})
        toy = open_toy(cloud, folders[0], instance, samples=SAMPLES, backend=config)
        local = ToyProject(folders[1], other, samples=SAMPLES)
        before = len(cloud.submitted())
        for project in (toy, local):
            project.write("f", "bad")
        local.run()
        yield ToyRun(toy, local, toy.run(), cloud.submitted()[before:])


def test_the_samples_of_a_step_are_an_array_job(ran: ToyRun) -> None:
    """Six products are one array, the five parities that can be computed another."""
    assert [job.get("arrayProperties", {}).get("size") for job in ran.submitted] in (
        [None, 6, 5, None],
        [None, 6, None, 5],
    )


def test_a_failed_array_child_fails_only_its_sample(ran: ToyRun) -> None:
    assert not ran.result.success
    assert ran.materialized("product") == set("abcde")
    assert ran.materialized("parity") == set("abcde")
    assert [ran.toy.read(sample) for sample in "abcde"] == ["6", "9", "12", "15", "18"]
    assert failures(ran.result)[0] == "product of f: own.txt is bad: write a number"


def test_results_do_not_depend_on_the_backend(ran: ToyRun) -> None:
    """Data versions, tags and records equal those of the local run."""
    for asset, sample in [("factor", None), ("total", None), ("product", "a"), ("parity", "e")]:
        local, remote = (
            {name: value for name, value in (tags or {}).items() if "pointer" not in name}
            for tags in (project.materialization(asset, sample).tags for project in (ran.local, ran.toy))
        )
        assert remote == local
    theirs, ours = ran.local.record("a"), ran.toy.record("a")
    for field in ("asset", "version", "scope", "fingerprint", "script", "parameters", "tools", "facts", "warnings"):
        assert getattr(ours, field) == getattr(theirs, field)
    assert [(file.local, file.size, file.content) for file in ours.inputs] == [
        (file.local, file.size, file.content) for file in theirs.inputs
    ]
    assert [(file.key, file.size, file.sha256, file.content) for file in ours.outputs] == [
        (file.key, file.size, file.sha256, file.content) for file in theirs.outputs
    ]


def test_the_record_has_image_and_cost_of_the_job(ran: ToyRun) -> None:
    record = ran.toy.record("a")
    assert (record.backend, record.image, record.attempts) == ("batch", IMAGE, 1)
    assert ran.toy.materialization("product", "a").metadata["image"].value == IMAGE
    assert record.wall_s > 0
    assert record.cpu_s is not None


def test_only_files_of_the_failed_job_stay_in_scratch(ran: ToyRun) -> None:
    """They are its report, for the user, and the count of its attempts."""
    remaining = ran.toy.scratch()
    assert [uri for uri in remaining if "/jobs/" in uri and "product-f" not in uri] == []
    assert {uri.rpartition("/")[2] for uri in remaining if "/jobs/" in uri} == {"report.tar"}


def test_re_execution_from_failure_runs_only_failed_samples(cloud: Cloud, ran: ToyRun) -> None:
    """The other samples of the failed steps are reused, without a job."""
    ran.toy.write("f", 7)
    before = len(cloud.submitted())
    updates: list[JobUpdate] = []
    with listen(updates.append):
        again = from_failure(ran.toy, ran.result.run_id)

    assert again.success
    names = [job["jobName"] for job in cloud.submitted()[before:]]
    assert len([name for name in names if "product-f" in name]) == 1
    assert len([name for name in names if "parity-f" in name]) == 1
    assert [name for name in names if "-f-" not in name and "total" not in name] == []
    cached = {(update.key.asset, update.key.scope) for update in updates if update.state is JobState.CACHED}
    assert {(asset, sample) for asset in ("product", "parity") for sample in "abcde"} <= cached
    assert ran.toy.read("f", "parity") == "1"
    # The total is computed again, with the missing sample: 3 * (2 + 3 + 4 + 5 + 6 + 7).
    assert Store().read_bytes(f"{ran.toy.output}/multiqc/total.txt") == b"81\n"


def from_failure(toy: ToyProject, run_id: str) -> dg.JobExecutionResult:
    """Re-execute a run as Dagit's button does."""
    parent = toy.instance.get_run_by_id(run_id)
    assert parent is not None
    again = dg.build_reconstructable_job(
        "bioinfo_assets_tests.orchestration.test_batch_runs", "toy_job", reconstructable_args=(toy.root,)
    )
    options = dg.ReexecutionOptions.from_failure(run_id, toy.instance)
    return dg.execute_job(again, toy.instance, tags=parent.tags, reexecution_options=options)


def toy_job(root: str) -> dg.JobDefinition:
    toy = toy_definitions(root, job_launcher(f"{root}/output", CONFIG))
    every = dg.define_asset_job("every")
    return dg.Definitions(
        assets=toy.assets, resources=toy.resources, executor=toy.executor, jobs=[every]
    ).resolve_job_def("every")


# --- One job's life ---


def test_states_reasons_and_links_are_shown_as_they_change(cloud: Cloud, toy: ToyProject) -> None:
    """One job loses its machine, another runs out of memory: both are shown, and both succeed."""
    faults = (
        SpotReclaim(job="*-factor-*", attempt=1),
        OutOfMemory(job="*-product-a-*", below_mib=2048),
    )
    cloud.simulator.inject(*faults)
    try:
        result = toy.run(keys=["factor", "product"])
    finally:
        cloud.simulator.withdraw(*faults)

    assert result.success
    events = toy.engine_events(result.run_id)
    messages = [event.message for event in events if event.message]
    assert any(line.startswith("factor-references: job submitted to batch (not computed yet)") for line in messages)
    assert any("factor-references: running. attempt 2 of 3 after: Host EC2 (instance i-" in line for line in messages)
    assert any(
        "product-a: queued. ran out of memory with 1024 MiB: submitted again with 2048 MiB (attempt 2 of 3)" in line
        for line in messages
    )
    running = next(event for event in events if event.message and "factor-references: running" in event.message)
    links = {name: str(value.value) for name, value in running.engine_event_data.metadata.items()}
    assert "#jobs/detail/" in links["job"]
    assert "log-events" in links["log"]
    assert toy.record("references", "factor").attempts == 2
    assert toy.record("a").attempts == 2
    memory = [
        need["value"]
        for job in cloud.submitted()
        if job["tags"].items() >= {"bioinfo-assets:run": result.run_id, "bioinfo-assets:asset": "product"}.items()
        for need in job["containerOverrides"]["resourceRequirements"]
        if need["type"] == "MEMORY"
    ]
    assert memory == ["1024", "2048"]


def test_attempts_are_counted_over_the_retries_of_a_run(cloud: Cloud, toy: ToyProject) -> None:
    """Two attempts in all: one in the run, one in Dagster's first retry, none in the second. A re-execution has two."""
    toy.write("a", "bad")
    config = {"jobs": {"retries": 1}}
    submitted = [len(cloud.submitted())]

    def run(**more: Any) -> str:
        result = toy.run(keys=["product"], config=config, **more)
        assert not result.success
        submitted.append(len(cloud.submitted()))
        return result.run_id

    assert toy.run(keys=["factor"]).success
    submitted[0] += 1
    first = run()
    for number in ("1", "2"):
        run(tags={"dagster/retry_number": number}, root_run_id=first, parent_run_id=first)
    run(root_run_id=first, parent_run_id=first)

    attempts = [job["retryStrategy"]["attempts"] for job in cloud.submitted()[submitted[0] :]]
    assert submitted == [submitted[0] + more for more in (0, 1, 2, 2, 3)]
    assert attempts == [2, 1, 2]


def test_launchpad_options_reach_batch(cloud: Cloud, toy: ToyProject) -> None:
    """In addition to the options of the project."""
    config = {
        "jobs": {
            "vcpus": 2,
            "memory_mib": 3000,
            "retries": 0,
            "timeout_s": 6000,
            "tags": {"project": "p1"},
            "environment": {"LAB": "b4"},
            "name_prefix": "lab",
            "job_role": "arn:aws:iam::123456789012:role/jobs",
            "shared_memory_mib": 256,
        }
    }
    result = toy.run(keys=["factor"], config=config)

    assert result.success
    request = cloud.submitted()[-1]
    assert request["jobName"].startswith("lab-factor-references-")
    assert request["jobQueue"] == "default"
    assert request["retryStrategy"]["attempts"] == 1
    assert request["timeout"] == {"attemptDurationSeconds": 6000}
    assert request["tags"].items() >= {"project": "p1", "bioinfo-assets:run": result.run_id}.items()
    overrides = request["containerOverrides"]
    needs = {need["type"]: need["value"] for need in overrides["resourceRequirements"]}
    assert needs == {"VCPU": "2", "MEMORY": "3000"}
    assert {"name": "LAB", "value": "b4"} in overrides["environment"]
    registered = cloud.simulator.payloads("RegisterJobDefinition")[-1]["containerProperties"]
    assert registered["image"] == IMAGE
    assert registered["jobRoleArn"] == "arn:aws:iam::123456789012:role/jobs"
    assert registered["linuxParameters"]["sharedMemorySize"] == 256


# --- Jobs that wait for a file ---


def waiting_definitions(root: str, gate: Path, samples: int) -> dg.Definitions:
    """Assets whose jobs print a line and wait for a file."""

    def asset(number: int) -> dg.AssetsDefinition:
        @dg.multi_asset(name=f"waits{number}", specs=[dg.AssetSpec(f"waits{number}", skippable=True)])
        def body(context: dg.AssetExecutionContext, launcher: JobLauncher) -> StepEvents:
            script = f"echo begun; echo words >&2; until [[ -e {gate} ]]; do sleep 0.05; done"
            builder = JobBuilder(lambda key, _: Job(key=key, version="1", script=script))
            yield from launcher.materialize(context, {f"waits{number}": builder})

        return body

    return dg.Definitions(
        assets=[asset(number) for number in range(samples)],
        executor=one_process_executor,
        resources={"launcher": job_launcher(f"{root}/output", CONFIG)},
    )


def test_logs_are_in_dagit_while_the_job_runs(cloud: Cloud, tmp_path: Path, instance: dg.DagsterInstance) -> None:
    definitions = waiting_definitions(f"{cloud.bucket}/{tmp_path.name}", tmp_path / "go", 1)
    job = definitions.resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(job_def=job)
    thread = threading.Thread(target=execute_run, args=(InMemoryJob(job), run, instance))
    thread.start()
    try:
        wait_until(lambda: read_logs(instance, run.run_id), what="output of the job")
        assert read_logs(instance, run.run_id) == (b"begun\n", b"words\n")
        assert run_status(instance, run.run_id) is dg.DagsterRunStatus.STARTED
    finally:
        (tmp_path / "go").touch()
        thread.join()
    assert run_status(instance, run.run_id) is dg.DagsterRunStatus.SUCCESS


def run_status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def read_logs(instance: dg.DagsterInstance, run_id: str) -> tuple[bytes, bytes] | None:
    """Both compute logs of a run's only step; None while one is empty."""
    captured = [
        entry.dagster_event.logs_captured_data
        for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.LOGS_CAPTURED)
        if entry.dagster_event
    ]
    if not captured:
        return None
    manager = instance.compute_log_manager
    data = manager.get_log_data(manager.build_log_key_for_run(run_id, captured[0].file_key))
    return (data.stdout, data.stderr) if data.stdout and data.stderr else None


HOST = """
    import sys
    from pathlib import Path
    import dagster as dg
    from dagster._core.execution.api import execute_run
    from bioinfo_assets.orchestration.internals import InMemoryJob
    from bioinfo_assets_tests.orchestration.test_batch_runs import waiting_definitions
    root, folder = sys.argv[1], Path(sys.argv[2])
    job = waiting_definitions(root, folder / "go", 3).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        execute_run(InMemoryJob(job), instance.create_run_for_job(job_def=job), instance)
"""


def test_a_run_that_is_terminated_ends_its_jobs(cloud: Cloud, tmp_path: Path, home: Path) -> None:
    """Dagit's terminate marks the run as canceling and interrupts its process."""
    root = f"{cloud.bucket}/{tmp_path.name}"
    host = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOST), root, str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: len(running(cloud)) == 3, what="three running jobs")
        job_ids = running(cloud)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            (run,) = instance.get_runs()
            instance.report_run_canceling(run)
            host.send_signal(signal.SIGINT)
            host.wait(120)
            assert run_status(instance, run.run_id) is dg.DagsterRunStatus.CANCELED
    finally:
        host.kill()
        host.wait()
    wait_until(
        lambda: not [job for job in cloud.jobs() if job["jobId"] in job_ids and job["status"] != "FAILED"],
        what="the jobs to end",
    )
    ended = {job["jobId"]: job["statusReason"] for job in cloud.jobs() if job["jobId"] in job_ids}
    assert set(ended.values()) == {"bioinfo-assets: cancelled"}


def running(cloud: Cloud) -> set[str]:
    """The ids of the running jobs that wait for a file."""
    return {job["jobId"] for job in cloud.jobs() if "waits" in job["jobName"] and job["status"] == "RUNNING"}
