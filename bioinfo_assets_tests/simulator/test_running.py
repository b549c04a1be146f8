"""What runs, and what DescribeJobs says of it."""

import time


def test_a_command_that_ends_well_is_a_job_that_succeeded(batch):
    before = int(1000 * time.time())
    job = batch.run("exit 0", name="aligned-NA12878")
    assert job["status"] == "SUCCEEDED"
    assert job["jobName"] == "aligned-NA12878"
    assert job["statusReason"] == "Essential container in task exited"
    assert before <= job["createdAt"] <= job["startedAt"] <= job["stoppedAt"] <= int(1000 * time.time())
    assert job["container"]["exitCode"] == 0
    assert "reason" not in job["container"]
    assert len(job["attempts"]) == 1


def test_a_command_that_fails_is_a_job_that_failed_with_its_exit_code(batch):
    job = batch.run("exit 3")
    assert job["status"] == "FAILED"
    assert job["container"]["exitCode"] == 3
    assert job["attempts"][0]["container"]["exitCode"] == 3
