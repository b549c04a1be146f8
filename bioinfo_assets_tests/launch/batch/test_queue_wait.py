"""How long a job waits for a machine: hours in a queue that starts nothing, any time in one that works."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.launch.backend import Outcome, State
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.batch.queue_wait import QueueWait
from bioinfo_assets.launch.job import Job
from bioinfo_assets_tests.launch.batch.batch_backend import batch_backend, fast
from bioinfo_assets_tests.launch.contract import job, wait_for_end
from bioinfo_assets_tests.simulator import BatchSimulator, Stuck
from bioinfo_assets_tests.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - x"
MISCONFIGURED = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - y"


def _half_a_second(n: int) -> Job:
    return job("greets", "sleep 0.5", scope=f"s{n}")


class TestInASlowQueue:
    """One machine, and jobs that wait far longer for it than the timeout."""

    @pytest.fixture
    def max_running(self) -> int:
        return 1

    @pytest.mark.parametrize("array_min_size", [2, 100], ids=["array", "single jobs"])
    def test_a_backlog_is_worked_off_however_long_it_takes(
        self, simulator: BatchSimulator, scratch: str, array_min_size: int
    ) -> None:
        with batch_backend(scratch, config=fast(queue_timeout_s=1.0, array_min_size=array_min_size)) as backend:
            ids = [backend.submit(_half_a_second(n)).job_id for n in range(6)]
            assert [wait_for_end(backend, job_id).state for job_id in ids] == [State.SUCCEEDED] * 6

    def test_a_job_that_gets_no_machine_ends_once_the_queue_is_idle(
        self, simulator: BatchSimulator, scratch: str
    ) -> None:
        simulator.inject(Stuck(job="*never*", status_reason=Stuck.CAPACITY))
        with batch_backend(scratch, config=fast(queue_timeout_s=1.0)) as backend:
            ids = [
                backend.submit(item).job_id for item in (job("sleeps", scope="never"), *map(_half_a_second, range(3)))
            ]
            outcomes = [wait_for_end(backend, job_id).outcome for job_id in ids]
        assert outcomes == [Outcome.UNSCHEDULABLE, *[Outcome.SUCCEEDED] * 3]

    @pytest.mark.parametrize("count", [1, 3], ids=["a job", "an array"])
    def test_jobs_of_others_keep_a_queue_active(self, simulator: BatchSimulator, scratch: str, count: int) -> None:
        with (
            batch_backend(scratch, "someone-else", config=fast(array_min_size=2)) as others,
            batch_backend(scratch, config=fast(queue_timeout_s=0.5)) as ours,
        ):
            ids = [others.submit(job("sleeps", "sleep 1", scope=f"s{n}")).job_id for n in range(count)]
            wait_until(lambda: State.RUNNING in {status.state for status in others.poll(ids).values()})
            assert wait_for_end(ours, ours.submit(_half_a_second(9)).job_id).state is State.SUCCEEDED


class FakeClient(Client):
    """Answers whether jobs are running in a queue, and counts the questions."""

    def __init__(self, answer: Callable[[], bool]) -> None:
        super().__init__()
        self.asked = 0
        self._answer = answer

    def is_running_jobs(self, queue: str) -> bool:
        self.asked += 1
        return self._answer()


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def detail(clock: Clock, since_s: float, reason: str = "", **more: Any) -> "JobDetailTypeDef":
    shape = {"jobId": "1", "jobQueue": "q", "status": "RUNNABLE", "createdAt": int(1000 * (clock.now - since_s))}
    return cast("JobDetailTypeDef", {**shape, "statusReason": reason, **more})


class TestLimits:
    def waits(self, answer: Callable[[], bool] = lambda: False) -> tuple[QueueWait, Clock, FakeClient]:
        clock, client = Clock(), FakeClient(answer)
        config = BatchConfig(queue_timeout_s=100, misconfiguration_grace_s=30)
        return QueueWait(client, config, clock), clock, client

    def test_an_idle_queue_is_waited_for_until_the_timeout(self) -> None:
        waits, clock, _ = self.waits()
        waiting = detail(clock, 0, CAPACITY)
        for _ in range(100):
            assert waits.reason_to_give_up(waiting) == ""
            clock.now += 1
        clock.now += 1
        assert waits.reason_to_give_up(waiting) == f"no machine: nothing ran in its queue for 101 s, {CAPACITY}"

    def test_an_old_job_of_a_host_that_has_just_started_is_not_given_up_at_once(self) -> None:
        """What ran in the queue before is not known."""
        waits, clock, _ = self.waits()
        assert waits.reason_to_give_up(detail(clock, 10_000)) == ""

    def test_a_queue_is_idle_from_its_last_activity_on(self) -> None:
        activity = iter([True] * 20 + [False] * 100)
        waits, clock, _ = self.waits(lambda: next(activity))
        waiting = detail(clock, 0)
        began = clock.now
        while not waits.reason_to_give_up(waiting):
            clock.now += 1
        # Asked every ten seconds: active at 0 to 190 s, idle from 200 s on.
        assert clock.now - began == pytest.approx(301, abs=1)

    def test_a_queue_is_asked_about_ten_times_in_a_timeout_however_many_jobs_wait(self) -> None:
        waits, clock, client = self.waits()
        for _ in range(100):
            for n in range(20):
                waits.reason_to_give_up(detail(clock, 0, jobId=f"a:{n}"))
            clock.now += 1
        assert client.asked == 10

    def test_a_job_of_ours_with_a_machine_shows_that_the_queue_is_active(self) -> None:
        waits, clock, client = self.waits()
        waits.reason_to_give_up(detail(clock, 0))
        clock.now += 99
        assert waits.reason_to_give_up(detail(clock, 99, status="RUNNING")) == ""
        clock.now += 5
        assert waits.reason_to_give_up(detail(clock, 104)) == ""
        assert client.asked == 1

    def test_an_interrupted_job_waits_since_its_last_attempt(self) -> None:
        waits, clock, _ = self.waits()
        waits.reason_to_give_up(detail(clock, 0))
        clock.now += 200
        ran: dict[str, Any] = {"attempts": [{"stoppedAt": int(1000 * (clock.now - 5))}]}
        assert waits.reason_to_give_up(detail(clock, 1000, **ran)) == ""
        assert waits.reason_to_give_up(detail(clock, 1000)) != ""

    def test_a_job_is_not_given_up_while_batch_cannot_be_asked(self) -> None:
        def fails() -> bool:
            raise ResourceError("AWS Batch cannot be reached")

        waits, clock, _ = self.waits(fails)
        for _ in range(30):
            assert waits.reason_to_give_up(detail(clock, 1000)) == ""
            clock.now += 10

    def test_a_misconfigured_queue_may_be_repaired_in_time(self) -> None:
        waits, clock, _ = self.waits()
        assert waits.reason_to_give_up(detail(clock, 1, MISCONFIGURED)) == ""
        clock.now += 29
        assert waits.reason_to_give_up(detail(clock, 1, MISCONFIGURED)) == ""
        assert waits.reason_to_give_up(detail(clock, 1, "")) == ""  # repaired
        clock.now += 29
        assert waits.reason_to_give_up(detail(clock, 1, MISCONFIGURED)) == ""
        clock.now += 30
        assert waits.reason_to_give_up(detail(clock, 1, MISCONFIGURED)) == f"no machine: {MISCONFIGURED}"

    def test_a_job_that_ran_meanwhile_waits_from_the_beginning(self) -> None:
        waits, clock, _ = self.waits()
        assert waits.reason_to_give_up(detail(clock, 1, MISCONFIGURED)) == ""
        clock.now += 20
        assert waits.reason_to_give_up(detail(clock, 1, status="RUNNING")) == ""
        clock.now += 20
        assert waits.reason_to_give_up(detail(clock, 1, MISCONFIGURED)) == ""
