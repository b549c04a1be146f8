"""Each way a job can end, and what is done about it."""

import re
from dataclasses import replace

import boto3
import pytest

from bioinfo_assets.launch.backend import State
from bioinfo_assets.launch.job import Input, StoredFile
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.batch.machines import FAST, ended, opened, running, until
from bioinfo_assets_tests.launch.contract import TEXT, job, wait_until
from bioinfo_assets_tests.simulator import (
    CannotInspectContainer,
    CannotPullContainer,
    Delays,
    Disconnected,
    DockerTimeout,
    ErrorAnswer,
    Forgotten,
    HostLost,
    NotStarted,
    OutOfMemory,
    SpotReclaim,
    Stuck,
    Throttled,
)

GREETS = job("greets", outputs=(TEXT,))
LOG = r"; its log is https://us-east-1\.console\.aws\.amazon\.com/cloudwatch/\S+"


def says(status, pattern):
    return re.fullmatch(pattern, status.reason) is not None or pytest.fail(status.reason)


def seen_reasons(backend, job_id):
    reasons = []

    def look():
        status = backend.poll([job_id])[job_id]
        if status.reason not in reasons:
            reasons.append(status.reason)
        return status

    return wait_until(look, lambda status: status.state.is_over, pause_s=0.02), reasons


class TestReclaimed:
    def test_a_spot_reclaim_is_retried_by_batch_and_told(self, simulator, backend):
        simulator.inject(SpotReclaim(attempt=1, after_line="begun"))
        simulator.delays = Delays(starting_s=0.2)
        slow = replace(GREETS, script=f"echo begun; sleep 0.5; {GREETS.script}")
        status, reasons = seen_reasons(backend, backend.submit(slow).job_id)
        assert (status.state, status.report.attempts) == (State.SUCCEEDED, 2)
        assert any(re.match(r"attempt 2 of 3 after: Host EC2 \(instance i-\w+\) terminated", said) for said in reasons)
        assert simulator.count("SubmitJob") == 1

    def test_one_that_is_reclaimed_again_and_again_is_told_so_with_what_to_do(self, simulator, backend):
        simulator.inject(SpotReclaim(after_line="begun"))
        status = ended(backend, job("sleeps", "echo begun; sleep 100"))
        assert (status.state, status.outcome) == (State.FAILED, Outcome.RECLAIMED)
        says(
            status,
            r"step sleeps of expt lost its machine in 3 attempts \(Host EC2 \(instance i-\w+\) terminated\.\): "
            r"run it again, or use a queue of on-demand machines" + LOG,
        )

    def test_work_that_was_done_before_the_machine_was_taken_counts(self, simulator, backend):
        # The first attempt did all, and was reclaimed as it ended; the others do not come to it.
        simulator.inject(SpotReclaim(attempt=1, after_line="ended with exit code 0"), SpotReclaim(attempt=2))
        simulator.inject(SpotReclaim(attempt=3))
        status = ended(backend, GREETS)
        assert status.state is State.SUCCEEDED
        assert Store().read_bytes(status.report.files[0].path) == b"hello\n"


