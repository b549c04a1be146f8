"""How often a job may be started: attempts, submissions with more memory and Dagster's re-runs share one count."""

from bioinfo_assets.launch.backend import State
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets_tests.launch.batch.machines import ended, opened
from bioinfo_assets_tests.launch.contract import TEXT, job
from bioinfo_assets_tests.simulator import OutOfMemory, SpotReclaim

FINGERPRINT = "ab" * 32


def run(scratch, run_id, budget="", script="exit 3", **options):
    with opened(scratch, run_id, budget=budget, **options) as backend:
        return ended(backend, job("breaks", script), FINGERPRINT)


class TestRetries:
    def test_they_are_batchs_attempts(self, simulator, scratch):
        run(scratch, "one", retries=4)
        assert simulator.payloads("SubmitJob")[0]["retryStrategy"]["attempts"] == 5

    def test_none_means_one_attempt_even_for_a_reclaimed_machine(self, simulator, scratch):
        simulator.inject(SpotReclaim(after_line="begun"))
        assert run(scratch, "one", script="echo begun; sleep 100", retries=0).outcome is Outcome.RECLAIMED
        assert len(simulator.job_details()[0]["attempts"]) == 1

    def test_none_means_no_second_submission_for_memory(self, simulator, scratch):
        simulator.inject(OutOfMemory(after_line="begun"))
        assert run(scratch, "one", script="echo begun; sleep 100", retries=0).outcome is Outcome.OUT_OF_MEMORY
        assert simulator.count("SubmitJob") == 1

    def test_a_script_that_failed_is_not_started_again(self, simulator, scratch):
        assert run(scratch, "one").report.attempts == 1


class TestABudget:
    def test_re_runs_by_dagster_count_on_and_end(self, simulator, scratch):
        for number in (1, 2):
            assert run(scratch, f"run-{number}", "first", retries=1).report.exit_code == 3
        assert [one["retryStrategy"]["attempts"] for one in simulator.payloads("SubmitJob")] == [2, 1]
        status = run(scratch, "run-3", "first", retries=1)
        assert status.state is State.FAILED
        assert "step breaks of expt failed with exit code 3" in status.reason
        assert status.reason.endswith(" (its 2 tries are used up)")
        assert simulator.count("SubmitJob") == 2

    def test_a_run_that_a_person_starts_begins_anew(self, simulator, scratch):
        for number in (1, 2):
            run(scratch, f"run-{number}", "first", retries=1)
        assert run(scratch, "run-3", "run-3", retries=1).report.exit_code == 3
        assert [one["retryStrategy"]["attempts"] for one in simulator.payloads("SubmitJob")] == [2, 1, 2]

    def test_a_success_leaves_nothing_behind(self, simulator, scratch):
        run(scratch, "run-1", "first", retries=1)
        with opened(scratch, "run-2", budget="first", retries=1) as backend:
            job_id = backend.submit(job("greets", outputs=(TEXT,)), FINGERPRINT).job_id
            while not backend.poll([job_id])[job_id].state.is_over:
                pass
            backend.discard(job_id)
        assert run(scratch, "run-3", "first", retries=1).report.exit_code == 3
