"""Similar jobs are submitted as one array, and still have outcomes of their own."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bioinfo_assets.errors import UnreachableError
from bioinfo_assets.launch.backend import Outcome, State, Status
from bioinfo_assets.launch.job import Job, JobOptions, Resources
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.batch.batch_backend import (
    BackendWithOptions,
    attempts_of,
    batch_backend,
    fast,
    interrupted,
    wait_for_running,
)
from bioinfo_assets_tests.launch.contract import TEXT, job, report_of, wait_for_end, wait_for_status
from bioinfo_assets_tests.simulator import BatchSimulator, OutOfMemory, SpotReclaim, Stuck
from bioinfo_assets_tests.waiting import wait_until


def greets(n: int, script: str = "", **changes: Any) -> Job:
    script = script or f"echo {n} >greeting.txt"
    return job("greets", script, scope=f"s{n}", outputs=(TEXT,), **changes)


def submit(backend: BackendWithOptions, count: int, **changes: Any) -> list[str]:
    with backend.one_moment:
        return [backend.submit(greets(n, **changes)).job_id for n in range(count)]


def wait_for_all(backend: BackendWithOptions, ids: Sequence[str]) -> list[Status]:
    """The statuses of all jobs, once they are over."""
    return [wait_for_end(backend, job_id) for job_id in ids]


def submitted_sizes(simulator: BatchSimulator) -> list[int]:
    return [request.get("arrayProperties", {}).get("size", 1) for request in simulator.payloads("SubmitJob")]


class TestSubmission:
    @pytest.mark.parametrize(("count", "expected"), [(1, [1]), (4, [1, 1, 1, 1]), (5, [5]), (12, [12])])
    def test_five_or_more_jobs_are_one_array(
        self, simulator: BatchSimulator, backend: BackendWithOptions, count: int, expected: list[int]
    ) -> None:
        statuses = wait_for_all(backend, submit(backend, count))
        assert submitted_sizes(simulator) == expected
        # Each has a report of its own: its number and a line break.
        files = [report_of(status).files[0] for status in statuses]
        assert [file.size for file in files] == [len(f"{n}\n") for n in range(count)]
        assert len({file.path for file in files}) == count

    def test_jobs_are_submitted_although_more_keep_arriving(self, simulator: BatchSimulator, scratch: str) -> None:
        """Samples that flow by themselves add jobs one by one, for hours."""
        with batch_backend(scratch, config=fast(batching_delay_s=0.2)) as backend:
            count = 0
            began = time.monotonic()
            while not simulator.count("SubmitJob"):
                assert time.monotonic() - began < 60, "no job was submitted while more were arriving"
                backend.submit(greets(count))
                count += 1
                time.sleep(0.05)  # a pause that is shorter than the delay

    def test_with_many_jobs_under_way_those_that_end_in_the_same_moment_are_followed_by_one_array(
        self, simulator: BatchSimulator, scratch: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A sample's next job is submitted when its last one has ended: of a thousand samples, a few in each second."""
        monkeypatch.setattr("bioinfo_assets.launch.batch.config.INTERVAL_S_PER_JOB", 0.05)
        with batch_backend(scratch, config=fast(array_min_size=2)) as backend:
            wait_for_running(backend, submit(backend, 150, script="sleep 60")[0])
            for n in range(150, 160):
                backend.submit(greets(n))
                time.sleep(0.1)  # twice the delay with few jobs
            wait_until(lambda: sum(submitted_sizes(simulator)) == 160)
            assert submitted_sizes(simulator) == [150, 10]

    def test_an_array_has_a_maximum_size(self, simulator: BatchSimulator, scratch: str) -> None:
        with batch_backend(scratch, config=fast(array_min_size=3, array_max_size=4)) as backend:
            assert {status.state for status in wait_for_all(backend, submit(backend, 9))} == {State.SUCCEEDED}
        assert sorted(submitted_sizes(simulator)) == [1, 4, 4]

    def test_jobs_with_other_options_or_resources_are_in_other_arrays(
        self, simulator: BatchSimulator, scratch: str
    ) -> None:
        kinds: list[dict[str, Any]] = [
            {},
            {"resources": Resources(1, 2048)},
            {"resources": Resources(2, 1024)},
            {"options": JobOptions(retries=1)},
        ]
        with batch_backend(scratch, config=fast(array_min_size=2)) as backend:
            wait_for_all(backend, [job_id for kind in kinds for job_id in submit(backend, 2, **kind)])
        assert submitted_sizes(simulator) == [2, 2, 2, 2]

    def test_jobs_of_similar_memory_all_get_the_largest(
        self, simulator: BatchSimulator, backend: BackendWithOptions
    ) -> None:
        with backend.one_moment:
            ids = [backend.submit(greets(n, resources=Resources(1, 600 + n))).job_id for n in range(5)]
        wait_for_all(backend, ids)
        needs = simulator.payloads("SubmitJob")[0]["containerOverrides"]["resourceRequirements"]
        assert {"type": "MEMORY", "value": "604"} in needs

    def test_a_package_that_s3_does_not_take_postpones_the_array(
        self, simulator: BatchSimulator, backend: BackendWithOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = Store.write_bytes
        refused: list[str] = []

        def write_but_one(store: Store, uri: str, data: bytes) -> None:
            if uri.endswith("/3/job.tar") and not refused:
                refused.append(uri)
                raise UnreachableError(f"{uri} could not be reached")
            write(store, uri, data)

        monkeypatch.setattr(Store, "write_bytes", write_but_one)
        with backend.one_moment:
            ids = [backend.submit(greets(n), f"{n:064}").job_id for n in range(5)]
        assert {status.state for status in wait_for_all(backend, ids)} == {State.SUCCEEDED}
        assert refused
        assert submitted_sizes(simulator) == [5]
        assert simulator.count("ListJobs") == 0  # Batch cannot know the array that was not submitted


class TestJobOfAnArray:
    def test_a_failure_leaves_the_others_alone(self, simulator: BatchSimulator, backend: BackendWithOptions) -> None:
        with backend.one_moment:
            ids = [backend.submit(greets(n, "exit 3" if n == 2 else "")).job_id for n in range(5)]
        states = [status.state for status in wait_for_all(backend, ids)]
        assert states == [State.FAILED if n == 2 else State.SUCCEEDED for n in range(5)]

    def test_only_the_interrupted_job_is_retried(
        self, simulator: BatchSimulator, backend: BackendWithOptions, tmp_path: Path
    ) -> None:
        simulator.inject(SpotReclaim(index=1, attempt=1, after_line="begun"))
        with backend.one_moment:
            jobs = [interrupted(greets(n), tmp_path / f"begun{n}", times=1 if n == 1 else 0) for n in range(5)]
            ids = [backend.submit(own).job_id for own in jobs]
        assert [attempts_of(status) for status in wait_for_all(backend, ids)] == [1, 2, 1, 1, 1]

    def test_a_job_out_of_memory_is_submitted_again_while_the_others_run(
        self, simulator: BatchSimulator, backend: BackendWithOptions, tmp_path: Path
    ) -> None:
        simulator.inject(OutOfMemory(index=3, after_line="begun", below_mib=2048))
        script = f"echo begun; until [[ -e {tmp_path}/go ]]; do sleep 0.02; done; echo >greeting.txt"
        ids = submit(backend, 5, script=script)
        wait_until(lambda: backend.poll(ids) and simulator.count("SubmitJob") == 2)
        assert {status.state for status in backend.poll(ids[:3]).values()} == {State.RUNNING}
        (tmp_path / "go").touch()
        assert [attempts_of(status) for status in wait_for_all(backend, ids)] == [1, 1, 1, 2, 1]
        assert submitted_sizes(simulator) == [5, 1]

    def test_cancelling_one_job_leaves_the_others_alone(
        self, simulator: BatchSimulator, backend: BackendWithOptions, tmp_path: Path
    ) -> None:
        script = f"until [[ -e {tmp_path}/go ]]; do sleep 0.02; done; echo >greeting.txt"
        ids = submit(backend, 5, script=script)
        wait_for_running(backend, ids[2])
        backend.cancel(ids[2])
        wait_for_status(backend, ids[2], lambda status: status.outcome is Outcome.KILLED)
        (tmp_path / "go").touch()
        states = [status.state for status in wait_for_all(backend, ids)]
        assert states == [State.CANCELLED if n == 2 else State.SUCCEEDED for n in range(5)]

    def test_one_job_can_be_unschedulable(self, simulator: BatchSimulator, backend: BackendWithOptions) -> None:
        simulator.inject(Stuck(index=4, status_reason=Stuck.REQUIREMENT))
        outcomes = [status.outcome for status in wait_for_all(backend, submit(backend, 5))]
        assert outcomes == [Outcome.SUCCEEDED] * 4 + [Outcome.UNSCHEDULABLE]


class TestArray:
    def test_all_jobs_are_cancelled_in_one_call(self, simulator: BatchSimulator, backend: BackendWithOptions) -> None:
        ids = submit(backend, 8, script="sleep 100")
        wait_for_running(backend, ids[0])
        for job_id in ids:
            backend.cancel(job_id)
        assert {status.state for status in wait_for_all(backend, ids)} == {State.CANCELLED}
        assert simulator.count("TerminateJob") == 1

    def test_closing_the_backend_terminates_an_array_in_one_call(self, simulator: BatchSimulator, scratch: str) -> None:
        with batch_backend(scratch) as backend:
            with backend.one_moment:
                ids = [backend.submit(greets(n, "" if n == 0 else "sleep 100")).job_id for n in range(8)]
            wait_for_end(backend, ids[0])
        assert simulator.count("TerminateJob") == 1

    def test_a_poll_without_changes_describes_only_the_array(
        self, simulator: BatchSimulator, scratch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bioinfo_assets.launch.batch.poller._REFRESH_POLLS", 10_000)
        script = f"until [[ -e {tmp_path}/go ]]; do sleep 0.05; done; echo >greeting.txt"
        with batch_backend(scratch, config=fast(poll_interval_s=0.2)) as backend:
            ids = submit(backend, 8, script=script)
            wait_until(lambda: {status.state for status in backend.poll(ids).values()} == {State.RUNNING})
            before = len(simulator.payloads("DescribeJobs"))
            for _ in range(8):
                time.sleep(0.2)
                backend.poll(ids)
            requests = simulator.payloads("DescribeJobs")[before:]
            assert len(requests) <= 9
            assert sum(len(request["jobs"]) for request in requests) <= 9 + 8  # its jobs once, for a change seen late
            (tmp_path / "go").touch()
            wait_for_all(backend, ids)
