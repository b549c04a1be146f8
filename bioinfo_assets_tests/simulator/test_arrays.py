"""Arrays: the parent, its children, and their descriptions."""

from pathlib import Path

import pytest

from bioinfo_assets_tests.simulator import BatchSimulator, Delays, OutOfMemory, SpotReclaim
from bioinfo_assets_tests.simulator.driver import Driver, Shape

STATUSES = {"SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED"}


def children(batch: Driver, parent_id: str, size: int) -> list[Shape]:
    return batch.describe(*(f"{parent_id}:{index}" for index in range(size)))


def test_each_child_has_its_index_and_the_parent_succeeds_with_all_children(
    batch: Driver, simulator: BatchSimulator
) -> None:
    parent = batch.run("echo index $AWS_BATCH_JOB_ARRAY_INDEX", name="aligned", arrayProperties={"size": 5})
    assert parent["status"] == "SUCCEEDED"
    jobs = children(batch, parent["jobId"], 5)
    assert [child["arrayProperties"]["index"] for child in jobs] == [0, 1, 2, 3, 4]
    assert {child["jobName"] for child in jobs} == {"aligned"}
    assert [simulator.printed(child["jobId"]) for child in jobs] == [[f"index {n}"] for n in range(5)]


def test_the_parent_counts_its_children_by_status(batch: Driver) -> None:
    parent = batch.run("exit $((AWS_BATCH_JOB_ARRAY_INDEX == 2))", arrayProperties={"size": 4})
    summary = parent["arrayProperties"]["statusSummary"]
    assert parent["arrayProperties"]["size"] == 4
    assert summary.keys() == STATUSES
    assert {status: count for status, count in summary.items() if count} == {"SUCCEEDED": 3, "FAILED": 1}


def test_a_failed_child_fails_the_parent_when_all_children_are_over(batch: Driver, tmp_path: Path) -> None:
    script = f"[ $AWS_BATCH_JOB_ARRAY_INDEX != 0 ] || exit 1; until [ -e {tmp_path}/go ]; do sleep 0.01; done"
    parent_id = batch.submit(script, arrayProperties={"size": 3})
    batch.wait_for_end(f"{parent_id}:0")
    assert batch.job(parent_id)["status"] == "PENDING"
    (tmp_path / "go").touch()
    parent = batch.wait_for_end(parent_id)
    assert parent["status"] == "FAILED"
    assert parent["statusReason"] == "Array Child Job failed"
    assert [child["status"] for child in children(batch, parent_id, 3)] == ["FAILED", "SUCCEEDED", "SUCCEEDED"]


