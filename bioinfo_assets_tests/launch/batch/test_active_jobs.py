"""The jobs of a project as the command line shows them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import State
from bioinfo_assets.launch.batch.active_jobs import active_jobs, orphans, read_log, terminate
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets_tests.launch.batch.machines import FAST, ended, opened, running, until
from bioinfo_assets_tests.launch.contract import TEXT, job, wait_until
from bioinfo_assets_tests.simulator import Delays, Denied, Stuck

FINGERPRINT = "cd" * 32


@pytest.fixture
def client(simulator):
    batch = Client()
    yield batch
    batch.close()


def batch_id(simulator, index=0):
    return simulator.job_details()[index]["jobId"]


class TestActiveJobs:
    def test_a_job_is_shown_with_who_what_where_and_since_when(self, simulator, client, scratch, backend):
        running(backend, backend.submit(job("sleeps")).job_id)
        (shown,) = active_jobs(client, "default", scratch)
        assert (shown.step, shown.scope, shown.size, shown.run_id) == ("sleeps", "expt", 1, "run-1")
        assert (shown.batch_id, shown.status) == (batch_id(simulator), "RUNNING")
        assert shown.name.startswith("bioinfo-assets-sleeps-expt-")
        assert timedelta(0) <= datetime.now(UTC) - shown.created < timedelta(seconds=30)
        assert shown.created <= shown.started
        assert shown.links.keys() == {"job", "log"}
        assert shown.log_stream

    def test_one_that_waits_says_why(self, simulator, client, scratch, backend):
        simulator.inject(Stuck(status_reason=Stuck.CAPACITY))
        until(backend, backend.submit(job("sleeps")).job_id, lambda status: "CAPACITY" in status.reason)
        (shown,) = active_jobs(client, "default", scratch)
        assert (shown.status, shown.reason, shown.started) == ("RUNNABLE", Stuck.CAPACITY, None)

    def test_an_array_is_shown_as_one_with_the_states_of_its_jobs(self, simulator, client, scratch, backend):
        ids = [backend.submit(job("sleeps", "true" if n == 0 else "sleep 100", scope=f"s{n}")).job_id for n in range(5)]
        until(backend, ids[0], lambda status: status.state.is_over)
        running(backend, ids[4])
        (shown,) = active_jobs(client, "default", scratch)
        assert (shown.step, shown.scope, shown.size) == ("sleeps", "", 5)
        assert shown.children["SUCCEEDED"] == 1
        assert sum(shown.children.values()) == 5

    def test_those_that_are_over_and_those_of_other_projects_are_not(self, client, scratch, backend):
        ended(backend, job("prints"))
        with opened(f"{scratch}2") as other:
            running(other, other.submit(job("sleeps")).job_id)
            assert list(active_jobs(client, "default", scratch)) == []
            assert len(list(active_jobs(client, "default", f"{scratch}2/"))) == 1

    def test_a_job_that_was_taken_over_belongs_to_the_run_that_waits(self, client, scratch):
        with opened(scratch, "one") as first:
            running(first, first.submit(job("sleeps"), FINGERPRINT).job_id)
            with opened(scratch, "two") as second:
                running(second, second.submit(job("sleeps"), FINGERPRINT).job_id)
                assert [one.run_id for one in active_jobs(client, "default", scratch)] == ["two"]

    def test_many_are_asked_for_in_parts_of_a_hundred(self, simulator, client, scratch):
        simulator.inject(Stuck(status_reason=Stuck.CAPACITY))
        with opened(scratch, limits=replace(FAST, arrays_from=1000, poll_s=60)) as backend:
            for n in range(120):
                backend.submit(job("sleeps", scope=f"s{n}"))
            wait_until(lambda: simulator.count("SubmitJob"), lambda count: count == 120)
            assert len(list(active_jobs(client, "default", scratch))) == 120
        assert max(len(one["jobs"]) for one in simulator.payloads("DescribeJobs")) == 100

    def test_a_queue_that_is_not_there_is_told(self, client, scratch):
        with pytest.raises(InputError, match=r"AWS Batch refuses ListJobs: .*Job queue nowhere does not exist"):
            list(active_jobs(client, "nowhere", scratch))


class TestOrphans:
    def test_are_those_whose_run_is_over_and_each_run_is_asked_for_once(self, simulator, client, scratch):
        asked = []

        def is_over(run_id):
            asked.append(run_id)
            return run_id == "dead"

        with opened(scratch, "dead") as dead, opened(scratch, "alive") as alive:
            for n, backend in enumerate([dead, dead, alive]):
                running(backend, backend.submit(job("sleeps", scope=f"s{n}")).job_id)
            found = list(orphans(active_jobs(client, "default", scratch), is_over))
        assert sorted(one.scope for one in found) == ["s0", "s1"]
        assert sorted(asked) == ["alive", "dead"]


class TestTerminate:
    def test_ends_a_job_with_a_reason_that_its_run_tells(self, client, simulator, backend):
        job_id = backend.submit(job("sleeps")).job_id
        running(backend, job_id)
        terminate(client, batch_id(simulator), "its run is over")
        status = until(backend, job_id, lambda one: one.state.is_over)
        assert (status.state, status.outcome) == (State.CANCELLED, Outcome.KILLED)
        assert status.reason.startswith("step sleeps of expt was ended (its run is over): run it again if that was")


class TestReadLog:
    def test_of_a_job_that_is_over(self, client, simulator, backend):
        ended(backend, job("prints"))
        lines = list(read_log(client, batch_id(simulator)))
        assert "[stdout] out" in lines
        assert "err" in lines
        assert lines[-1] == "[driver] attempt 1 ended with exit code 0"

    def test_of_a_job_of_an_array(self, client, simulator, backend):
        ids = [
            backend.submit(job("greets", f"echo {n}; echo >greeting.txt", scope=f"s{n}", outputs=(TEXT,))).job_id
            for n in range(5)
        ]
        for one in ids:
            until(backend, one, lambda status: status.state.is_over)
        assert "[stdout] 3" in list(read_log(client, f"{batch_id(simulator)}:3"))

    def test_of_a_job_that_runs_is_followed_to_its_end(self, client, simulator, backend, tmp_path):
        script = f"echo first; until [[ -e {tmp_path}/go ]]; do sleep 0.02; done; echo second"
        running(backend, backend.submit(job("prints", script)).job_id)
        seen = []
        for line in read_log(client, batch_id(simulator), follow=True, poll_s=0.05):
            seen.append(line)
            (tmp_path / "go").touch()
        assert seen[:2] == ["[stdout] first", "[stdout] second"]
        assert seen[-1].startswith("[driver] attempt 1 ended")

    def test_that_comes_late_is_waited_for_when_the_job_has_just_ended(self, client, simulator, backend):
        simulator.delays = Delays(logged_s=0.8)
        ended(backend, job("prints"))
        assert "[stdout] out" in list(read_log(client, batch_id(simulator), poll_s=0.1))

    def test_that_may_not_be_read_is_told(self, client, simulator, backend):
        ended(backend, job("prints"))
        simulator.inject(Denied(action="GetLogEvents", times=20))
        with pytest.raises(InputError, match=r"the log .* in /aws/batch/job cannot be read: .*AccessDenied"):
            list(read_log(client, batch_id(simulator)))

    def test_of_a_job_that_has_not_begun_is_empty(self, client, simulator, backend):
        simulator.inject(Stuck(status_reason=Stuck.CAPACITY))
        until(backend, backend.submit(job("sleeps")).job_id, lambda status: "CAPACITY" in status.reason)
        assert list(read_log(client, batch_id(simulator))) == []

    def test_of_an_array_is_refused_with_what_to_do(self, client, simulator, backend):
        for n in range(5):
            backend.submit(job("sleeps", scope=f"s{n}"))
        array = wait_until(lambda: simulator.job_details() and batch_id(simulator))
        with pytest.raises(InputError, match=rf"{array} is an array .*: name one of its jobs, such as {array}:0"):
            list(read_log(client, array))

    def test_of_a_job_that_batch_does_not_know_is_told(self, client):
        with pytest.raises(InputError, match="AWS Batch knows no job 0f3c: it forgets jobs some days after their end"):
            list(read_log(client, "0f3c"))