class TestOutOfMemory:
    def test_it_is_submitted_again_with_twice_the_memory(self, simulator, backend):
        simulator.inject(OutOfMemory(below_mib=4096, after_line="begun"))
        greedy = replace(GREETS, script=f'echo begun; sleep 0.1; {GREETS.script}; fact had "$JOB_MEMORY_MIB"')
        status, reasons = seen_reasons(backend, backend.submit(greedy).job_id)
        assert (status.state, status.report.facts, status.report.attempts) == (State.SUCCEEDED, {"had": "4096"}, 3)
        assert "ran out of memory with 1024 MiB: submitted again with 2048 MiB (attempt 2 of 3)" in reasons
        assert "ran out of memory with 2048 MiB: submitted again with 4096 MiB (attempt 3 of 3)" in reasons

    def test_the_tries_of_batch_and_of_submissions_are_one_budget(self, simulator, backend):
        simulator.inject(SpotReclaim(attempt=1, after_line="begun"), OutOfMemory(attempt=2, after_line="begun"))
        simulator.inject(OutOfMemory(attempt=3, after_line="begun"))
        status = ended(backend, job("sleeps", "echo begun; sleep 0.3", options=JobOptions(retries=2)))
        # reclaimed, out of memory; submitted again for its one try that is left, in which Batch may not retry
        assert simulator.payloads("SubmitJob")[1]["retryStrategy"]["attempts"] == 1
        assert simulator.count("SubmitJob") == 2
        assert status.outcome is Outcome.RECLAIMED

    def test_a_cap_ends_it_with_a_sentence(self, simulator, scratch):
        simulator.inject(OutOfMemory(after_line="begun"))
        with opened(scratch, limits=replace(FAST, most_memory_mib=1500)) as backend:
            status = ended(backend, job("sleeps", "echo begun; sleep 100"))
        assert [dict_of(payload)["MEMORY"] for payload in simulator.payloads("SubmitJob")] == ["1024", "1500"]
        assert status.outcome is Outcome.OUT_OF_MEMORY
        says(status, r"step sleeps of expt ran out of memory with 1500 MiB: raise the step's memory_mib" + LOG)

    def test_javas_own_word_for_it_counts(self, simulator, backend):
        script = "echo 'Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space' >&2; exit 1"
        status = ended(backend, job("breaks", script))
        assert status.outcome is Outcome.OUT_OF_MEMORY
        assert [dict_of(payload)["MEMORY"] for payload in simulator.payloads("SubmitJob")] == ["1024", "2048", "4096"]


def dict_of(payload):
    return {need["type"]: need["value"] for need in payload["containerOverrides"]["resourceRequirements"]}


class TestImage:
    def test_an_image_that_cannot_be_pulled_is_tried_again_and_told(self, simulator, backend):
        simulator.inject(CannotPullContainer())
        status = ended(backend, GREETS)
        assert (status.state, status.outcome) == (State.FAILED, Outcome.IMAGE_MISSING)
        says(
            status,
            r"step greets of expt could not get its image tools:1 in 3 attempts \(CannotPullContainerError: .*\): "
            r"check the image setting, that it was pushed, and that the execution role may pull it",
        )

    def test_a_registry_that_fails_once_is_got_over(self, simulator, backend):
        simulator.inject(CannotPullContainer(attempt=1))
        assert ended(backend, GREETS).report.attempts == 2


class TestAgent:
    def test_an_agent_that_timed_out_is_tried_again(self, simulator, backend):
        simulator.inject(DockerTimeout(attempt=1))
        assert (ended(backend, GREETS).report.attempts, simulator.count("SubmitJob")) == (2, 1)

    def test_a_job_that_did_its_work_succeeded_whatever_the_agent_saw(self, simulator, backend):
        simulator.inject(CannotInspectContainer())
        assert ended(backend, GREETS).state is State.SUCCEEDED

    def test_a_container_that_does_not_start_is_lost_with_the_agents_words(self, simulator, backend):
        simulator.inject(NotStarted())
        status = ended(backend, GREETS)
        assert status.outcome is Outcome.LOST
        assert status.reason == (
            "step greets of expt was lost (CannotStartContainerError: Error response from daemon): run it again"
        )


