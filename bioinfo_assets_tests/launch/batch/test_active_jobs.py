"""The active jobs of a project."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import Outcome, State
from bioinfo_assets.launch.batch.active_jobs import active_jobs, orphans, read_log
from bioinfo_assets.launch.batch.classify_outcome import termination_reason
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets_tests.launch.batch.batch_backend import (
    BackendWithOptions,
    batch_backend,
    fast,
    run_job,
    wait_for_running,
)
from bioinfo_assets_tests.launch.contract import TEXT, job, wait_for_end, wait_for_status
from bioinfo_assets_tests.simulator import BatchSimulator, Delays, Denied, Stuck
from bioinfo_assets_tests.waiting import wait_until

FINGERPRINT = "cd" * 32


@pytest.fixture
def client(simulator: BatchSimulator) -> Iterator[Client]:
    batch = Client()
    yield batch
    batch.close()


def batch_id(simulator: BatchSimulator, index: int = 0) -> str:
    return str(simulator.job_details()[index]["jobId"])


class TestActiveJobs:
    def test_a_job_has_asset_scope_run_status_times_and_links(
        self, simulator: BatchSimulator, client: Client, scratch: str, backend: BackendWithOptions
    ) -> None:
        wait_for_running(backend, backend.submit(job("sleeps")).job_id)
        (shown,) = active_jobs(client, "default", scratch)
        assert (shown.asset, shown.scope, shown.size, shown.run_id) == ("sleeps", "expt", 1, "run-1")
        assert (shown.batch_id, shown.status) == (batch_id(simulator), "RUNNING")
        assert shown.name.startswith("bioinfo-assets-sleeps-expt-")
        assert timedelta(0) <= datetime.now(UTC) - shown.created < timedelta(seconds=30)
        assert shown.started is not None
        assert shown.created <= shown.started
        assert shown.links.keys() == {"job", "log"}
        assert shown.log_stream

    def test_a_waiting_job_has_a_reason(
        self, simulator: BatchSimulator, client: Client, scratch: str, backend: BackendWithOptions
    ) -> None:
        simulator.inject(Stuck(status_reason=Stuck.CAPACITY))
        wait_for_status(backend, backend.submit(job("sleeps")).job_id, lambda status: "CAPACITY" in status.reason)
        (shown,) = active_jobs(client, "default", scratch)
        assert (shown.status, shown.reason, shown.started) == ("RUNNABLE", Stuck.CAPACITY, None)

    def test_an_array_is_one_entry_with_the_statuses_of_its_jobs(
        self, simulator: BatchSimulator, client: Client, scratch: str, backend: BackendWithOptions
    ) -> None:
        with backend.one_moment:
            ids = [
                backend.submit(job("sleeps", "true" if n == 0 else "sleep 100", scope=f"s{n}")).job_id for n in range(5)
            ]
        wait_for_end(backend, ids[0])
        wait_for_running(backend, ids[4])
        (shown,) = active_jobs(client, "default", scratch)
        assert (shown.asset, shown.scope, shown.size) == ("sleeps", "", 5)
        assert shown.children["SUCCEEDED"] == 1
        assert sum(shown.children.values()) == 5

    def test_jobs_that_are_over_or_of_other_projects_are_left_out(
        self, client: Client, scratch: str, backend: BackendWithOptions
    ) -> None:
        run_job(backend, job("prints"))
        with batch_backend(f"{scratch}2") as other:
            wait_for_running(other, other.submit(job("sleeps")).job_id)
            assert list(active_jobs(client, "default", scratch)) == []
            assert len(list(active_jobs(client, "default", f"{scratch}2/"))) == 1

    def test_an_adopted_job_belongs_to_the_run_that_waits_for_it(self, client: Client, scratch: str) -> None:
        with batch_backend(scratch, "one") as first:
            wait_for_running(first, first.submit(job("sleeps"), FINGERPRINT).job_id)
            with batch_backend(scratch, "two") as second:
                wait_for_running(second, second.submit(job("sleeps"), FINGERPRINT).job_id)
                assert [active.run_id for active in active_jobs(client, "default", scratch)] == ["two"]

    def test_at_most_a_hundred_jobs_are_described_in_one_request(
        self, simulator: BatchSimulator, client: Client, scratch: str
    ) -> None:
        simulator.inject(Stuck(status_reason=Stuck.CAPACITY))
        with batch_backend(scratch, config=fast(array_min_size=1000, poll_interval_s=60)) as backend:
            for n in range(120):
                backend.submit(job("sleeps", scope=f"s{n}"))
            wait_until(lambda: simulator.count("SubmitJob") == 120)
            assert len(list(active_jobs(client, "default", scratch))) == 120
        assert max(len(request["jobs"]) for request in simulator.payloads("DescribeJobs")) == 100

    def test_an_unknown_queue_is_an_error(self, client: Client, scratch: str) -> None:
        with pytest.raises(InputError, match=r"AWS Batch rejects ListJobs: .*Job queue nowhere does not exist"):
            list(active_jobs(client, "nowhere", scratch))


class TestOrphans:
    def test_orphans_are_the_jobs_whose_run_is_over_and_each_run_is_looked_up_once(
        self, simulator: BatchSimulator, client: Client, scratch: str
    ) -> None:
        runs = []

        def is_over(run_id: str) -> bool:
            runs.append(run_id)
            return run_id == "dead"

        with batch_backend(scratch, "dead") as dead, batch_backend(scratch, "alive") as alive:
            for n, backend in enumerate([dead, dead, alive]):
                wait_for_running(backend, backend.submit(job("sleeps", scope=f"s{n}")).job_id)
            found = list(orphans(active_jobs(client, "default", scratch), is_over))
        assert sorted(orphan.scope for orphan in found) == ["s0", "s1"]
        assert sorted(runs) == ["alive", "dead"]

    def test_an_array_is_no_orphan_while_any_of_the_runs_that_wait_for_its_jobs_goes_on(
        self, client: Client, scratch: str
    ) -> None:
        fingerprints = [f"{n}d" * 32 for n in range(5)]
        with batch_backend(scratch, "submitter") as first:
            with first.one_moment:
                ids = [first.submit(job("sleeps", scope=f"s{n}"), fingerprints[n]).job_id for n in range(5)]
            for job_id in ids:
                wait_for_running(first, job_id)
            with batch_backend(scratch, "adopter") as second:
                wait_for_running(second, second.submit(job("sleeps", scope="s1"), fingerprints[1]).job_id)
                (array,) = active_jobs(client, "default", scratch)
                assert (array.size, {array.run_id, *array.other_runs}) == (5, {"submitter", "adopter"})
                assert list(orphans([array], lambda run_id: run_id == "adopter")) == []
                assert list(orphans([array], lambda run_id: run_id == "submitter")) == []
                assert list(orphans([array], lambda _: True)) == [array]


class TestTerminate:
    def test_the_run_shows_the_reason_of_the_termination(
        self, client: Client, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        job_id = backend.submit(job("sleeps")).job_id
        wait_for_running(backend, job_id)
        client.terminate(batch_id(simulator), termination_reason("ended by `bioinfo-assets jobs kill`"))
        status = wait_for_end(backend, job_id)
        assert (status.state, status.outcome) == (State.CANCELLED, Outcome.KILLED)
        assert status.reason.startswith(
            "step sleeps of expt was terminated (ended by `bioinfo-assets jobs kill`): run it again if that was"
        )


class TestReadLog:
    def test_the_log_of_a_job_that_is_over_is_complete(
        self, client: Client, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        run_job(backend, job("prints"))
        lines = list(read_log(client, batch_id(simulator)))
        assert "[stdout] out" in lines
        assert "err" in lines
        assert lines[-1] == "[driver:end] attempt 1 ended with exit code 0"

    def test_a_job_of_an_array_has_its_own_log(
        self, client: Client, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        with backend.one_moment:
            ids = [
                backend.submit(job("greets", f"echo {n}; echo >greeting.txt", scope=f"s{n}", outputs=(TEXT,))).job_id
                for n in range(5)
            ]
        for job_id in ids:
            wait_for_end(backend, job_id)
        assert "[stdout] 3" in list(read_log(client, f"{batch_id(simulator)}:3"))

    def test_the_log_of_a_running_job_can_be_followed_to_its_end(
        self, client: Client, simulator: BatchSimulator, backend: BackendWithOptions, tmp_path: Path
    ) -> None:
        script = f"echo first; until [[ -e {tmp_path}/go ]]; do sleep 0.02; done; echo second"
        wait_for_running(backend, backend.submit(job("prints", script)).job_id)
        lines = []
        for line in read_log(client, batch_id(simulator), follow=True, poll_interval_s=0.05):
            lines.append(line)
            (tmp_path / "go").touch()
        assert lines[:2] == ["[stdout] first", "[stdout] second"]
        assert lines[-1] == "[driver:end] attempt 1 ended with exit code 0"

    def test_late_lines_are_waited_for_after_the_end_of_a_job(
        self, client: Client, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.delays = Delays(logged_s=0.8)
        run_job(backend, job("prints"))
        assert "[stdout] out" in list(read_log(client, batch_id(simulator), poll_interval_s=0.1))

    def test_a_log_that_cannot_be_read_is_an_error(
        self, client: Client, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        run_job(backend, job("prints"))
        simulator.inject(Denied(action="GetLogEvents", times=20))
        with pytest.raises(InputError, match=r"the log .* in /aws/batch/job cannot be read: .*AccessDenied"):
            list(read_log(client, batch_id(simulator)))

    def test_a_job_that_has_not_started_has_no_lines(
        self, client: Client, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        simulator.inject(Stuck(status_reason=Stuck.CAPACITY))
        wait_for_status(backend, backend.submit(job("sleeps")).job_id, lambda status: "CAPACITY" in status.reason)
        assert list(read_log(client, batch_id(simulator))) == []

    def test_an_array_has_no_log_of_its_own(
        self, client: Client, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        with backend.one_moment:
            for n in range(5):
                backend.submit(job("sleeps", scope=f"s{n}"))
        wait_until(simulator.job_details, what="the submission")
        array = batch_id(simulator)
        with pytest.raises(
            InputError, match=rf"{array} is an array .*: give the id of one of its jobs, such as {array}"
        ):
            list(read_log(client, array))

    def test_an_unknown_job_is_an_error(self, client: Client) -> None:
        with pytest.raises(InputError, match="AWS Batch does not know job 0f3c"):
            list(read_log(client, "0f3c"))
