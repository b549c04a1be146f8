"""No job runs twice: lost answers, killed hosts, and runs that need the same result."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.launch.backend import State
from bioinfo_assets.launch.batch import attempt_report, preparation
from bioinfo_assets.launch.batch import backend as backend_module
from bioinfo_assets.launch.batch import poller as poller_module
from bioinfo_assets.launch.batch.adoption import Claim, Claims, SubmissionNote
from bioinfo_assets.launch.batch.attempt_report import AttemptReport
from bioinfo_assets.launch.batch.batch_job import BatchJob, JobState
from bioinfo_assets.launch.batch.poller import Progress
from bioinfo_assets.launch.batch.preparation import JobPreparer
from bioinfo_assets.launch.batch.scratch_paths import ScratchPaths
from bioinfo_assets.launch.job import Job
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.batch.batch_backend import (
    BackendWithOptions,
    batch_backend,
    fast,
    run_job,
    until_interrupted,
    wait_for_running,
)
from bioinfo_assets_tests.launch.contract import TEXT, job, report_of, wait_for_end, wait_for_status
from bioinfo_assets_tests.simulator import (
    AnswerLost,
    BatchSimulator,
    Delays,
    Denied,
    ErrorAnswer,
    Expired,
    OutOfMemory,
    SlowAnswer,
    SpotReclaim,
)
from bioinfo_assets_tests.waiting import wait_until

FINGERPRINT = "0123456789abcdef" * 4
OTHERS = [f"{n:x}" * 64 for n in range(8)]


@pytest.fixture
def starts(tmp_path: Path) -> Path:
    """A file to which each start of the script appends a line; next to it is the gate that the script waits for."""
    return tmp_path / "starts"


@pytest.fixture
def script(starts: Path) -> str:
    return f"echo x >>{starts}; until [[ -e {starts}.go ]]; do sleep 0.02; done; printf 'hello\\n' >greeting.txt"


def greets(script: str) -> Job:
    return job("greets", script, scope="s0", outputs=(TEXT,))


def open_gate(starts: Path) -> None:
    starts.with_suffix(".go").touch()


def count_starts(starts: Path) -> int:
    return len(starts.read_text().splitlines()) if starts.exists() else 0


@pytest.fixture
def host(simulator: BatchSimulator, scratch: str) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a host as a process of its own."""
    processes: list[subprocess.Popen[str]] = []

    def start(script: str, *fingerprints: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "bioinfo_assets_tests.launch.batch.submitting_host", scratch, "dead", script]
        process = subprocess.Popen([*command, *fingerprints], stdout=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        kill(process)
        if process.stdout is not None:
            process.stdout.close()


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()


def wait_for_line(process: "subprocess.Popen[str]", line: str) -> None:
    """Read the output of a host until it prints a line."""
    assert process.stdout is not None
    assert line in iter(process.stdout.readline, "")


class TestLostAnswer:
    @pytest.mark.parametrize("listed_s", [0, 0.5])
    def test_a_job_whose_submission_was_not_answered_is_found_instead_of_submitted_again(
        self, simulator: BatchSimulator, backend: BackendWithOptions, listed_s: float
    ) -> None:
        simulator.delays = Delays(listed_s=listed_s)
        simulator.inject(AnswerLost(action="SubmitJob"))
        assert run_job(backend, job("greets", outputs=(TEXT,))).state is State.SUCCEEDED
        assert (simulator.count("SubmitJob"), len(simulator.job_details())) == (1, 1)

    def test_an_array_whose_submission_was_not_answered_is_found(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(AnswerLost(action="SubmitJob"))
        with backend.one_moment:
            ids = [backend.submit(job("greets", scope=f"s{n}", outputs=(TEXT,))).job_id for n in range(5)]
        assert {wait_for_end(backend, job_id).state for job_id in ids} == {State.SUCCEEDED}
        assert simulator.count("SubmitJob") == 1

    def test_two_jobs_of_one_submission_that_was_never_listed_do_not_share_a_folder(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        """The answer is lost, and the job is listed after the timeout of a second: it is submitted again."""
        simulator.delays = Delays(listed_s=30)
        simulator.inject(AnswerLost(action="SubmitJob"))
        script = "printf 'hello\\n' >greeting.txt; sleep 0.5"
        status = run_job(backend, job("greets", script, outputs=(TEXT,)))
        details = simulator.job_details()
        assert len({detail["jobName"] for detail in details}) == 1
        assert len(details) == 2
        assert details[1]["jobId"] in report_of(status).files[0].path
        assert Store().read_bytes(report_of(status).files[0].path) == b"hello\n"

    def test_a_submission_that_failed_is_repeated(self, simulator: BatchSimulator, backend: BackendWithOptions) -> None:
        simulator.inject(ErrorAnswer(action="SubmitJob"))
        assert run_job(backend, job("greets", outputs=(TEXT,))).state is State.SUCCEEDED
        assert (simulator.count("SubmitJob"), len(simulator.job_details())) == (2, 1)


class TestKilledHost:
    def test_a_job_is_adopted_whose_host_died_before_the_answer(
        self,
        simulator: BatchSimulator,
        scratch: str,
        host: Callable[..., subprocess.Popen[str]],
        script: str,
        starts: Path,
    ) -> None:
        simulator.inject(SlowAnswer(action="SubmitJob", seconds=60))
        process = host(script, FINGERPRINT)
        wait_until(lambda: count_starts(starts) == 1)
        kill(process)
        assert read_note(claims_of(scratch)) is None
        open_gate(starts)
        with batch_backend(scratch, "next") as backend:
            assert run_job(backend, greets(script), FINGERPRINT).state is State.SUCCEEDED
        assert (simulator.count("SubmitJob"), count_starts(starts)) == (1, 1)

    def test_a_job_is_adopted_whose_host_died_while_it_ran(
        self,
        simulator: BatchSimulator,
        scratch: str,
        host: Callable[..., subprocess.Popen[str]],
        script: str,
        starts: Path,
    ) -> None:
        process = host(script, FINGERPRINT)
        wait_for_line(process, "running\n")
        kill(process)
        claims = claims_of(scratch)
        assert waiting_run(claims) == "dead"
        with batch_backend(scratch, "next") as backend:
            job_id = backend.submit(greets(script), FINGERPRINT).job_id
            wait_for_running(backend, job_id)
            assert waiting_run(claims) == "next"
            open_gate(starts)
            status = wait_for_end(backend, job_id)
            assert Store().read_bytes(report_of(status).files[0].path) == b"hello\n"
            backend.discard(job_id)
        assert (simulator.count("SubmitJob"), count_starts(starts)) == (1, 1)
        assert {uri.split("/")[-2] for uri in Store().list(scratch, recursive=True)} == {"queues"}

    @pytest.mark.parametrize("is_forgotten", [False, True])
    def test_a_job_is_adopted_whose_host_died_before_its_end(
        self,
        simulator: BatchSimulator,
        scratch: str,
        host: Callable[..., subprocess.Popen[str]],
        script: str,
        starts: Path,
        *,
        is_forgotten: bool,
    ) -> None:
        process = host(script, FINGERPRINT)
        wait_for_line(process, "running\n")
        kill(process)
        open_gate(starts)
        wait_until(lambda: simulator.job_details()[0]["status"] == "SUCCEEDED")
        if is_forgotten:
            simulator.forget(simulator.job_details()[0]["jobId"])
        with batch_backend(scratch, "next") as backend:
            assert run_job(backend, greets(script), FINGERPRINT).state is State.SUCCEEDED
        assert (simulator.count("SubmitJob"), count_starts(starts)) == (1, 1)

    def test_a_job_runs_again_whose_host_died_while_it_published(
        self, simulator: BatchSimulator, scratch: str, s3: str
    ) -> None:
        with batch_backend(scratch, "one") as backend:
            status = run_job(backend, job("greets", outputs=(TEXT,)), FINGERPRINT)
            Store().move(report_of(status).files[0].path, f"{s3}/results/greeting.txt")
        with batch_backend(scratch, "next") as backend:
            status = run_job(backend, job("greets", outputs=(TEXT,)), FINGERPRINT)
            assert Store().read_bytes(report_of(status).files[0].path) == b"hello\n"
        assert simulator.count("SubmitJob") == 2

    def test_the_jobs_of_an_array_are_adopted(
        self,
        simulator: BatchSimulator,
        scratch: str,
        host: Callable[..., subprocess.Popen[str]],
        script: str,
        starts: Path,
    ) -> None:
        process = host(script, *OTHERS[:5])
        wait_until(lambda: count_starts(starts) == 5)
        kill(process)
        open_gate(starts)
        with batch_backend(scratch, "next") as backend:
            ids = [
                backend.submit(job("greets", script, scope=f"s{n}", outputs=(TEXT,)), OTHERS[n]).job_id
                for n in range(5)
            ]
            assert {wait_for_end(backend, job_id).state for job_id in ids} == {State.SUCCEEDED}
        assert (simulator.count("SubmitJob"), count_starts(starts)) == (1, 5)

    def test_the_adopted_jobs_of_an_array_are_terminated_in_one_call(
        self,
        simulator: BatchSimulator,
        scratch: str,
        host: Callable[..., subprocess.Popen[str]],
        script: str,
        starts: Path,
    ) -> None:
        process = host(script, *OTHERS[:5])
        wait_until(lambda: count_starts(starts) == 5)
        kill(process)
        with batch_backend(scratch, "next") as backend:
            with backend.one_moment:
                ids = [backend.submit(greets(script), OTHERS[n]).job_id for n in range(5)]
            wait_for_status(backend, ids[0], lambda status: status.state is State.RUNNING)
            for job_id in ids:
                backend.cancel(job_id)
            assert {wait_for_end(backend, job_id).state for job_id in ids} == {State.CANCELLED}
        assert simulator.count("TerminateJob") == 1


def claims_of(scratch: str) -> Claims:
    return Claims(Store(), ScratchPaths(scratch))


def read_note(claims: Claims) -> SubmissionNote | None:
    claim = claims.read(FINGERPRINT)
    assert claim is not None
    return claims.read_note(claim.name)


def waiting_run(claims: Claims) -> str:
    note = read_note(claims)
    assert note is not None
    return note.run_id


def old_claim(name: str) -> Claim:
    return Claim(
        name=name,
        queue="default",
        index=None,
        folder="s3://genomes/scratch/jobs/x/1",
        budget="run-0",
        submitted=datetime.now(UTC) - timedelta(hours=1),
    )


class TestClaim:
    def test_a_claim_without_a_job_is_ignored(
        self, simulator: BatchSimulator, scratch: str, backend: BackendWithOptions
    ) -> None:
        claims_of(scratch).write(FINGERPRINT, old_claim("bioinfo-assets-never-submitted"))
        assert run_job(backend, job("greets", outputs=(TEXT,)), FINGERPRINT).state is State.SUCCEEDED

    def test_a_claim_of_another_version_is_ignored(
        self, simulator: BatchSimulator, scratch: str, backend: BackendWithOptions
    ) -> None:
        Store().write_bytes(f"{scratch}/claims/{FINGERPRINT}.json", b'{"was": "other"}')
        assert run_job(backend, job("greets", outputs=(TEXT,)), FINGERPRINT).state is State.SUCCEEDED

    def test_a_failed_job_is_submitted_again(self, simulator: BatchSimulator, scratch: str) -> None:
        with batch_backend(scratch, "one") as backend:
            assert run_job(backend, job("breaks"), FINGERPRINT).state is State.FAILED
        with batch_backend(scratch, "two") as backend:
            assert run_job(backend, job("greets", outputs=(TEXT,)), FINGERPRINT).state is State.SUCCEEDED
        assert simulator.count("SubmitJob") == 2

    def test_a_failed_job_of_an_array_is_submitted_again_while_the_others_run(
        self, simulator: BatchSimulator, scratch: str, starts: Path
    ) -> None:
        wait = f"until [[ -e {starts}.go ]]; do sleep 0.02; done"
        with batch_backend(scratch, "one") as backend:
            with backend.one_moment:
                ids = [backend.submit(job("sleeps", wait, scope=f"s{n}"), OTHERS[n]).job_id for n in range(4)]
            bad = backend.submit(job("sleeps", "exit 3", scope="bad"), FINGERPRINT).job_id
            # All five are in one array, although their scripts differ.
            assert wait_for_end(backend, bad).state is State.FAILED
            with batch_backend(scratch, "two") as other:
                assert run_job(other, job("greets", outputs=(TEXT,)), FINGERPRINT).state is State.SUCCEEDED
            open_gate(starts)
            assert {wait_for_end(backend, job_id).state for job_id in ids} == {State.SUCCEEDED}

    def test_a_job_that_is_being_terminated_is_not_adopted(
        self, simulator: BatchSimulator, scratch: str, tmp_path: Path
    ) -> None:
        end = tmp_path / "end"
        deaf = f"trap '' TERM; echo x; until [[ -e {end} ]]; do sleep 0.1; done"
        with batch_backend(scratch, "one") as backend:
            wait_for_running(backend, backend.submit(job("sleeps", deaf), FINGERPRINT).job_id)
        with batch_backend(scratch, "two") as backend:
            assert run_job(backend, job("greets", outputs=(TEXT,)), FINGERPRINT).state is State.SUCCEEDED
        end.touch()


def run_in_both(first: BackendWithOptions, second: BackendWithOptions, script: str) -> tuple[str, str]:
    """Submit the same job in two runs, the second once it runs for the first; return the id in each."""
    first_id = first.submit(greets(script), FINGERPRINT).job_id
    wait_for_running(first, first_id)
    second_id = second.submit(greets(script), FINGERPRINT).job_id
    wait_for_running(second, second_id)
    return first_id, second_id


class TestTwoHostsAtOnce:
    """Both submit the same jobs at the same moment, and neither sees a claim before."""

    @pytest.mark.parametrize("count", [1, 6], ids=["one job", "an array"])
    def test_each_job_starts_once_and_both_get_its_result(
        self, simulator: BatchSimulator, scratch: str, starts: Path, count: int
    ) -> None:
        script = f"echo x >>{starts}; printf 'hello\\n' >greeting.txt"
        with batch_backend(scratch, "one") as first, batch_backend(scratch, "two") as second:
            ids = [
                (backend, backend.submit(job("greets", script, scope=f"s{n}", outputs=(TEXT,)), OTHERS[n]).job_id)
                for n in range(count)
                for backend in (first, second)
            ]
            assert {wait_for_end(backend, job_id).state for backend, job_id in ids} == {State.SUCCEEDED}
        assert count_starts(starts) == count

    def test_a_claim_whose_run_prepares_its_submission_is_waited_for(
        self, simulator: BatchSimulator, scratch: str, backend: BackendWithOptions
    ) -> None:
        claims = claims_of(scratch)
        pending = old_claim("").model_copy(update={"submitted": datetime.now(UTC)})
        assert claims.try_to_claim(FINGERPRINT, pending, None)
        job_id = backend.submit(job("greets", outputs=(TEXT,)), FINGERPRINT).job_id
        wait_for_status(backend, job_id, lambda status: status.reason == "another run is submitting the same job")
        claims.delete(FINGERPRINT)  # that run has failed before it submitted the job
        assert wait_for_end(backend, job_id).state is State.SUCCEEDED

    def test_a_claim_whose_run_died_while_it_prepared_its_submission_is_taken_over(
        self, simulator: BatchSimulator, scratch: str, backend: BackendWithOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(preparation, "PREPARATION_TIMEOUT_S", 1.0)
        assert claims_of(scratch).try_to_claim(FINGERPRINT, old_claim(""), None)
        assert run_job(backend, job("greets", outputs=(TEXT,)), FINGERPRINT).state is State.SUCCEEDED

    def test_a_run_that_may_be_calling_submit_job_is_waited_for(
        self, simulator: BatchSimulator, scratch: str, backend: BackendWithOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Throttled, it repeats the call for minutes, and Batch lists no job of that name yet."""
        claim = old_claim("bioinfo-assets-being-submitted").model_copy(update={"submitted": datetime.now(UTC)})
        claims_of(scratch).write(FINGERPRINT, claim)
        job_id = backend.submit(job("greets", outputs=(TEXT,)), FINGERPRINT).job_id
        wait_for_status(backend, job_id, lambda status: status.reason == "another run is submitting the same job")
        assert simulator.count("SubmitJob") == 0
        monkeypatch.setattr(preparation, "SUBMISSION_TIMEOUT_S", 0.5)  # it has died
        assert wait_for_end(backend, job_id).state is State.SUCCEEDED

    def test_a_run_that_was_suspended_does_not_submit_what_another_has_taken_over(
        self, simulator: BatchSimulator, scratch: str, backend: BackendWithOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        claims, renew, taken_over = claims_of(scratch), JobPreparer.renew, threading.Event()
        theirs = old_claim("").model_copy(update={"submitted": datetime.now(UTC)})

        def renew_after_suspension(preparer: JobPreparer, own: BatchJob) -> bool:
            if not taken_over.is_set():
                claims.write(FINGERPRINT, theirs)
                taken_over.set()
            return renew(preparer, own)

        monkeypatch.setattr(preparation, "RENEWAL_AGE_S", 0.0)
        monkeypatch.setattr(JobPreparer, "renew", renew_after_suspension)
        job_id = backend.submit(job("greets", outputs=(TEXT,)), FINGERPRINT).job_id
        wait_for_status(backend, job_id, lambda status: status.reason == "another run is submitting the same job")
        assert (simulator.count("SubmitJob"), claims.read(FINGERPRINT)) == (0, theirs)
        claims.delete(FINGERPRINT)
        assert wait_for_end(backend, job_id).state is State.SUCCEEDED

    def test_a_job_that_batch_rejects_leaves_no_claim(
        self, simulator: BatchSimulator, scratch: str, backend: BackendWithOptions
    ) -> None:
        simulator.inject(Denied(action="SubmitJob"))
        assert run_job(backend, job("greets", outputs=(TEXT,)), FINGERPRINT).state is State.FAILED
        assert claims_of(scratch).find(FINGERPRINT) is None

    def test_a_job_whose_result_was_published_meanwhile_is_not_submitted(
        self, simulator: BatchSimulator, scratch: str, backend: BackendWithOptions
    ) -> None:
        job_id = backend.submit(job("greets", outputs=(TEXT,)), FINGERPRINT, lambda: True).job_id
        status = wait_for_end(backend, job_id)
        assert (status.state, status.reason) == (State.CANCELLED, "another run has published its result")
        assert simulator.count("SubmitJob") == 0
        assert claims_of(scratch).find(FINGERPRINT) is None

    @pytest.mark.parametrize("ends", ["out of memory", "reclaimed"])
    def test_a_job_that_both_wait_for_is_submitted_again_once(
        self, simulator: BatchSimulator, scratch: str, starts: Path, ends: str
    ) -> None:
        times = {"out of memory": 1, "reclaimed": 2}[ends]
        begins = until_interrupted("echo begun", starts.with_suffix(".begun"), times)
        gate = f"until [[ -e {starts}.go ]]; do sleep 0.02; done"
        script = f"{gate}; {begins}; echo x >>{starts}; printf 'hello\\n' >greeting.txt"
        fault = OutOfMemory(below_mib=2048, after_line="begun")
        simulator.inject(fault if ends == "out of memory" else SpotReclaim(queue="default", after_line="begun"))
        options: dict[str, Any] = {"fallback_queue": "on-demand"}
        with batch_backend(scratch, "one", **options) as first, batch_backend(scratch, "two", **options) as second:
            ids = [(backend, backend.submit(greets(script), FINGERPRINT).job_id) for backend in (first, second)]
            for backend, job_id in ids:
                wait_for_running(backend, job_id)
            open_gate(starts)
            assert [wait_for_end(backend, job_id).state for backend, job_id in ids] == [State.SUCCEEDED] * 2
        assert (simulator.count("SubmitJob"), count_starts(starts)) == (2, 1)

    def test_a_job_that_one_run_cancels_is_submitted_again_for_the_other(
        self, simulator: BatchSimulator, scratch: str, script: str, starts: Path
    ) -> None:
        with batch_backend(scratch, "one") as first:
            first_id = first.submit(greets(script), FINGERPRINT).job_id
            wait_for_running(first, first_id)
            with batch_backend(scratch, "two") as second:
                second_id = second.submit(greets(script), FINGERPRINT).job_id
                wait_for_running(second, second_id)
                second.cancel(second_id)
                assert wait_for_end(second, second_id).state is State.CANCELLED
            open_gate(starts)
            assert wait_for_end(first, first_id).state is State.SUCCEEDED
        assert simulator.count("SubmitJob") == 2

    def test_no_claim_is_left_by_a_run_that_is_closed_while_it_prepares(
        self, simulator: BatchSimulator, scratch: str
    ) -> None:
        with batch_backend(scratch, config=fast(batching_delay_s=0.01)) as backend:
            for n in range(8):
                backend.submit(job("greets", scope=f"s{n}", outputs=(TEXT,)), OTHERS[n])
        assert [n for n in range(8) if (claim := claims_of(scratch).read(OTHERS[n])) and not claim.name] == []

    def test_no_claim_is_left_by_a_job_that_is_cancelled_while_it_is_submitted(
        self, simulator: BatchSimulator, scratch: str, backend: BackendWithOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, is_written, goes_on = Store.write_bytes, threading.Event(), threading.Event()

        def write(store: Store, uri: str, data: bytes) -> None:
            if "/claims/" not in uri:
                is_written.set()
                assert goes_on.wait(30)
            real(store, uri, data)

        monkeypatch.setattr(Store, "write_bytes", write)
        job_id = backend.submit(job("greets", outputs=(TEXT,)), FINGERPRINT).job_id
        assert is_written.wait(30)
        backend.cancel(job_id)
        goes_on.set()
        assert wait_for_end(backend, job_id).state is State.CANCELLED
        assert simulator.count("SubmitJob") == 0
        assert claims_of(scratch).find(FINGERPRINT) is None


class TestUnreachable:
    def test_a_job_is_submitted_once_credentials_are_valid_again(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(Expired(action="SubmitJob", times=2))
        job_id = backend.submit(job("greets", outputs=(TEXT,)), FINGERPRINT).job_id
        wait_for_status(backend, job_id, lambda status: "cannot be submitted for the moment" in status.reason)
        assert wait_for_end(backend, job_id).state is State.SUCCEEDED
        assert len(simulator.job_details()) == 1

    def test_a_job_that_cannot_be_submitted_for_long_fails(self, simulator: BatchSimulator, scratch: str) -> None:
        simulator.inject(Expired(action="SubmitJob", times=-1))
        with batch_backend(scratch, config=fast(poll_error_timeout_s=1.0)) as backend:
            status = run_job(backend, job("greets", outputs=(TEXT,)), FINGERPRINT)
        assert status.state is State.FAILED
        assert "expired; renew your credentials" in status.reason


class TestTwoRunsOfOneResult:
    def test_both_runs_share_one_job_and_get_its_result(
        self, simulator: BatchSimulator, scratch: str, script: str, starts: Path
    ) -> None:
        with batch_backend(scratch, "one") as first, batch_backend(scratch, "two") as second:
            first_id, second_id = run_in_both(first, second, script)
            open_gate(starts)
            statuses = [wait_for_end(first, first_id), wait_for_end(second, second_id)]
            assert [status.state for status in statuses] == [State.SUCCEEDED] * 2
            first.discard(first_id)  # no longer its own job: nothing is deleted
            assert Store().read_bytes(report_of(statuses[1]).files[0].path) == b"hello\n"
            second.discard(second_id)
            assert not Store().exists(report_of(statuses[1]).files[0].path)
        assert (simulator.count("SubmitJob"), count_starts(starts)) == (1, 1)

    def test_the_first_run_does_not_terminate_a_job_that_the_second_waits_for(
        self, simulator: BatchSimulator, scratch: str, script: str, starts: Path
    ) -> None:
        with batch_backend(scratch, "two") as second:
            with batch_backend(scratch, "one") as first:
                first_id, second_id = run_in_both(first, second, script)
                first.cancel(first_id)
                status = wait_for_end(first, first_id)
                assert (status.state, status.reason) == (State.CANCELLED, "adopted by another run")
            open_gate(starts)
            assert wait_for_end(second, second_id).state is State.SUCCEEDED
        assert simulator.count("TerminateJob") == 0

    def test_terminating_an_array_spares_the_job_that_another_run_has_adopted(
        self, simulator: BatchSimulator, scratch: str, script: str, starts: Path
    ) -> None:
        with batch_backend(scratch, "two") as second:
            with batch_backend(scratch, "one") as first:
                with first.one_moment:
                    ids = [first.submit(greets(script), OTHERS[n]).job_id for n in range(5)]
                wait_for_running(first, ids[0])
                second_id = second.submit(greets(script), OTHERS[0]).job_id
                wait_for_running(second, second_id)
            open_gate(starts)
            assert wait_for_end(second, second_id).state is State.SUCCEEDED
        states = [detail["status"] for detail in simulator.job_details() if ":" in detail["jobId"]]
        assert sorted(states) == ["FAILED"] * 4 + ["SUCCEEDED"]

    def test_a_run_that_polls_after_the_other_has_published_gets_a_reason(
        self, simulator: BatchSimulator, scratch: str, script: str, starts: Path
    ) -> None:
        with batch_backend(scratch, "one") as first, batch_backend(scratch, "two") as second:
            first_id, second_id = run_in_both(first, second, script)
            open_gate(starts)
            wait_for_end(second, second_id)
            second.discard(second_id)
            status = wait_for_end(first, first_id)
        assert status.reason.startswith(
            "step greets of s0 succeeded, but its outputs are gone: another run has published"
        )


class TestWhenS3Fails:
    def test_a_report_that_cannot_be_read_is_read_at_a_later_poll(
        self, simulator: BatchSimulator, backend: BackendWithOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, failures = attempt_report.read_report, [BioinfoAssetsError("S3 is busy")] * 3

        def flaky(*args: Any) -> AttemptReport | None:
            if failures:
                raise failures.pop()
            return real(*args)

        monkeypatch.setattr(poller_module, "read_report", flaky)
        assert run_job(backend, job("greets", outputs=(TEXT,))).state is State.SUCCEEDED

    def test_a_job_is_over_although_its_scratch_cannot_be_freed(
        self, backend: BackendWithOptions, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*_: object, **__: object) -> tuple[str, ...]:
            raise BioinfoAssetsError("S3 is busy")

        job_id = backend.submit(job("greets", outputs=(TEXT,))).job_id
        assert wait_for_end(backend, job_id).state is State.SUCCEEDED
        monkeypatch.setattr(Store, "list", fail)
        backend.discard(job_id)
        assert f"the scratch of job {job_id} could not be freed: S3 is busy" in caplog.text

    def test_a_defect_in_polling_one_job_leaves_the_others_alone(
        self, simulator: BatchSimulator, backend: BackendWithOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = poller_module.progress

        def defective(state: JobState, *args: Any) -> Progress:
            if state.job.key.scope == "bad":
                raise RuntimeError("oops")
            return real(state, *args)

        monkeypatch.setattr(backend_module, "progress", defective)
        bad = backend.submit(job("greets", scope="bad", outputs=(TEXT,))).job_id
        good = backend.submit(job("greets", outputs=(TEXT,))).job_id
        assert wait_for_end(backend, good).state is State.SUCCEEDED
        assert wait_for_end(backend, bad).reason == "defect in the batch backend: RuntimeError('oops')"
