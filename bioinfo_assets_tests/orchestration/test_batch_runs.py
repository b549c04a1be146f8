"""Runs of Dagster whose jobs are on AWS Batch: what people see of them, what fails, what is done again."""

import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bioinfo_assets.launch.job import Job
from bioinfo_assets.orchestration.executor import one_process_executor
from bioinfo_assets.orchestration.internals import InMemoryJob, execute_run
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, listen
from bioinfo_assets.orchestration.launcher import JobLauncher, launcher_of
from bioinfo_assets.orchestration.record_io_manager import RecordIOManager
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cloud import IMAGE, JOBS, MEANS, Cloud, opened_cloud
from bioinfo_assets_tests.orchestration.toy import Toy, toy_definitions
from bioinfo_assets_tests.simulator import OutOfMemory, SpotReclaim

pytestmark = pytest.mark.xdist_group("batch runs")  # they share the servers and one costly run

SAMPLES = {"a": 2, "b": 3, "c": 4, "d": 5, "e": 6, "f": 7}
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with opened_cloud(tmp_path_factory.mktemp("cloud")) as opened:
        yield opened


def open_toy(cloud: Cloud, folder: Path, instance: dg.DagsterInstance, **more: Any) -> Toy:
    return Toy(folder, instance, f"{cloud.bucket}/{folder.name}", **{"means": MEANS, "jobs": JOBS, **more})


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def toy(cloud: Cloud, tmp_path: Path, instance: dg.DagsterInstance) -> Toy:
    """One sample, so that each step is one job."""
    return open_toy(cloud, tmp_path, instance, samples={"a": 2})


