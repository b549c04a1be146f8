"""The number of attempts: Batch's retries, submissions with more memory and Dagster's retries share one budget."""

from typing import Any

from bioinfo_assets.launch.backend import Outcome, State, Status
from bioinfo_assets_tests.launch.batch.batch_backend import attempts_of, batch_backend, run_job
from bioinfo_assets_tests.launch.contract import TEXT, job, report_of, wait_for_end
from bioinfo_assets_tests.simulator import BatchSimulator, OutOfMemory, SpotReclaim

FINGERPRINT = "ab" * 32


def run(scratch: str, run_id: str, budget: str = "", script: str = "exit 3", **options: Any) -> Status:
    with batch_backend(scratch, run_id, budget=budget, **options) as backend:
        return run_job(backend, job("breaks", script), FINGERPRINT)


class TestRetries:
    def test_retries_are_attempts_of_batch(self, simulator: BatchSimulator, scratch: str) -> None:
        run(scratch, "one", retries=4)
        assert simulator.payloads("SubmitJob")[0]["retryStrategy"]["attempts"] == 5

    def test_without_retries_an_interrupted_job_fails(self, simulator: BatchSimulator, scratch: str) -> None:
        simulator.inject(SpotReclaim(after_line="begun"))
        assert run(scratch, "one", script="echo begun; sleep 100", retries=0).outcome is Outcome.RECLAIMED
        assert len(simulator.job_details()[0]["attempts"]) == 1

    def test_without_retries_a_job_out_of_memory_fails(self, simulator: BatchSimulator, scratch: str) -> None:
        simulator.inject(OutOfMemory(after_line="begun"))
        assert run(scratch, "one", script="echo begun; sleep 100", retries=0).outcome is Outcome.OUT_OF_MEMORY
        assert simulator.count("SubmitJob") == 1

    def test_a_script_that_failed_is_not_retried(self, simulator: BatchSimulator, scratch: str) -> None:
        assert attempts_of(run(scratch, "one")) == 1


class TestBudget:
    def test_retries_by_dagster_use_the_same_budget(self, simulator: BatchSimulator, scratch: str) -> None:
        for number in (1, 2):
            assert report_of(run(scratch, f"run-{number}", "first", retries=1)).exit_code == 3
        assert [request["retryStrategy"]["attempts"] for request in simulator.payloads("SubmitJob")] == [2, 1]
        status = run(scratch, "run-3", "first", retries=1)
        assert status.state is State.FAILED
        assert "step breaks of expt failed with exit code 3" in status.reason
        assert status.reason.endswith(" (its 2 attempts are used up)")
        assert simulator.count("SubmitJob") == 2

    def test_a_run_started_by_a_user_has_a_new_budget(self, simulator: BatchSimulator, scratch: str) -> None:
        for number in (1, 2):
            run(scratch, f"run-{number}", "first", retries=1)
        assert report_of(run(scratch, "run-3", "run-3", retries=1)).exit_code == 3
        assert [request["retryStrategy"]["attempts"] for request in simulator.payloads("SubmitJob")] == [2, 1, 2]

    def test_a_success_resets_the_budget(self, simulator: BatchSimulator, scratch: str) -> None:
        run(scratch, "run-1", "first", retries=1)
        with batch_backend(scratch, "run-2", budget="first", retries=1) as backend:
            job_id = backend.submit(job("greets", outputs=(TEXT,)), FINGERPRINT).job_id
            wait_for_end(backend, job_id)
            backend.discard(job_id)
        assert report_of(run(scratch, "run-3", "first", retries=1)).exit_code == 3
