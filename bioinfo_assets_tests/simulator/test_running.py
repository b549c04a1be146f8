"""Running jobs, and their descriptions in DescribeJobs."""

import os
import time
from pathlib import Path

import psutil
import pytest

from bioinfo_assets_tests.simulator import BatchSimulator, Delays
from bioinfo_assets_tests.simulator.driver import Driver


def test_a_job_whose_command_succeeds_succeeds(batch: Driver) -> None:
    before = int(1000 * time.time())
    job = batch.run("exit 0", name="aligned-NA12878")
    assert job["status"] == "SUCCEEDED"
    assert job["jobName"] == "aligned-NA12878"
    assert job["statusReason"] == "Essential container in task exited"
    assert before <= job["createdAt"] <= job["startedAt"] <= job["stoppedAt"] <= int(1000 * time.time())
    assert job["container"]["exitCode"] == 0
    assert "reason" not in job["container"]
    assert len(job["attempts"]) == 1


def test_a_job_whose_command_fails_has_its_exit_code(batch: Driver) -> None:
    job = batch.run("exit 3")
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Essential container in task exited"
    assert job["container"]["exitCode"] == 3
    assert job["attempts"][0]["container"]["exitCode"] == 3


def test_a_command_killed_by_a_signal_has_the_exit_code_of_docker(batch: Driver) -> None:
    assert batch.run("kill -SEGV $$")["container"]["exitCode"] == 128 + 11