def until(true: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


# --- Six samples, one of which fails ---


@dataclass(frozen=True)
class Ran:
    """The toy with six samples, run once while the number of `f` is no number, and what Batch was told in that run."""

    toy: Toy
    local: Toy
    result: dg.ExecuteInProcessResult
    submitted: list[dict[str, Any]]

    def made(self, asset: str) -> set[str | None]:
        return {
            event.partition
            for event in self.result.all_events
            if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key == dg.AssetKey(asset)
        }


@pytest.fixture(scope="module")
def ran(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """The same project is run by the local backend too."""
    folders = [tmp_path_factory.mktemp(name) for name in ("six", "local")]
    for folder in folders:
        (folder / "home").mkdir()
    with (
        dg.instance_for_test(temp_dir=str(folders[0] / "home")) as instance,
        dg.DagsterInstance.local_temp(str(folders[1] / "home")) as other,
    ):
        toy, local = open_toy(cloud, folders[0], instance, samples=SAMPLES), Toy(folders[1], other, samples=SAMPLES)
        before = len(cloud.submitted())
        for one in (toy, local):
            one.write("f", "bad")
        local.run()
        yield Ran(toy, local, toy.run(), cloud.submitted()[before:])


def test_samples_of_a_step_go_as_an_array(ran: Ran) -> None:
    """Six products are one array, the five parities that can be made another."""
    assert [job.get("arrayProperties", {}).get("size") for job in ran.submitted] in (
        [None, 6, 5, None],
        [None, 6, None, 5],
    )


def test_a_failed_child_fails_its_sample_only(ran: Ran) -> None:
    assert not ran.result.success
    assert ran.made("product") == set("abcde")
    assert ran.made("parity") == set("abcde")
    assert [ran.toy.read(sample) for sample in "abcde"] == ["6", "9", "12", "15", "18"]
    failed = [event for event in ran.result.all_events if event.is_step_failure and event.step_key == "product"]
    assert [event.step_failure_data.user_failure_data.description for event in failed] == [
        "f: own.txt is bad: write a number"
    ]


def test_results_do_not_tell_where_they_were_made(ran: Ran) -> None:
    """Data versions, tags, records: equal to those of the same project run on this machine."""
    for step, sample in [("factor", None), ("total", None), ("product", "a"), ("parity", "e")]:
        theirs, ours = ran.local.materialization(step, sample).tags, ran.toy.materialization(step, sample).tags
        assert {name: value for name, value in ours.items() if "pointer" not in name} == {
            name: value for name, value in theirs.items() if "pointer" not in name
        }
    theirs, ours = ran.local.record("a"), ran.toy.record("a")
    for field in ("step", "version", "scope", "fingerprint", "script", "parameters", "tools", "facts", "warnings"):
        assert getattr(ours, field) == getattr(theirs, field)
    assert [(file.local, file.size, file.content) for file in ours.inputs] == [
        (file.local, file.size, file.content) for file in theirs.inputs
    ]
    assert [(file.key, file.size, file.sha256, file.content) for file in ours.outputs] == [
        (file.key, file.size, file.sha256, file.content) for file in theirs.outputs
    ]


def test_the_record_tells_of_the_job(ran: Ran) -> None:
    record = ran.toy.record("a")
    assert (record.backend, record.image, record.attempts) == ("batch", IMAGE, 1)
    assert ran.toy.materialization("product", "a").metadata["image"].value == IMAGE
    assert record.wall_s > 0
    assert record.cpu_s is not None


def test_nothing_of_a_result_stays_in_scratch(ran: Ran) -> None:
    """But the reports of the job that failed, for people, and what keeps its tries."""
    left = ran.toy.scratch()
    assert [uri for uri in left if "/jobs/" in uri and "product-f" not in uri] == []
    assert {uri.rpartition("/")[2] for uri in left if "/jobs/" in uri} == {"report.tar"}


def test_re_execution_from_failure_runs_what_failed(cloud: Cloud, ran: Ran) -> None:
    """The other samples of the steps that failed are found, without a job for them."""
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
    cached = {(update.asset, update.partition) for update in updates if update.state is JobState.CACHED}
    assert {(asset, sample) for asset in ("product", "parity") for sample in "abcde"} <= cached
    assert ran.toy.read("f", "parity") == "1"
    # What is made of all samples is made anew, with the one that was missing: 3 * (2 + 3 + 4 + 5 + 6 + 7).
    assert Store().read_bytes(f"{ran.toy.output}/multiqc/total.txt") == b"81\n"


def from_failure(toy: Toy, run_id: str) -> dg.JobExecutionResult:
    """As Dagit's button of that name."""
    parent = toy.instance.get_run_by_id(run_id)
    assert parent is not None
    again = dg.build_reconstructable_job(
        "bioinfo_assets_tests.orchestration.test_batch_runs", "toy_job", reconstructable_args=(toy.place,)
    )
    options = dg.ReexecutionOptions.from_failure(run_id, toy.instance)
    return dg.execute_job(again, toy.instance, tags=parent.tags, reexecution_options=options)


def toy_job(place: str) -> dg.JobDefinition:
    toy = toy_definitions(place, launcher_of(f"{place}/output", MEANS, JOBS, {}))
    every = dg.define_asset_job("every")
    return dg.Definitions(
        assets=toy.assets, resources=toy.resources, executor=toy.executor, jobs=[every]
    ).resolve_job_def("every")


# --- One job's life ---


def test_states_reasons_and_links_are_shown_as_they_change(cloud: Cloud, toy: Toy) -> None:
    """A machine is taken away, another job has too little memory: both are seen, and both end well."""
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
    said = [event.message for event in events if event.message]
    assert any(line.startswith("factor-references: job submitted to batch (not made yet)") for line in said)
    assert any("factor-references: running. attempt 2 of 3 after: Host EC2 (instance i-" in line for line in said)
    assert any(
        "product-a: queued. ran out of memory with 1024 MiB: submitted again with 2048 MiB (attempt 2 of 3)" in line
        for line in said
    )
    running = next(event for event in events if event.message and "factor-references: running" in event.message)
    links = {name: value.value for name, value in running.event_specific_data.metadata.items()}
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


def test_the_tries_of_runs_that_dagster_retries_are_counted_together(cloud: Cloud, toy: Toy) -> None:
    """Two tries in all: one in the run, one in Dagster's retry of it, none in the next; a person's run has its own."""
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


def test_what_the_launchpad_says_reaches_batch(cloud: Cloud, toy: Toy) -> None:
    """Beside what the project says."""
    config = {
        "jobs": {
            "vcpus": 2,
            "memory_mib": 3000,
            "retries": 0,
            "timeout_s": 600,
            "tags": {"project": "p1"},
            "environment": {"LAB": "b4"},
            "name_prefix": "lab",
            "job_role": "arn:aws:iam::123456789012:role/jobs",
            "shared_memory_mib": 256,
        }
    }
    result = toy.run(keys=["factor"], config=config)

    assert result.success
    said = cloud.submitted()[-1]
    assert said["jobName"].startswith("lab-factor-references-")
    assert said["jobQueue"] == "default"
    assert said["retryStrategy"]["attempts"] == 1
    assert said["timeout"] == {"attemptDurationSeconds": 600}
    assert said["tags"].items() >= {"project": "p1", "bioinfo-assets:run": result.run_id}.items()
    overrides = said["containerOverrides"]
    needs = {need["type"]: need["value"] for need in overrides["resourceRequirements"]}
    assert needs == {"VCPU": "2", "MEMORY": "3000"}
    assert {"name": "LAB", "value": "b4"} in overrides["environment"]
    registered = cloud.simulator.payloads("RegisterJobDefinition")[-1]["containerProperties"]
    assert registered["image"] == IMAGE
    assert registered["jobRoleArn"] == "arn:aws:iam::123456789012:role/jobs"
    assert registered["linuxParameters"]["sharedMemorySize"] == 256


# --- One job that waits for a test ---


def waiting_definitions(place: str, gate: Path, samples: int) -> dg.Definitions:
    """Assets of a job each, which print a line and wait for a file."""

    def asset(number: int) -> dg.AssetsDefinition:
        @dg.asset(name=f"waits{number}", io_manager_key="records")
        def body(context: dg.AssetExecutionContext, launcher: JobLauncher):
            job = Job(
                key=ResultKey(f"waits{number}", "references"),
                version="1",
                script=f"echo begun; echo words >&2; until [[ -e {gate} ]]; do sleep 0.05; done",
            )
            yield from launcher.materialize(context, lambda: job)

        return body

    return dg.Definitions(
        assets=[asset(number) for number in range(samples)],
        executor=one_process_executor,
        resources={
            "launcher": launcher_of(f"{place}/output", MEANS, JOBS, {}),
            "records": RecordIOManager(output_path=f"{place}/output", scopes={}),
        },
    )


def test_logs_are_in_dagit_while_the_job_runs(cloud: Cloud, tmp_path: Path, instance: dg.DagsterInstance) -> None:
    definitions = waiting_definitions(f"{cloud.bucket}/{tmp_path.name}", tmp_path / "go", 1)
    job = definitions.resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(job_def=job)
    thread = threading.Thread(target=execute_run, args=(InMemoryJob(job), run, instance))
    thread.start()
    try:
        assert until(lambda: printed(instance, run.run_id)) == (b"begun\n", b"words\n")
        assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.STARTED
    finally:
        (tmp_path / "go").touch()
        thread.join()
    assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.SUCCESS


def printed(instance: dg.DagsterInstance, run_id: str) -> tuple[bytes, bytes] | None:
    """Both compute logs of a run's only step, once there is something in them."""
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
    from bioinfo_assets.orchestration.internals import InMemoryJob, execute_run
    from bioinfo_assets_tests.orchestration.test_batch_runs import waiting_definitions
    place, folder = sys.argv[1], Path(sys.argv[2])
    job = waiting_definitions(place, folder / "go", 3).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        execute_run(InMemoryJob(job), instance.create_run_for_job(job_def=job), instance)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return folder


def test_a_run_that_is_terminated_ends_its_jobs(cloud: Cloud, tmp_path: Path, home: Path) -> None:
    """As by Dagit's terminate: it marks the run and interrupts its process."""
    place = f"{cloud.bucket}/{tmp_path.name}"
    host = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOST), place, str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        mine = until(lambda: running(cloud, 3))
        with dg.DagsterInstance.from_config(str(home)) as instance:
            (run,) = instance.get_runs()
            instance.report_run_canceling(run)
            host.send_signal(signal.SIGINT)
            host.wait(PATIENCE_S)
            assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.CANCELED
    finally:
        host.kill()
        host.wait()
    until(lambda: not [job for job in cloud.jobs() if job["jobId"] in mine and job["status"] != "FAILED"])
    ended = {job["jobId"]: job["statusReason"] for job in cloud.jobs() if job["jobId"] in mine}
    assert set(ended.values()) == {"bioinfo-assets: cancelled"}


def running(cloud: Cloud, number: int) -> set[str] | None:
    """The jobs that wait for a test, once there are so many."""
    found = {job["jobId"] for job in cloud.jobs() if "waits" in job["jobName"] and job["status"] == "RUNNING"}
    return found if len(found) == number else None