class TestUnschedulable:
    def test_a_misconfiguration_fails_fast_with_batchs_word(self, simulator, backend):
        simulator.inject(Stuck(status_reason=Stuck.MAX_RESOURCE))
        status = ended(backend, GREETS)
        assert (status.state, status.outcome) == (State.FAILED, Outcome.UNSCHEDULABLE)
        assert status.reason == (
            f"step greets of expt found no machine: {Stuck.MAX_RESOURCE}: check the queue's compute environments, or "
            "ask for fewer vcpus, less memory or no GPU"
        )

    def test_a_lack_of_machines_is_shown_and_waited_for(self, simulator, backend):
        stuck = Stuck(status_reason=Stuck.CAPACITY)
        simulator.inject(stuck)
        job_id = backend.submit(GREETS).job_id
        until(backend, job_id, lambda status: status.reason == f"RUNNABLE {Stuck.CAPACITY}")
        simulator.withdraw(stuck)
        assert until(backend, job_id, lambda status: status.state.is_over).state is State.SUCCEEDED

    def test_but_not_for_ever(self, simulator, scratch):
        simulator.inject(Stuck(status_reason=Stuck.CAPACITY))
        with opened(scratch, limits=replace(FAST, wait_s=0.5)) as backend:
            status = ended(backend, GREETS)
        assert status.outcome is Outcome.UNSCHEDULABLE
        assert status.reason.startswith("step greets of expt found no machine: it waited ")
        assert simulator.count("TerminateJob") == 1


class TestEnded:
    def test_someone_terminates_a_running_job_in_the_console(self, simulator, backend):
        job_id = backend.submit(job("sleeps")).job_id
        running(backend, job_id)
        terminate(simulator, "too costly")
        status = until(backend, job_id, lambda status: status.state.is_over)
        assert (status.state, status.outcome) == (State.CANCELLED, Outcome.KILLED)
        says(status, r"step sleeps of expt was ended \(too costly\): run it again if that was not meant" + LOG)

    def test_someone_terminates_a_waiting_job_in_the_console(self, simulator, backend):
        simulator.inject(Stuck(status_reason=Stuck.CAPACITY))
        job_id = backend.submit(job("sleeps")).job_id
        until(backend, job_id, lambda status: "CAPACITY" in status.reason)
        terminate(simulator, "too costly")
        assert until(backend, job_id, lambda status: status.state.is_over).outcome is Outcome.KILLED

    def test_a_job_that_succeeded_before_its_cancel_came_stays_succeeded(self, simulator, scratch):
        with opened(scratch, limits=replace(FAST, poll_s=0.5)) as backend:
            job_id = backend.submit(GREETS).job_id
            wait_until(lambda: [one["status"] for one in simulator.job_details()], lambda all_: all_ == ["SUCCEEDED"])
            backend.cancel(job_id)
            assert until(backend, job_id, lambda status: status.state.is_over).state is State.SUCCEEDED

    def test_a_cancel_before_the_submission_submits_nothing(self, simulator, scratch):
        with opened(scratch, limits=replace(FAST, gather_s=0.5)) as backend:
            job_id = backend.submit(GREETS).job_id
            backend.cancel(job_id)
            status = until(backend, job_id, lambda status: status.state.is_over)
        assert (status.state, status.reason) == (State.CANCELLED, "cancelled before it started")
        assert simulator.count("SubmitJob") == 0

    def test_a_cancel_while_it_is_submitted_again_with_more_memory_holds(self, simulator, scratch):
        simulator.inject(OutOfMemory(after_line="begun"))
        with opened(scratch, limits=replace(FAST, gather_s=0.4)) as backend:
            job_id = backend.submit(job("sleeps", "echo begun; sleep 100")).job_id
            until(backend, job_id, lambda status: "submitted again" in status.reason)
            backend.cancel(job_id)
            assert until(backend, job_id, lambda status: status.state.is_over).state is State.CANCELLED
        assert simulator.count("SubmitJob") == 1

    def test_a_cancel_that_batch_does_not_hear_is_said_again(self, simulator, backend):
        job_id = backend.submit(job("sleeps")).job_id
        running(backend, job_id)
        simulator.inject(ErrorAnswer(action="TerminateJob", status=400, code="ClientException", times=2))
        backend.cancel(job_id)
        assert until(backend, job_id, lambda status: status.state.is_over).state is State.CANCELLED