def test_a_job_has_exactly_the_variables_of_definition_request_machine_and_batch(
    batch: Driver, simulator: BatchSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_HOST", "1")
    batch.register(
        "with-variables", container={"environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]}
    )
    overrides = {"environment": [{"name": "B", "value": "2"}, {"name": "TOOLS", "value": "/elsewhere"}]}
    job = batch.run("env", definition="with-variables", overrides=overrides)
    printed = dict(line.split("=", 1) for line in simulator.printed(job["jobId"]))
    set_by_bash = {"PWD", "SHLVL", "_"}
    assert {name: value for name, value in printed.items() if name not in set_by_bash} == {
        "A": "1",
        "B": "2",
        "TOOLS": "/elsewhere",
        "PATH": os.environ["PATH"],
        "AWS_BATCH_JOB_ID": job["jobId"],
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "AWS_BATCH_JQ_NAME": "queue",
        "AWS_BATCH_CE_NAME": "queue-machines",
        "AWS_BATCH_SIMULATOR_CONTAINER": job["attempts"][0]["container"]["taskArn"].rpartition("/")[2],
    }


def test_placeholders_are_replaced_from_the_request_or_the_definition(batch: Driver, simulator: BatchSimulator) -> None:
    command = ["printf", "%s\n", "Ref::sample", "Ref::lane", "Ref::unknown"]
    batch.register("greets", container={"command": command}, parameters={"sample": "expt", "lane": "1"})
    job = batch.run(None, definition="greets", parameters={"sample": "NA12878"})
    assert simulator.printed(job["jobId"]) == ["NA12878", "1", "Ref::unknown"]
    assert job["container"]["command"] == ["printf", "%s\n", "NA12878", "1", "Ref::unknown"]
    assert job["parameters"] == {"sample": "NA12878", "lane": "1"}


def test_each_attempt_has_an_empty_folder_of_its_own_and_empty_stdin(batch: Driver, simulator: BatchSimulator) -> None:
    script = "pwd; ls -A | wc -l; touch left; wc -c; exit 1"
    job = batch.run(script, retryStrategy={"attempts": 2})
    first, second = (simulator.printed(job["jobId"], attempt) for attempt in (1, 2))
    assert first[0] != second[0]
    assert first[1:] == second[1:] == ["0", "0"]


def test_a_job_is_described_with_its_settings(batch: Driver) -> None:
    batch.register("roles", container={"jobRoleArn": "arn:aws:iam::123456789012:role/job", "user": "1000"})
    job = batch.run(
        "true",
        definition="roles",
        tags={"run": "r1"},
        timeout={"attemptDurationSeconds": 3600},
        overrides={
            "environment": [{"name": "A", "value": "1"}],
            "resourceRequirements": [{"type": "MEMORY", "value": "2048"}, {"type": "GPU", "value": "1"}],
        },
    )
    container = job["container"]
    assert container["image"] == "tools:1"
    assert container["command"] == ["bash", "-c", "true"]
    assert container["jobRoleArn"] == "arn:aws:iam::123456789012:role/job"
    assert container["user"] == "1000"
    assert container["environment"] == [{"name": "A", "value": "1"}]
    requirements = {item["type"]: item["value"] for item in container["resourceRequirements"]}
    assert requirements == {"VCPU": "1", "MEMORY": "2048", "GPU": "1"}
    assert job["tags"] == {"run": "r1"}
    assert job["timeout"] == {"attemptDurationSeconds": 3600}
    assert job["jobQueue"].endswith(":job-queue/queue")
    assert job["jobDefinition"].endswith(":job-definition/roles:1")


def test_the_deprecated_overrides_of_memory_and_vcpus_have_no_effect(batch: Driver) -> None:
    job = batch.run(overrides={"memory": 9000, "vcpus": 8})
    requirements = {item["type"]: item["value"] for item in job["container"]["resourceRequirements"]}
    assert requirements == {"VCPU": "1", "MEMORY": "512"}


def test_a_job_passes_through_all_statuses(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.delays = Delays(submitted_s=1.5, pending_s=1.5, runnable_s=1.5, starting_s=1.5)
    job_id = batch.submit("sleep 1.5")
    statuses: list[str] = []
    while statuses[-1:] != ["SUCCEEDED"]:
        status = batch.job(job_id)["status"]
        statuses += [status] if statuses[-1:] != [status] else []
    assert statuses == ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]


def test_times_appear_with_their_statuses(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.delays = Delays(starting_s=3.0)
    job_id = batch.submit("sleep 100")
    starting = batch.wait(job_id, "STARTING")
    assert not {"startedAt", "stoppedAt", "logStreamName"} & (starting.keys() | starting["container"].keys())
    running = batch.wait(job_id, "RUNNING")
    assert "startedAt" in running
    assert "logStreamName" in running["container"]
    assert "stoppedAt" not in running
    assert running["attempts"] == []


def test_jobs_without_a_free_slot_are_runnable_and_start_in_order(batch: Driver, tmp_path: Path) -> None:
    script = "echo {} >>{}/begun; until [ -e {}/go ]; do sleep 0.01; done"
    ids = [batch.submit(script.format(n, tmp_path, tmp_path)) for n in range(6)]
    for job_id in ids[:4]:
        batch.wait(job_id, "RUNNING")
    assert [batch.job(job_id)["status"] for job_id in ids[4:]] == ["RUNNABLE", "RUNNABLE"]
    (tmp_path / "go").touch()
    assert [batch.wait_for_end(job_id)["status"] for job_id in ids] == ["SUCCEEDED"] * 6
    begun = (tmp_path / "begun").read_text().split()
    assert (set(begun[:4]), set(begun[4:])) == ({"0", "1", "2", "3"}, {"4", "5"})


def test_no_process_of_a_job_outlives_it(batch: Driver, simulator: BatchSimulator) -> None:
    ways = ["sleep 1000", "setsid sleep 1000", "env -i sleep 1000", "env -i setsid sleep 1000"]
    script = "".join(f"{way} & echo $!; " for way in ways) + "(cd / && setsid sleep 1000 & echo $!); sleep 0.1"
    job = batch.run(script)
    started = [int(line) for line in simulator.printed(job["jobId"])]
    assert job["status"] == "SUCCEEDED"
    assert len(started) == 5
    assert not [process_id for process_id in started if is_running(process_id)]


def test_a_missing_command_is_reported_by_the_agent(batch: Driver) -> None:
    job = batch.run(None, overrides={"command": ["bwa-mem9"]})
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["exitCode"] == 127
    assert job["container"]["reason"].startswith("CannotStartContainerError: ")
    assert '"bwa-mem9"' in job["container"]["reason"]


def test_a_missing_image_cannot_be_pulled(batch: Driver) -> None:
    batch.register("mistyped", container={"image": "toolz:1"})
    job = batch.run(definition="mistyped")
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Task failed to start"
    assert job["container"]["reason"].startswith("CannotPullContainerError: ")
    assert "exitCode" not in job["container"]
    assert "logStreamName" not in job["container"]
    assert "startedAt" not in job


def is_running(process_id: int) -> bool:
    return bool(psutil.pid_exists(process_id) and psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE)