def test_a_parent_is_submitted_pending_or_over(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.delays = Delays(submitted_s=1.5, starting_s=1.5)
    parent_id = batch.submit("true", arrayProperties={"size": 2})
    statuses: list[str] = []
    while statuses[-1:] != ["SUCCEEDED"]:
        status = batch.job(parent_id)["status"]
        statuses += [status] if statuses[-1:] != [status] else []
    assert statuses == ["SUBMITTED", "PENDING", "SUCCEEDED"]


def test_children_appear_when_the_parent_is_pending(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.delays = Delays(submitted_s=3.0)
    parent_id = batch.submit("true", arrayProperties={"size": 2})
    assert batch.job(parent_id)["arrayProperties"]["statusSummary"]["SUBMITTED"] == 2
    assert children(batch, parent_id, 2) == []
    batch.wait_for_end(parent_id)
    assert len(children(batch, parent_id, 2)) == 2


def test_each_child_is_retried_on_its_own(batch: Driver) -> None:
    script = "[ $AWS_BATCH_JOB_ARRAY_INDEX != 1 ] || [ $AWS_BATCH_JOB_ATTEMPT = 2 ]"
    parent = batch.run(script, arrayProperties={"size": 2}, retryStrategy={"attempts": 2})
    assert parent["status"] == "SUCCEEDED"
    assert [len(child["attempts"]) for child in children(batch, parent["jobId"], 2)] == [1, 2]


@pytest.mark.parametrize("second_s", [0.02])
def test_each_child_has_a_timeout_of_its_own(batch: Driver) -> None:
    script = "[ $AWS_BATCH_JOB_ARRAY_INDEX != 1 ] || sleep 1000"
    parent = batch.run(script, arrayProperties={"size": 2}, timeout={"attemptDurationSeconds": 200})
    assert parent["status"] == "FAILED"
    quick, slow = children(batch, parent["jobId"], 2)
    assert quick["status"] == "SUCCEEDED"
    assert slow["statusReason"] == "Job attempt duration exceeded timeout"


def test_a_fault_can_affect_one_child(batch: Driver, simulator: BatchSimulator) -> None:
    simulator.inject(SpotReclaim(index=1), OutOfMemory(index=2))
    parent = batch.run("[ $AWS_BATCH_JOB_ARRAY_INDEX = 0 ] || sleep 1000", arrayProperties={"size": 3})
    unaffected, interrupted, out_of_memory = children(batch, parent["jobId"], 3)
    assert unaffected["status"] == "SUCCEEDED"
    assert interrupted["statusReason"].startswith("Host EC2 ")
    assert out_of_memory["container"]["exitCode"] == 137


@pytest.mark.parametrize("running", [True, False])
def test_terminating_the_parent_ends_all_children(batch: Driver, simulator: BatchSimulator, *, running: bool) -> None:
    simulator.delays = Delays(starting_s=0.0 if running else 3.0)
    parent_id = batch.submit("sleep 1000", arrayProperties={"size": 6})
    batch.wait(f"{parent_id}:0", "RUNNING" if running else "STARTING")
    batch.client.terminate_job(jobId=parent_id, reason="enough")
    parent = batch.wait_for_end(parent_id)
    assert parent["status"] == "FAILED"
    assert parent["statusReason"] == "enough"
    assert {(child["status"], child["statusReason"]) for child in children(batch, parent_id, 6)} == {
        ("FAILED", "enough")
    }


def test_terminating_one_child_leaves_the_others_alone(batch: Driver, tmp_path: Path) -> None:
    parent_id = batch.submit(f"until [ -e {tmp_path}/go ]; do sleep 0.01; done", arrayProperties={"size": 2})
    batch.wait(f"{parent_id}:1", "RUNNING")
    batch.client.terminate_job(jobId=f"{parent_id}:1", reason="this one")
    batch.wait_for_end(f"{parent_id}:1")
    (tmp_path / "go").touch()
    batch.wait_for_end(parent_id)
    assert [child["status"] for child in children(batch, parent_id, 2)] == ["SUCCEEDED", "FAILED"]


def test_cancelling_the_parent_ends_its_waiting_children(batch: Driver, tmp_path: Path) -> None:
    parent_id = batch.submit(f"until [ -e {tmp_path}/go ]; do sleep 0.01; done", arrayProperties={"size": 6})
    for index in range(4):
        batch.wait(f"{parent_id}:{index}", "RUNNING")
    batch.client.cancel_job(jobId=parent_id, reason="not needed")
    assert batch.job(parent_id)["status"] == "PENDING"
    (tmp_path / "go").touch()
    parent = batch.wait_for_end(parent_id)
    assert (parent["status"], parent["statusReason"]) == ("FAILED", "not needed")
    assert [child["status"] for child in children(batch, parent_id, 6)] == ["SUCCEEDED"] * 4 + ["FAILED"] * 2


def test_ten_thousand_children_are_accepted_and_terminated(batch: Driver) -> None:
    parent_id = batch.submit("sleep 1000", arrayProperties={"size": 10_000})
    batch.wait(f"{parent_id}:0", "RUNNING")
    batch.client.terminate_job(jobId=parent_id, reason="enough")
    assert batch.wait_for_end(parent_id)["arrayProperties"]["statusSummary"]["FAILED"] == 10_000
