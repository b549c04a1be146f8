"""Every outcome of a job, and how the backend reacts to it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from bioinfo_assets.launch.backend import Outcome, State, Status
from bioinfo_assets.launch.batch import dispatch
from bioinfo_assets.launch.batch.batch_job import BatchJob
from bioinfo_assets.launch.batch.poller import Progress
from bioinfo_assets.launch.job import Input, JobOptions, StoredFile
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.batch.batch_backend import (
    BackendWithOptions,
    attempts_of,
    batch_backend,
    fast,
    interrupted,
    run_job,
    wait_for_running,
)
from bioinfo_assets_tests.launch.contract import TEXT, job, report_of, wait_for_end, wait_for_status
from bioinfo_assets_tests.simulator import (
    ApiFault,
    BatchSimulator,
    CannotInspectContainer,
    CannotPullContainer,
    Delays,
    Disconnected,
    DockerTimeout,
    Drained,
    ErrorAnswer,
    Forgotten,
    HostLost,
    NotStarted,
    OutOfMemory,
    SpotReclaim,
    Stuck,
    Throttled,
)
from bioinfo_assets_tests.waiting import wait_until

GREETS = job("greets", outputs=(TEXT,))
LOG = r"; its log is https://us-east-1\.console\.aws\.amazon\.com/cloudwatch/\S+"


def assert_reason(status: Status, pattern: str) -> None:
    assert re.fullmatch(pattern, status.reason), status.reason


def poll_reasons(backend: BackendWithOptions, job_id: str) -> tuple[Status, list[str]]:
    """The last status of a job, and the reasons of all."""
    reasons: list[str] = []

    def is_over(status: Status) -> bool:
        if status.reason not in reasons:
            reasons.append(status.reason)
        return status.state.is_over

    return wait_for_status(backend, job_id, is_over), reasons


class TestReclaimed:
    def test_batch_retries_a_spot_interruption_and_the_reason_is_shown(
        self, simulator: BatchSimulator, backend: BackendWithOptions, tmp_path: Path
    ) -> None:
        simulator.inject(SpotReclaim(attempt=1, after_line="begun"))
        simulator.delays = Delays(starting_s=0.2)
        job_id = backend.submit(interrupted(GREETS, tmp_path / "begun")).job_id
        status, reasons = poll_reasons(backend, job_id)
        assert (status.state, attempts_of(status)) == (State.SUCCEEDED, 2)
        assert any(
            re.match(r"attempt 2 of 3 after: Host EC2 \(instance i-\w+\) terminated", reason) for reason in reasons
        )
        assert simulator.count("SubmitJob") == 1

    def test_a_job_interrupted_in_every_attempt_fails_with_advice(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(SpotReclaim(after_line="begun"))
        status = run_job(backend, job("sleeps", "echo begun; sleep 100"))
        assert (status.state, status.outcome) == (State.FAILED, Outcome.RECLAIMED)
        assert_reason(
            status,
            r"step sleeps of expt lost its machine in 3 attempts \(Host EC2 \(instance i-\w+\) terminated\.\): "
            r"run it again, or use a queue of on-demand machines" + LOG,
        )

    def test_outputs_uploaded_before_the_interruption_are_used(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        # The first attempt uploads everything and is interrupted at its end; the others are interrupted earlier.
        simulator.inject(SpotReclaim(attempt=1, after_line="ended with exit code 0"), SpotReclaim(attempt=2))
        simulator.inject(SpotReclaim(attempt=3))
        status = run_job(backend, GREETS)
        assert status.state is State.SUCCEEDED
        assert Store().read_bytes(report_of(status).files[0].path) == b"hello\n"

    def test_a_job_that_is_reclaimed_again_and_again_goes_to_the_fallback_queue(
        self, simulator: BatchSimulator, backend: BackendWithOptions, tmp_path: Path
    ) -> None:
        simulator.inject(SpotReclaim(queue="default", after_line="begun"))
        greets = replace(GREETS, options=JobOptions(fallback_queue="on-demand"))
        job_id = backend.submit(interrupted(greets, tmp_path / "begun", times=2)).job_id
        status, reasons = poll_reasons(backend, job_id)
        assert (status.state, attempts_of(status)) == (State.SUCCEEDED, 3)
        assert [payload["jobQueue"] for payload in simulator.payloads("SubmitJob")] == ["default", "on-demand"]
        assert [payload["retryStrategy"]["attempts"] for payload in simulator.payloads("SubmitJob")] == [2, 1]
        assert any(
            re.fullmatch(
                r"Host EC2 \(instance i-\w+\) terminated: submitted again to on-demand \(attempt 3 of 3\)", reason
            )
            for reason in reasons
        )

    @pytest.mark.parametrize("second_s", [0.5])
    def test_a_container_that_is_stopped_because_its_machine_is_drained_is_started_again(
        self, simulator: BatchSimulator, backend: BackendWithOptions, tmp_path: Path
    ) -> None:
        simulator.inject(Drained(attempt=1, after_line="begun"))
        status = run_job(backend, interrupted(GREETS, tmp_path / "begun"))
        assert (status.state, attempts_of(status), simulator.count("SubmitJob")) == (State.SUCCEEDED, 2, 1)

    @pytest.mark.parametrize("second_s", [0.5])
    def test_a_job_whose_machines_are_all_drained_was_reclaimed(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(Drained(after_line="begun"))
        status = run_job(backend, job("sleeps", "echo begun; sleep 100"))
        assert (status.state, status.outcome) == (State.FAILED, Outcome.RECLAIMED)


class TestOutOfMemory:
    def test_the_job_is_submitted_again_with_twice_the_memory(
        self, simulator: BatchSimulator, backend: BackendWithOptions, tmp_path: Path
    ) -> None:
        simulator.inject(OutOfMemory(below_mib=4096, after_line="begun"))
        greedy = replace(GREETS, script=f'{GREETS.script}; fact had "$JOB_MEMORY_MIB"')
        job_id = backend.submit(interrupted(greedy, tmp_path / "begun", times=2)).job_id
        status, reasons = poll_reasons(backend, job_id)
        assert (status.state, report_of(status).facts, attempts_of(status)) == (State.SUCCEEDED, {"had": "4096"}, 3)
        assert "ran out of memory with 1024 MiB: submitted again with 2048 MiB (attempt 2 of 3)" in reasons
        assert "ran out of memory with 2048 MiB: submitted again with 4096 MiB (attempt 3 of 3)" in reasons

    def test_attempts_by_batch_and_submissions_share_one_budget(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(SpotReclaim(attempt=1, after_line="begun"), OutOfMemory(attempt=2, after_line="begun"))
        simulator.inject(OutOfMemory(attempt=3, after_line="begun"))
        status = run_job(backend, job("sleeps", "echo begun; sleep 100", options=JobOptions(retries=2)))
        # Interrupted, then out of memory; one attempt is left for the second submission, so that Batch may not retry.
        assert simulator.payloads("SubmitJob")[1]["retryStrategy"]["attempts"] == 1
        assert simulator.count("SubmitJob") == 2
        assert status.outcome is Outcome.RECLAIMED

    def test_memory_is_not_raised_above_the_limit(self, simulator: BatchSimulator, scratch: str) -> None:
        simulator.inject(OutOfMemory(after_line="begun"))
        with batch_backend(scratch, config=fast(max_memory_mib=1500)) as backend:
            status = run_job(backend, job("sleeps", "echo begun; sleep 100"))
        assert [requirements_of(payload)["MEMORY"] for payload in simulator.payloads("SubmitJob")] == ["1024", "1500"]
        assert status.outcome is Outcome.OUT_OF_MEMORY
        assert_reason(status, r"step sleeps of expt ran out of memory with 1500 MiB: raise the step's memory_mib" + LOG)

    def test_an_out_of_memory_error_of_java_counts(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        script = "echo 'Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space' >&2; exit 1"
        status = run_job(backend, job("breaks", script))
        assert status.outcome is Outcome.OUT_OF_MEMORY
        assert [requirements_of(payload)["MEMORY"] for payload in simulator.payloads("SubmitJob")] == [
            "1024",
            "2048",
            "4096",
        ]


def requirements_of(payload: Mapping[str, Any]) -> dict[str, str]:
    return {item["type"]: item["value"] for item in payload["containerOverrides"]["resourceRequirements"]}


class TestImage:
    def test_pulling_an_image_is_retried_before_the_job_fails(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(CannotPullContainer())
        status = run_job(backend, GREETS)
        assert (status.state, status.outcome) == (State.FAILED, Outcome.IMAGE_MISSING)
        assert_reason(
            status,
            r"step greets of expt could not get its image tools:1 in 3 attempts \(CannotPullContainerError: .*\): "
            r"check the image setting, that it was pushed, and that the execution role may pull it",
        )

    def test_a_job_survives_one_failure_of_the_registry(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(CannotPullContainer(attempt=1))
        assert attempts_of(run_job(backend, GREETS)) == 2


class TestAgent:
    def test_an_attempt_whose_agent_timed_out_is_retried(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(DockerTimeout(attempt=1))
        assert (attempts_of(run_job(backend, GREETS)), simulator.count("SubmitJob")) == (2, 1)

    def test_a_job_that_uploaded_its_outputs_succeeded_whatever_the_agent_reports(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(CannotInspectContainer())
        assert run_job(backend, GREETS).state is State.SUCCEEDED

    def test_a_container_that_does_not_start_is_tried_again(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(NotStarted(attempt=1))
        assert (attempts_of(run_job(backend, GREETS)), simulator.count("SubmitJob")) == (2, 1)

    def test_a_container_that_never_starts_is_lost_for_the_agents_reason(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(NotStarted())
        status = run_job(backend, GREETS)
        assert status.outcome is Outcome.LOST
        assert status.reason == (
            "step greets of expt was lost in 3 attempts (CannotStartContainerError: Error response from daemon): "
            "run it again"
        )


class TestUnschedulable:
    def test_a_queue_that_stays_misconfigured_fails_the_job(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(Stuck(status_reason=Stuck.MAX_RESOURCE))
        status = run_job(backend, GREETS)
        assert (status.state, status.outcome) == (State.FAILED, Outcome.UNSCHEDULABLE)
        assert status.reason == (
            f"step greets of expt found no machine: {Stuck.MAX_RESOURCE}: check the queue's compute environments, or "
            "ask for fewer vcpus, less memory or no GPU"
        )

    def test_a_job_waits_for_machines_and_shows_why(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        stuck = Stuck(status_reason=Stuck.CAPACITY)
        simulator.inject(stuck)
        job_id = backend.submit(GREETS).job_id
        wait_for_status(backend, job_id, lambda status: status.reason == f"RUNNABLE {Stuck.CAPACITY}")
        simulator.withdraw(stuck)
        assert wait_for_end(backend, job_id).state is State.SUCCEEDED

    def test_a_job_waits_no_longer_than_the_queue_timeout(self, simulator: BatchSimulator, scratch: str) -> None:
        simulator.inject(Stuck(status_reason=Stuck.CAPACITY))
        with batch_backend(scratch, config=fast(queue_timeout_s=0.5)) as backend:
            status = run_job(backend, GREETS)
        assert status.outcome is Outcome.UNSCHEDULABLE
        assert status.reason.startswith("step greets of expt found no machine: nothing ran in its queue for ")
        assert simulator.count("TerminateJob") == 1

    def test_one_whose_queue_never_has_machines_goes_to_the_fallback_queue(
        self, simulator: BatchSimulator, scratch: str
    ) -> None:
        simulator.inject(Stuck(queue="default", status_reason=Stuck.CAPACITY))
        greets = replace(GREETS, options=JobOptions(fallback_queue="on-demand"))
        with batch_backend(scratch, config=fast(queue_timeout_s=0.5)) as backend:
            status, reasons = poll_reasons(backend, backend.submit(greets).job_id)
        assert status.state is State.SUCCEEDED
        assert [payload["jobQueue"] for payload in simulator.payloads("SubmitJob")] == ["default", "on-demand"]
        assert any(
            re.fullmatch(r"no machine: nothing ran .*: submitted again to on-demand \(attempt 2 of 3\)", reason)
            for reason in reasons
        )

    def test_one_whose_queue_is_misconfigured_does_not(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(Stuck(queue="default", status_reason=Stuck.REQUIREMENT))
        status = run_job(backend, replace(GREETS, options=JobOptions(fallback_queue="on-demand")))
        assert status.outcome is Outcome.UNSCHEDULABLE
        assert simulator.count("SubmitJob") == 1

    def test_one_that_is_cancelled_meanwhile_does_not(
        self, simulator: BatchSimulator, scratch: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        simulator.inject(Stuck(queue="default", status_reason=Stuck.CAPACITY))
        greets = replace(GREETS, options=JobOptions(fallback_queue="on-demand"))
        with batch_backend(scratch, config=fast(queue_timeout_s=0.5)) as backend:
            job_id = backend.submit(greets).job_id
            advance = backend._advance

            def cancel_and_advance(batch_job: BatchJob, new: Progress) -> None:
                if new.resubmission is not None:
                    backend.cancel(job_id)
                advance(batch_job, new)

            monkeypatch.setattr(backend, "_advance", cancel_and_advance)
            assert wait_for_end(backend, job_id).outcome is Outcome.KILLED
        assert simulator.count("SubmitJob") == 1


class TestTermination:
    def test_a_running_job_can_be_terminated_in_the_console(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        job_id = backend.submit(job("sleeps")).job_id
        wait_for_running(backend, job_id)
        terminate_in_console(simulator, "too costly")
        status = wait_for_end(backend, job_id)
        assert (status.state, status.outcome) == (State.CANCELLED, Outcome.KILLED)
        assert_reason(
            status, r"step sleeps of expt was terminated \(too costly\): run it again if that was not intended" + LOG
        )

    def test_a_waiting_job_can_be_terminated_in_the_console(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(Stuck(status_reason=Stuck.CAPACITY))
        job_id = backend.submit(job("sleeps")).job_id
        wait_for_status(backend, job_id, lambda status: "CAPACITY" in status.reason)
        terminate_in_console(simulator, "too costly")
        assert wait_for_end(backend, job_id).outcome is Outcome.KILLED

    def test_a_job_that_succeeded_before_it_was_cancelled_stays_succeeded(
        self, simulator: BatchSimulator, scratch: str
    ) -> None:
        with batch_backend(scratch, config=fast(poll_interval_s=0.5)) as backend:
            job_id = backend.submit(GREETS).job_id
            wait_until(lambda: [detail["status"] for detail in simulator.job_details()] == ["SUCCEEDED"])
            backend.cancel(job_id)
            assert wait_for_end(backend, job_id).state is State.SUCCEEDED

    def test_a_job_cancelled_before_its_submission_is_not_submitted(
        self, simulator: BatchSimulator, scratch: str
    ) -> None:
        with batch_backend(scratch, config=fast(batching_delay_s=0.5)) as backend:
            job_id = backend.submit(GREETS).job_id
            backend.cancel(job_id)
            status = wait_for_end(backend, job_id)
        assert (status.state, status.reason) == (State.CANCELLED, "cancelled before it started")
        assert simulator.count("SubmitJob") == 0

    def test_a_job_cancelled_while_it_waits_for_more_memory_is_not_submitted_again(
        self, simulator: BatchSimulator, scratch: str
    ) -> None:
        simulator.inject(OutOfMemory(after_line="begun"))
        with batch_backend(scratch, config=fast(batching_delay_s=0.4)) as backend:
            job_id = backend.submit(job("sleeps", "echo begun; sleep 100")).job_id
            wait_for_status(backend, job_id, lambda status: "submitted again" in status.reason)
            backend.cancel(job_id)
            assert wait_for_end(backend, job_id).state is State.CANCELLED
        assert simulator.count("SubmitJob") == 1

    def test_a_termination_that_batch_refuses_is_repeated(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        job_id = backend.submit(job("sleeps")).job_id
        wait_for_running(backend, job_id)
        simulator.inject(ErrorAnswer(action="TerminateJob", status=400, code="ClientException", times=2))
        backend.cancel(job_id)
        assert wait_for_end(backend, job_id).state is State.CANCELLED

    def test_a_termination_that_batch_refuses_while_the_run_ends_is_repeated(
        self, simulator: BatchSimulator, scratch: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dispatch, "LAST_PAUSES_S", (0.05, 0.05))
        with batch_backend(scratch) as backend:
            wait_for_running(backend, backend.submit(job("sleeps")).job_id)
            simulator.inject(ErrorAnswer(action="TerminateJob", status=400, code="ClientException", times=2))
        wait_until(lambda: [detail["status"] for detail in simulator.job_details()] == ["FAILED"])

    def test_jobs_that_cannot_be_terminated_are_counted_with_the_command_for_it(
        self, simulator: BatchSimulator, scratch: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(dispatch, "LAST_PAUSES_S", (0.05, 0.05))
        with batch_backend(scratch) as backend:
            wait_for_running(backend, backend.submit(job("sleeps")).job_id)
            simulator.inject(ErrorAnswer(action="TerminateJob", status=400, code="ClientException", times=3))
        assert "1 jobs still run on AWS Batch: `bioinfo-assets jobs reap` terminates them" in caplog.messages
        terminate_in_console(simulator, "the end of the test")


def terminate_in_console(simulator: BatchSimulator, reason: str) -> None:
    batch = boto3.client("batch")
    batch.terminate_job(jobId=simulator.job_details()[0]["jobId"], reason=reason)
    batch.close()


class TestTimedOut:
    def test_batch_enforces_the_timeout(self, simulator: BatchSimulator, backend: BackendWithOptions) -> None:
        status = run_job(backend, job("sleeps", options=JobOptions(timeout_s=60)))
        assert (status.state, status.outcome) == (State.FAILED, Outcome.TIMED_OUT)
        assert_reason(status, r"step sleeps of expt took longer than its 60 s: raise the step's timeout_s" + LOG)
        assert len(simulator.job_details()) == 1


class TestForgotten:
    def test_a_job_that_batch_forgot_succeeded_if_its_report_shows_it(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(Forgotten())
        status = run_job(backend, GREETS)
        assert (status.state, len(report_of(status).files)) == (State.SUCCEEDED, 1)

    def test_a_job_that_batch_forgot_is_lost_without_a_report(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(HostLost(after_line="begun"))
        job_id = backend.submit(job("sleeps", "echo begun; sleep 100")).job_id
        wait_for_running(backend, job_id)
        simulator.forget(simulator.job_details()[0]["jobId"])
        status = wait_for_end(backend, job_id)
        assert (status.state, status.outcome) == (State.FAILED, Outcome.LOST)
        assert status.reason == "step sleeps of expt was lost (AWS Batch no longer knows the job): run it again"

    def test_a_new_job_may_be_unknown_for_a_while(self, simulator: BatchSimulator, scratch: str) -> None:
        simulator.delays = Delays(described_s=0.5)
        with batch_backend(scratch, config=fast(visibility_grace_s=60)) as backend:
            assert run_job(backend, GREETS).state is State.SUCCEEDED

    def test_that_while_begins_when_batch_has_accepted_the_job(self, simulator: BatchSimulator, scratch: str) -> None:
        simulator.delays = Delays(described_s=0.7)
        simulator.inject(Throttled(action="SubmitJob", for_s=11.0))
        with batch_backend(scratch, config=fast(visibility_grace_s=10.0)) as backend:
            assert run_job(backend, GREETS).state is State.SUCCEEDED


class TestTheService:
    def test_scripts_and_input_lists_of_any_size_fit_into_the_request(
        self, simulator: BatchSimulator, backend: BackendWithOptions, s3: str
    ) -> None:
        Store().write_bytes(f"{s3}/in/x", b"x\n")
        inputs = tuple(Input(f"in{n}.txt", StoredFile(f"{s3}/in/x", 2, f"sha256:{n}")) for n in range(500))
        script = f"# {'x' * 50_000}\ncat in*.txt | wc -l >greeting.txt"
        some = replace(GREETS, script=script, inputs=inputs[:20])
        status = run_job(backend, some)
        assert status.state is State.SUCCEEDED
        backend.submit(replace(some, inputs=inputs))
        wait_until(lambda: simulator.count("SubmitJob") == 2)
        assert all(len(str(request["containerOverrides"])) < 2500 for request in simulator.payloads("SubmitJob"))

    @pytest.mark.parametrize("action", ["SubmitJob", "DescribeJobs", "RegisterJobDefinition", "DescribeJobDefinitions"])
    @pytest.mark.parametrize(
        "fault",
        [
            lambda action: Throttled(action=action, times=2),
            lambda action: ErrorAnswer(action=action, times=2),
            lambda action: Disconnected(action=action, times=2),
        ],
        ids=["throttled", "5xx", "disconnected"],
    )
    def test_requests_are_retried_after_a_transient_error(
        self, simulator: BatchSimulator, backend: BackendWithOptions, action: str, fault: Callable[[str], ApiFault]
    ) -> None:
        simulator.inject(fault(action))
        assert run_job(backend, GREETS).state is State.SUCCEEDED
        assert len(simulator.job_details()) == 1

    def test_at_most_a_hundred_jobs_are_described_in_one_request(self, simulator: BatchSimulator, scratch: str) -> None:
        simulator.inject(Stuck(status_reason=Stuck.CAPACITY))
        with batch_backend(scratch, config=fast(array_min_size=1000)) as backend:
            with backend.one_moment:
                ids = [backend.submit(replace(GREETS, key=ResultKey("greets", f"s{n}"))).job_id for n in range(130)]
            wait_for_status(backend, ids[-1], lambda status: "CAPACITY" in status.reason)
            wait_until(lambda: max(len(request["jobs"]) for request in simulator.payloads("DescribeJobs")) == 100)
            backend.poll(ids)

    def test_a_rejected_request_fails_the_job_with_a_sentence(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        status = run_job(backend, replace(GREETS, options=JobOptions(queue="nowhere")))
        assert (status.state, status.outcome) == (State.FAILED, Outcome.FAILED)
        assert_reason(status, r"AWS Batch rejects SubmitJob: .*Job queue nowhere does not exist\..*")

    def test_without_a_queue_the_error_names_the_setting(self, simulator: BatchSimulator, scratch: str) -> None:
        with batch_backend(scratch) as backend:
            backend.options = JobOptions(image="tools:1")
            assert run_job(backend, GREETS).reason.startswith("no job queue is set for AWS Batch: set `queue`")