def terminate(simulator, reason):
    batch = boto3.client("batch")
    batch.terminate_job(jobId=simulator.job_details()[0]["jobId"], reason=reason)
    batch.close()


class TestTimedOut:
    def test_the_time_limit_is_batchs(self, simulator, backend):
        status = ended(backend, job("sleeps", options=JobOptions(timeout_s=60)))
        assert (status.state, status.outcome) == (State.FAILED, Outcome.TIMED_OUT)
        says(status, r"step sleeps of expt took longer than its 60 s: raise the step's timeout_s" + LOG)
        assert len(simulator.job_details()) == 1


class TestForgotten:
    def test_a_job_that_batch_forgot_succeeded_if_its_report_says_so(self, simulator, backend):
        simulator.inject(Forgotten())
        status = ended(backend, GREETS)
        assert (status.state, len(status.report.files)) == (State.SUCCEEDED, 1)

    def test_else_it_is_lost(self, simulator, backend):
        simulator.inject(HostLost(after_line="begun"))
        job_id = backend.submit(job("sleeps", "echo begun; sleep 100")).job_id
        running(backend, job_id)
        simulator.forget(simulator.job_details()[0]["jobId"])
        status = until(backend, job_id, lambda status: status.state.is_over)
        assert (status.state, status.outcome) == (State.FAILED, Outcome.LOST)
        assert status.reason == "step sleeps of expt was lost (Batch does not know the job any more): run it again"

    def test_a_job_that_is_not_told_of_yet_is_waited_for(self, simulator, backend):
        simulator.delays = Delays(described_s=0.5)
        assert ended(backend, GREETS).state is State.SUCCEEDED


class TestTheService:
    def test_a_script_of_any_size_goes_through_s3(self, simulator, backend, s3):
        Store().write_bytes(f"{s3}/in/x", b"x\n")
        inputs = tuple(Input(f"in{n}.txt", StoredFile(f"{s3}/in/x", 2, f"sha256:{n}")) for n in range(500))
        script = f"# {'x' * 50_000}\ncat in*.txt | wc -l >greeting.txt"
        some = replace(GREETS, script=script, inputs=inputs[:20])
        status = ended(backend, some)
        assert status.state is State.SUCCEEDED
        backend.submit(replace(some, inputs=inputs))
        wait_until(lambda: simulator.count("SubmitJob"), lambda count: count == 2)
        assert all(len(str(one["containerOverrides"])) < 2500 for one in simulator.payloads("SubmitJob"))

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
    def test_a_service_that_fails_for_a_moment_is_asked_again(self, simulator, backend, action, fault):
        simulator.inject(fault(action))
        assert ended(backend, GREETS).state is State.SUCCEEDED
        assert len(simulator.job_details()) == 1

    def test_more_than_a_hundred_jobs_are_asked_for_in_parts(self, simulator, scratch):
        simulator.inject(Stuck(status_reason=Stuck.CAPACITY))
        with opened(scratch, limits=replace(FAST, arrays_from=1000)) as backend:
            ids = [backend.submit(replace(GREETS, scope=f"s{n}")).job_id for n in range(130)]
            until(backend, ids[-1], lambda status: "CAPACITY" in status.reason)
            wait_until(lambda: max(len(one["jobs"]) for one in simulator.payloads("DescribeJobs")), lambda n: n == 100)
            backend.poll(ids)

    def test_a_request_that_is_refused_is_told_without_a_traceback(self, simulator, backend):
        status = ended(backend, replace(GREETS, options=JobOptions(queue="nowhere")))
        assert (status.state, status.outcome) == (State.FAILED, Outcome.FAILED)
        says(status, r"AWS Batch refuses SubmitJob: .*Job queue nowhere does not exist\..*")

    def test_without_a_queue_the_setting_is_named(self, simulator, scratch):
        with opened(scratch) as backend:
            backend.options = JobOptions(image="tools:1")
            assert ended(backend, GREETS).reason.startswith("no job queue is set for AWS Batch: set `queue`")
