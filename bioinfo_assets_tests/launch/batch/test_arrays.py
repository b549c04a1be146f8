"""Many jobs of one step go as one array, and each is a job of its own all the same."""

import time
from dataclasses import replace

import pytest

from bioinfo_assets.launch.backend import State
from bioinfo_assets.launch.job import Resources
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets_tests.launch.batch.machines import FAST, opened, running, until
from bioinfo_assets_tests.launch.contract import TEXT, job, wait_until
from bioinfo_assets_tests.simulator import OutOfMemory, SpotReclaim, Stuck


def greets(n, script="", **changes):
    script = script or f"echo {n} >greeting.txt"
    return job("greets", script, scope=f"s{n}", outputs=(TEXT,), **changes)


def submit(backend, count, **changes):
    return [backend.submit(greets(n, **changes)).job_id for n in range(count)]


def ends(backend, ids):
    """The statuses of all, once they are over."""
    return wait_until(
        lambda: list(backend.poll(ids).values()), lambda all_: all(one.state.is_over for one in all_), pause_s=0.03
    )


def sizes(simulator):
    return [one.get("arrayProperties", {}).get("size", 1) for one in simulator.payloads("SubmitJob")]


class TestSubmission:
    @pytest.mark.parametrize(("count", "expected"), [(1, [1]), (4, [1, 1, 1, 1]), (5, [5]), (23, [23])])
    def test_five_jobs_and_more_go_as_one(self, simulator, backend, count, expected):
        statuses = ends(backend, submit(backend, count))
        assert sizes(simulator) == expected
        # Each has a report of its own: its number and a line's end.
        assert [status.report.files[0].size for status in statuses] == [len(f"{n}\n") for n in range(count)]
        assert len({status.report.files[0].path for status in statuses}) == count

    def test_an_array_has_a_largest_size(self, simulator, scratch):
        with opened(scratch, limits=replace(FAST, arrays_from=3, arrays_to=4)) as backend:
            assert {one.state for one in ends(backend, submit(backend, 9))} == {State.SUCCEEDED}
        assert sorted(sizes(simulator)) == [1, 4, 4]

    def test_steps_options_and_sizes_that_differ_go_to_different_arrays(self, simulator, backend):
        kinds = [
            {},
            {"resources": Resources(1, 2048)},
            {"resources": Resources(2, 1024)},
            {"options": JobOptions(priority=None, retries=1)},
        ]
        ends(backend, [one for kind in kinds for one in submit(backend, 5, **kind)])
        assert sizes(simulator) == [5, 5, 5, 5]

    def test_sizes_that_are_alike_share_the_largest(self, simulator, backend):
        ids = [backend.submit(greets(n, resources=Resources(1, 600 + n))).job_id for n in range(5)]
        ends(backend, ids)
        needs = simulator.payloads("SubmitJob")[0]["containerOverrides"]["resourceRequirements"]
        assert {"type": "MEMORY", "value": "604"} in needs


class TestAChild:
    def test_that_fails_fails_alone(self, simulator, backend):
        ids = [backend.submit(greets(n, "exit 3" if n == 2 else "")).job_id for n in range(5)]
        states = [one.state for one in ends(backend, ids)]
        assert states == [State.FAILED if n == 2 else State.SUCCEEDED for n in range(5)]

    def test_that_is_reclaimed_is_started_again_alone(self, simulator, backend):
        simulator.inject(SpotReclaim(index=1, attempt=1, after_line="begun"))
        script = "echo begun; sleep 0.1; echo >greeting.txt"
        assert [one.report.attempts for one in ends(backend, submit(backend, 5, script=script))] == [1, 2, 1, 1, 1]

    def test_that_ran_out_of_memory_is_submitted_again_while_the_others_go_on(self, simulator, backend, tmp_path):
        simulator.inject(OutOfMemory(index=3, after_line="begun", below_mib=2048))
        script = f"echo begun; sleep 0.2; until [[ -e {tmp_path}/go ]]; do sleep 0.02; done; echo >greeting.txt"
        ids = submit(backend, 5, script=script)
        wait_until(lambda: backend.poll(ids) and simulator.count("SubmitJob"), lambda count: count == 2, pause_s=0.03)
        assert {one.state for one in backend.poll(ids[:3]).values()} == {State.RUNNING}
        (tmp_path / "go").touch()
        assert [one.report.attempts for one in ends(backend, ids)] == [1, 1, 1, 2, 1]
        assert sizes(simulator) == [5, 1]

    def test_that_is_cancelled_ends_alone(self, simulator, backend, tmp_path):
        script = f"until [[ -e {tmp_path}/go ]]; do sleep 0.02; done; echo >greeting.txt"
        ids = submit(backend, 5, script=script)
        running(backend, ids[2])
        backend.cancel(ids[2])
        until(backend, ids[2], lambda status: status.outcome is Outcome.KILLED)
        (tmp_path / "go").touch()
        states = [one.state for one in ends(backend, ids)]
        assert states == [State.CANCELLED if n == 2 else State.SUCCEEDED for n in range(5)]

    def test_that_finds_no_machine_is_told_so(self, simulator, backend):
        simulator.inject(Stuck(index=4, status_reason=Stuck.REQUIREMENT))
        outcomes = [one.outcome for one in ends(backend, submit(backend, 5))]
        assert outcomes == [Outcome.SUCCEEDED] * 4 + [Outcome.UNSCHEDULABLE]


class TestAWholeArray:
    def test_is_cancelled_by_one_call(self, simulator, backend):
        ids = submit(backend, 8, script="sleep 100")
        running(backend, ids[0])
        for one in ids:
            backend.cancel(one)
        assert {one.state for one in ends(backend, ids)} == {State.CANCELLED}
        assert simulator.count("TerminateJob") == 1

    def test_is_ended_by_one_call_as_the_run_ends(self, simulator, scratch):
        with opened(scratch) as backend:
            ids = [backend.submit(greets(n, "" if n == 0 else "sleep 100")).job_id for n in range(8)]
            until(backend, ids[0], lambda status: status.state.is_over)
        assert simulator.count("TerminateJob") == 1

    def test_costs_one_question_a_look_while_nothing_changes(self, simulator, scratch, tmp_path):
        script = f"until [[ -e {tmp_path}/go ]]; do sleep 0.05; done; echo >greeting.txt"
        with opened(scratch, limits=replace(FAST, poll_s=0.2)) as backend:
            ids = submit(backend, 8, script=script)
            wait_until(lambda: backend.poll(ids), lambda all_: {one.state for one in all_.values()} == {State.RUNNING})
            before = len(simulator.payloads("DescribeJobs"))
            for _ in range(8):
                time.sleep(0.2)
                backend.poll(ids)
            asked = simulator.payloads("DescribeJobs")[before:]
            assert len(asked) <= 9
            assert sum(len(one["jobs"]) for one in asked) <= 9 + 8  # its jobs once more, as a change may have come late
            (tmp_path / "go").touch()
            ends(backend, ids)
