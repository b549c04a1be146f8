"""Nothing runs twice: answers that are lost, hosts that are killed, runs that want the same."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.launch.backend import State
from bioinfo_assets.launch.batch import backend as module
from bioinfo_assets.launch.batch import poller
from bioinfo_assets.launch.batch.claims import Claim, Claims
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.batch.machines import ended, opened, running, until
from bioinfo_assets_tests.launch.contract import TEXT, job, wait_until
from bioinfo_assets_tests.simulator import AnswerLost, Delays, ErrorAnswer, SlowAnswer

FINGERPRINT = "0123456789abcdef" * 4
OTHERS = [f"{n:x}" * 64 for n in range(8)]


@pytest.fixture
def starts(tmp_path):
    """A file in which each start of a script leaves a line, and a gate that the script waits at."""
    return tmp_path / "starts"


@pytest.fixture
def script(starts):
    return f"echo x >>{starts}; until [[ -e {starts}.go ]]; do sleep 0.02; done; printf 'hello\\n' >greeting.txt"


def greets(script):
    return job("greets", script, scope="s0", outputs=(TEXT,))


def go(starts):
    starts.with_suffix(".go").touch()


def count_starts(starts):
    return len(starts.read_text().splitlines()) if starts.exists() else 0


@pytest.fixture
def host(simulator, scratch):
    """Starts a host as a process of its own."""
    started = []

    def start(script, *fingerprints):
        command = [sys.executable, "-m", "bioinfo_assets_tests.launch.batch.host", scratch, "dead", script]
        process = subprocess.Popen([*command, *fingerprints], stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.stdout.close()
        process.wait()


def kill(process):
    process.kill()
    process.wait()


def is_over(status):
    return status.state.is_over


class TestALostAnswer:
    @pytest.mark.parametrize("listed_s", [0, 0.5])
    def test_of_a_submission_is_not_asked_for_by_submitting_again(self, simulator, backend, listed_s):
        simulator.delays = Delays(listed_s=listed_s)
        simulator.inject(AnswerLost(action="SubmitJob"))
        assert ended(backend, job("greets", outputs=(TEXT,))).state is State.SUCCEEDED
        assert (simulator.count("SubmitJob"), len(simulator.job_details())) == (1, 1)

    def test_of_an_array_neither(self, simulator, backend):
        simulator.inject(AnswerLost(action="SubmitJob"))
        ids = [backend.submit(job("greets", scope=f"s{n}", outputs=(TEXT,))).job_id for n in range(5)]
        assert {until(backend, one, is_over).state for one in ids} == {State.SUCCEEDED}
        assert simulator.count("SubmitJob") == 1

    def test_a_request_that_never_arrived_is_sent_again(self, simulator, backend):
        simulator.inject(ErrorAnswer(action="SubmitJob"))
        assert ended(backend, job("greets", outputs=(TEXT,))).state is State.SUCCEEDED
        assert (simulator.count("SubmitJob"), len(simulator.job_details())) == (2, 1)


class TestAHostThatWasKilled:
    def test_before_it_heard_the_answer_left_a_job_that_is_taken_over(self, simulator, scratch, host, script, starts):
        simulator.inject(SlowAnswer(action="SubmitJob", seconds=1.5))
        process = host(script, FINGERPRINT)
        wait_until(lambda: count_starts(starts), lambda count: count == 1)
        kill(process)
        assert Claims(Store(), scratch).read_note(Claims(Store(), scratch).read(FINGERPRINT).name) is None
        go(starts)
        with opened(scratch, "next") as backend:
            assert ended(backend, greets(script), FINGERPRINT).state is State.SUCCEEDED
        assert (simulator.count("SubmitJob"), count_starts(starts)) == (1, 1)

    def test_while_its_job_ran_loses_nothing(self, simulator, scratch, host, script, starts):
        process = host(script, FINGERPRINT)
        wait_until(process.stdout.readline, lambda line: line == "running\n")
        kill(process)
        claims = Claims(Store(), scratch)
        name = claims.read(FINGERPRINT).name
        assert claims.read_note(name).run_id == "dead"
        with opened(scratch, "next") as backend:
            job_id = backend.submit(greets(script), FINGERPRINT).job_id
            running(backend, job_id)
            assert claims.read_note(name).run_id == "next"
            go(starts)
            status = until(backend, job_id, is_over)
            assert Store().read_bytes(status.report.files[0].path) == b"hello\n"
            backend.discard(job_id)
        assert (simulator.count("SubmitJob"), count_starts(starts)) == (1, 1)
        assert [uri for uri in Store().list(scratch, recursive=True) if "/images/" not in uri] == []

    @pytest.mark.parametrize("is_forgotten", [False, True])
    def test_before_it_saw_the_end_loses_nothing(self, simulator, scratch, host, script, starts, is_forgotten):
        process = host(script, FINGERPRINT)
        wait_until(process.stdout.readline, lambda line: line == "running\n")
        kill(process)
        go(starts)
        wait_until(lambda: simulator.job_details()[0]["status"], lambda status: status == "SUCCEEDED")
        if is_forgotten:
            simulator.forget(simulator.job_details()[0]["jobId"])
        with opened(scratch, "next") as backend:
            assert ended(backend, greets(script), FINGERPRINT).state is State.SUCCEEDED
        assert (simulator.count("SubmitJob"), count_starts(starts)) == (1, 1)

    def test_as_it_published_has_the_job_run_again(self, simulator, scratch, s3):
        with opened(scratch, "one") as backend:
            status = ended(backend, job("greets", outputs=(TEXT,)), FINGERPRINT)
            Store().move(status.report.files[0].path, f"{s3}/results/greeting.txt")
        with opened(scratch, "next") as backend:
            status = ended(backend, job("greets", outputs=(TEXT,)), FINGERPRINT)
            assert Store().read_bytes(status.report.files[0].path) == b"hello\n"
        assert simulator.count("SubmitJob") == 2

    def test_with_an_array_loses_none_of_its_jobs(self, simulator, scratch, host, script, starts):
        process = host(script, *OTHERS[:5])
        wait_until(lambda: count_starts(starts), lambda count: count == 5)
        kill(process)
        go(starts)
        with opened(scratch, "next") as backend:
            ids = [
                backend.submit(job("greets", script, scope=f"s{n}", outputs=(TEXT,)), OTHERS[n]).job_id
                for n in range(5)
            ]
            assert {until(backend, one, is_over).state for one in ids} == {State.SUCCEEDED}
        assert (simulator.count("SubmitJob"), count_starts(starts)) == (1, 5)

    def test_jobs_of_an_array_that_were_taken_over_end_by_one_call(self, simulator, scratch, host, script, starts):
        process = host(script, *OTHERS[:5])
        wait_until(lambda: count_starts(starts), lambda count: count == 5)
        kill(process)
        with opened(scratch, "next") as backend:
            ids = [backend.submit(greets(script), OTHERS[n]).job_id for n in range(5)]
            until(backend, ids[0], lambda status: status.state is State.RUNNING)
            for one in ids:
                backend.cancel(one)
            assert {until(backend, one, is_over).state for one in ids} == {State.CANCELLED}
        assert simulator.count("TerminateJob") == 1


def claim_of(name, **changes):
    claim = Claim(
        name=name,
        queue="default",
        index=None,
        folder="s3://genomes/scratch/jobs/x/1",
        budget="run-0",
        submitted=datetime.now(UTC) - timedelta(hours=1),
    )
    return claim.model_copy(update=changes)


class TestAClaim:
    def test_without_a_job_is_passed_over(self, simulator, scratch, backend):
        Claims(Store(), scratch).write(FINGERPRINT, claim_of("bioinfo-assets-never-submitted"))
        assert ended(backend, job("greets", outputs=(TEXT,)), FINGERPRINT).state is State.SUCCEEDED

    def test_of_another_version_is_passed_over(self, simulator, scratch, backend):
        Store().write_bytes(f"{scratch}/claims/{FINGERPRINT}.json", b'{"was": "other"}')
        assert ended(backend, job("greets", outputs=(TEXT,)), FINGERPRINT).state is State.SUCCEEDED

    def test_of_a_failed_job_lets_it_be_submitted_anew(self, simulator, scratch):
        with opened(scratch, "one") as backend:
            assert ended(backend, job("breaks"), FINGERPRINT).state is State.FAILED
        with opened(scratch, "two") as backend:
            assert ended(backend, job("greets", outputs=(TEXT,)), FINGERPRINT).state is State.SUCCEEDED
        assert simulator.count("SubmitJob") == 2

    def test_of_a_failed_job_of_an_array_does_not_mean_the_array(self, simulator, scratch, starts):
        wait = f"until [[ -e {starts}.go ]]; do sleep 0.02; done"
        with opened(scratch, "one") as backend:
            ids = [backend.submit(job("sleeps", wait, scope=f"s{n}"), OTHERS[n]).job_id for n in range(4)]
            bad = backend.submit(job("sleeps", "exit 3", scope="bad"), FINGERPRINT).job_id
            # All five are one step; scripts differ, which an array does not mind.
            assert until(backend, bad, is_over).state is State.FAILED
            with opened(scratch, "two") as other:
                assert ended(other, job("greets", outputs=(TEXT,)), FINGERPRINT).state is State.SUCCEEDED
            go(starts)
            assert {until(backend, one, is_over).state for one in ids} == {State.SUCCEEDED}

    def test_of_a_job_that_is_being_ended_is_passed_over(self, simulator, scratch):
        deaf = "trap '' TERM; echo x; sleep 1"
        with opened(scratch, "one") as backend:
            running(backend, backend.submit(job("sleeps", deaf), FINGERPRINT).job_id)
        with opened(scratch, "two") as backend:
            assert ended(backend, job("greets", outputs=(TEXT,)), FINGERPRINT).state is State.SUCCEEDED


class TestTwoRunsThatWantTheSame:
    def test_share_one_job_and_both_get_its_result(self, simulator, scratch, script, starts):
        with opened(scratch, "one") as first, opened(scratch, "two") as second:
            one = first.submit(greets(script), FINGERPRINT).job_id
            running(first, one)
            two = second.submit(greets(script), FINGERPRINT).job_id
            running(second, two)
            go(starts)
            statuses = [until(first, one, is_over), until(second, two, is_over)]
            assert [status.state for status in statuses] == [State.SUCCEEDED] * 2
            first.discard(one)  # it lost the job: nothing is touched
            assert Store().read_bytes(statuses[1].report.files[0].path) == b"hello\n"
            second.discard(two)
            assert not Store().exists(statuses[1].report.files[0].path)
        assert (simulator.count("SubmitJob"), count_starts(starts)) == (1, 1)

    def test_the_first_does_not_end_what_the_second_waits_for(self, simulator, scratch, script, starts):
        with opened(scratch, "two") as second:
            with opened(scratch, "one") as first:
                one = first.submit(greets(script), FINGERPRINT).job_id
                running(first, one)
                two = second.submit(greets(script), FINGERPRINT).job_id
                running(second, two)
                first.cancel(one)
                status = until(first, one, is_over)
                assert (status.state, status.reason) == (State.CANCELLED, "another run has taken it over")
            go(starts)
            assert until(second, two, is_over).state is State.SUCCEEDED
        assert simulator.count("TerminateJob") == 0

    def test_ending_an_array_spares_the_job_that_another_run_took(self, simulator, scratch, script, starts):
        with opened(scratch, "two") as second:
            with opened(scratch, "one") as first:
                ids = [first.submit(greets(script), OTHERS[n]).job_id for n in range(5)]
                running(first, ids[0])
                two = second.submit(greets(script), OTHERS[0]).job_id
                running(second, two)
            go(starts)
            assert until(second, two, is_over).state is State.SUCCEEDED
        states = [one["status"] for one in simulator.job_details() if ":" in one["jobId"]]
        assert sorted(states) == ["FAILED"] * 4 + ["SUCCEEDED"]

    def test_one_that_comes_too_late_is_told_so(self, simulator, scratch, script, starts):
        with opened(scratch, "one") as first, opened(scratch, "two") as second:
            one = first.submit(greets(script), FINGERPRINT).job_id
            running(first, one)
            two = second.submit(greets(script), FINGERPRINT).job_id
            running(second, two)
            go(starts)
            until(second, two, is_over)
            second.discard(two)
            status = until(first, one, is_over)
        assert status.reason.startswith("step greets of s0 ended well, but what it made is gone: another run has taken")


class TestWhenS3Fails:
    def test_a_job_is_judged_at_a_later_look(self, simulator, backend, monkeypatch):
        real, failures = poller.read_report, [BioinfoAssetsError("S3 is busy")] * 3

        def flaky(*args):
            if failures:
                raise failures.pop()
            return real(*args)

        monkeypatch.setattr(poller, "read_report", flaky)
        assert ended(backend, job("greets", outputs=(TEXT,))).state is State.SUCCEEDED

    def test_a_defect_in_judging_one_job_leaves_the_others_alone(self, simulator, backend, monkeypatch):
        real = module.progress

        def defective(tracked, *args):
            if tracked.job.key.scope == "bad":
                raise RuntimeError("oops")
            return real(tracked, *args)

        monkeypatch.setattr(module, "progress", defective)
        bad = backend.submit(job("greets", scope="bad", outputs=(TEXT,))).job_id
        good = backend.submit(job("greets", outputs=(TEXT,))).job_id
        assert until(backend, good, is_over).state is State.SUCCEEDED
        assert until(backend, bad, is_over).reason == "defect in the batch backend: RuntimeError('oops')"
