import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from bioinfo_assets.errors import ResourceError, UnreachableError
from bioinfo_assets.launch.backend import State, Status, Stream
from bioinfo_assets.launch.fake_backend import Behaviour, FakeBackend
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.launch.watcher import JobHandle, Watcher
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.contract import BEHAVIOURS, job
from bioinfo_assets_tests.waiting import wait_until

TIMEOUT_S = 30.0


@pytest.fixture
def fake(tmp_path: Path) -> FakeBackend:
    return FakeBackend(tmp_path / "scratch", lambda submitted: BEHAVIOURS[submitted.key.asset](submitted))


class FlakyBackend(FakeBackend):
    """A fake whose polls are counted, and raise errors as long as `fails` returns True for their number."""

    error: type[Exception] = ConnectionError

    def __init__(self, scratch: Path, fails: Callable[[int], bool] = lambda _: False) -> None:
        super().__init__(scratch, lambda submitted: BEHAVIOURS[submitted.key.asset](submitted))
        self.polled: list[int] = []
        self._fails = fails

    def poll(self, job_ids: Collection[str]) -> Mapping[str, Status]:
        self.polled.append(len(job_ids))
        if self._fails(len(self.polled)):
            raise self.error("the service is gone")
        return super().poll(job_ids)


@pytest.fixture
def watcher(fake: FakeBackend) -> Iterator[Watcher]:
    watcher = Watcher(fake, interval_s=0.001)
    yield watcher
    watcher.close()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Watcher]:
    backend = LocalBackend(tmp_path / "scratch", Store())
    watcher = Watcher(backend, interval_s=0.01)
    yield watcher
    watcher.close()
    backend.close()


def test_a_handle_waits_for_the_end(watcher: Watcher) -> None:
    assert watcher.submit(job("prints")).wait(TIMEOUT_S).state is State.SUCCEEDED


def test_the_end_of_a_job_of_this_machine_is_noticed_at_once(tmp_path: Path) -> None:
    backend = LocalBackend(tmp_path / "scratch", Store())
    watcher = Watcher(backend, interval_s=TIMEOUT_S)
    began = time.monotonic()
    assert watcher.submit(job("prints")).wait(TIMEOUT_S).state is State.SUCCEEDED
    assert watcher.submit(job("prints")).wait(TIMEOUT_S).state is State.SUCCEEDED
    watcher.close()
    backend.close()
    assert time.monotonic() - began < TIMEOUT_S / 2  # neither of them waited for the next poll that was due


def test_that_a_job_is_over_is_known_before_its_end_is_delivered(watcher: Watcher) -> None:
    delivered: list[Status] = []
    handle = watcher.submit(job("prints"), on_change=delivered.append)
    wait_until(lambda: handle.is_over)
    assert delivered == []
    handle.wait(TIMEOUT_S)
    assert [status.state for status in delivered] == [State.SUCCEEDED]
    assert handle.is_over


def test_the_final_status_can_be_waited_for_repeatedly(watcher: Watcher) -> None:
    handle = watcher.submit(job("breaks"))
    assert handle.wait(TIMEOUT_S) == handle.wait(TIMEOUT_S)


def test_changes_are_delivered_once_each_and_in_order(tmp_path: Path) -> None:
    watcher = Watcher(FakeBackend(tmp_path, lambda _: Behaviour(running_polls=3)), interval_s=0.001)
    delivered: list[State] = []
    watcher.submit(job("prints"), on_change=lambda status: delivered.append(status.state)).wait(TIMEOUT_S)
    assert delivered == [State.RUNNING, State.SUCCEEDED]
    watcher.close()


def test_changes_are_delivered_in_the_thread_that_waits(watcher: Watcher) -> None:
    threads: set[int] = set()
    watcher.submit(job("prints"), on_change=lambda _: threads.add(threading.get_ident())).wait(TIMEOUT_S)
    assert threads == {threading.get_ident()}


class SlowLogs(FakeBackend):
    """A fake whose logs are read slowly, as those of AWS Batch are if there are many."""

    def read_log(self, job_id: str, stream: Stream, offset: int) -> bytes:
        time.sleep(0.05)
        return super().read_log(job_id, stream, offset)


def test_whoever_waits_for_many_jobs_does_not_wait_for_their_logs(tmp_path: Path) -> None:
    backend = SlowLogs(tmp_path, lambda submitted: BEHAVIOURS[submitted.key.asset](submitted))
    watcher = Watcher(backend, interval_s=0.001)
    updates: list[int] = []
    handles = [
        watcher.submit(job("sleeps", scope=f"expt{i}"), on_update=partial(updates.append, i)) for i in range(100)
    ]
    wait_until(lambda: set(updates) == set(range(100)))
    began = time.monotonic()
    assert {handle.wait(0).state for handle in handles} == {State.RUNNING}
    assert time.monotonic() - began < 5  # ten seconds if each waits for its two logs
    time.sleep(0.2)  # many polls
    assert len(updates) == 100  # one of each job, which has begun: further polls found nothing new
    watcher.close()


def test_an_error_in_reading_a_log_reaches_whoever_waits_for_the_job(
    fake: FakeBackend, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake, "read_log", lambda *_: 1 // 0)
    handle = watcher.submit(job("sleeps"))
    with pytest.raises(ZeroDivisionError):
        handle.wait(TIMEOUT_S)


def test_all_output_is_delivered_before_the_end_and_none_twice(local: Watcher) -> None:
    delivered: list[State | tuple[Stream, bytes]] = []
    script = "for i in 1 2 3; do echo out $i; echo err $i >&2; sleep 0.05; done"
    handle = local.submit(
        job("prints", script),
        on_change=lambda status: delivered.append(status.state),
        on_output=lambda stream, data: delivered.append((stream, data)),
    )
    handle.wait(TIMEOUT_S)
    assert delivered[-1] is State.SUCCEEDED
    for stream, word in ((Stream.STDOUT, b"out"), (Stream.STDERR, b"err")):
        parts = [data[1] for data in delivered if isinstance(data, tuple) and data[0] is stream]
        assert b"".join(parts) == b"%b 1\n%b 2\n%b 3\n" % (word, word, word)


def test_output_is_delivered_while_the_job_runs(local: Watcher, tmp_path: Path) -> None:
    go = tmp_path / "go"
    received: list[bytes] = []

    def receive(_: Stream, data: bytes) -> None:
        received.append(data)
        go.touch()  # the script waits for this: it ends only if its first line was delivered before

    script = f"echo first; until [[ -e {go} ]]; do sleep 0.01; done; echo second"
    assert local.submit(job("prints", script), on_output=receive).wait(TIMEOUT_S).state is State.SUCCEEDED
    assert b"".join(received) == b"first\nsecond\n"


def test_a_wait_with_a_timeout_returns_the_present_status(watcher: Watcher) -> None:
    handle = watcher.submit(job("sleeps"))
    wait_until(lambda: handle.wait(0.05).state is State.RUNNING)
    handle.cancel()
    assert handle.wait(TIMEOUT_S).state is State.CANCELLED


def test_all_jobs_are_polled_in_one_call(tmp_path: Path) -> None:
    flaky, tick = FlakyBackend(tmp_path), threading.Semaphore(0)
    watcher = Watcher(flaky, interval_s=1, sleep=lambda _: tick.acquire(timeout=TIMEOUT_S))
    handles = [watcher.submit(job("sleeps", scope=f"expt{i}")) for i in range(50)]
    tick.release()
    tick.release()
    wait_until(lambda: max(flaky.polled, default=0) == 50)
    assert len(flaky.polled) <= 3
    for handle in handles:
        handle.cancel()
    for _ in range(3):
        tick.release()
    assert {handle.wait(TIMEOUT_S).state for handle in handles} == {State.CANCELLED}
    watcher.close()


def test_an_error_of_the_backend_reaches_every_waiting_thread(tmp_path: Path) -> None:
    watcher = Watcher(FlakyBackend(tmp_path, lambda _: True), interval_s=0.001)
    for handle in [watcher.submit(job("prints")) for _ in range(3)]:
        with pytest.raises(ConnectionError, match="the service is gone"):
            handle.wait(TIMEOUT_S)
    watcher.close()


def test_a_few_consecutive_errors_of_the_backend_are_retried_after_growing_waits(tmp_path: Path) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(seconds)

    watcher = Watcher(FlakyBackend(tmp_path, lambda poll: poll <= 4), interval_s=0.001, sleep=sleep)
    assert watcher.submit(job("prints")).wait(TIMEOUT_S).state is State.SUCCEEDED
    assert slept[:4] == [0.002, 0.004, 0.008, 0.016]
    watcher.close()


class UnreachableBackend(FlakyBackend):
    """A fake whose service does not answer, which shows nothing about its jobs."""

    error = ResourceError


def test_a_service_that_does_not_answer_is_asked_until_it_does(tmp_path: Path) -> None:
    is_away = threading.Event()
    is_away.set()
    backend = UnreachableBackend(tmp_path, lambda poll: poll > 2 and is_away.is_set())
    watcher = Watcher(backend, interval_s=0.001, error_timeout_s=600)
    handle = watcher.submit(job("sleeps"))
    wait_until(lambda: watcher.problem)
    assert watcher.problem == "jobs cannot be polled for the moment, and go on running: the service is gone"
    is_away.clear()
    wait_until(lambda: not watcher.problem)
    handle.cancel()
    assert handle.wait(TIMEOUT_S).state is State.CANCELLED
    watcher.close()


def test_a_service_that_never_answers_is_given_up_after_the_timeout(tmp_path: Path) -> None:
    watcher = Watcher(UnreachableBackend(tmp_path, lambda _: True), interval_s=0.001, error_timeout_s=0.2)
    began = time.monotonic()
    with pytest.raises(
        UnreachableError, match=r"could not be polled \(the service is gone\): the jobs are left running"
    ):
        watcher.submit(job("prints")).wait(TIMEOUT_S)
    assert time.monotonic() - began > 0.2
    watcher.close()


def test_after_an_error_a_job_can_be_cancelled_and_waited_for(tmp_path: Path) -> None:
    gone = threading.Event()
    gone.set()
    watcher = Watcher(FlakyBackend(tmp_path, lambda _: gone.is_set()), interval_s=0.001)
    handle = watcher.submit(job("sleeps"))
    with pytest.raises(ConnectionError):
        handle.wait(TIMEOUT_S)
    handle.cancel()
    with pytest.raises(ConnectionError):  # the service is still gone
        handle.wait(TIMEOUT_S)
    gone.clear()
    assert wait_past_errors(handle).state is State.CANCELLED
    watcher.close()


def wait_past_errors(handle: JobHandle) -> Status:
    """Wait past an error from before the service was back."""
    try:
        return handle.wait(TIMEOUT_S)
    except ConnectionError:
        return handle.wait(TIMEOUT_S)


def test_an_error_that_was_not_delivered_before_it_passed_is_dropped(tmp_path: Path) -> None:
    flaky = FlakyBackend(tmp_path, lambda poll: poll <= 6)
    watcher = Watcher(flaky, interval_s=0.001)
    handle = watcher.submit(job("sleeps"))
    wait_until(lambda: len(flaky.polled) >= 8)
    assert handle.wait(0).state is State.RUNNING
    watcher.close()


def test_an_error_of_a_callback_reaches_its_own_waiter_only(watcher: Watcher) -> None:
    def broken(_: Status) -> None:
        raise LookupError("no such event")

    other = watcher.submit(job("prints"))
    with pytest.raises(LookupError):
        watcher.submit(job("prints"), on_change=broken).wait(TIMEOUT_S)
    assert other.wait(TIMEOUT_S).state is State.SUCCEEDED


def test_closing_the_watcher_raises_an_error_in_waiting_threads(fake: FakeBackend) -> None:
    watcher = Watcher(fake, interval_s=0.001)
    handle = watcher.submit(job("sleeps"))
    threading.Timer(0.05, watcher.close).start()
    with pytest.raises(RuntimeError, match="closed before the job was over"):
        handle.wait(TIMEOUT_S)


def test_an_idle_watcher_does_not_poll(tmp_path: Path) -> None:
    flaky, slept = FlakyBackend(tmp_path), threading.Semaphore(0)
    watcher = Watcher(flaky, interval_s=0.001, sleep=lambda _: slept.release())
    watcher.submit(job("prints")).wait(TIMEOUT_S)
    assert slept.acquire(timeout=TIMEOUT_S)  # the poll that found the end was the last of the first job
    first = len(flaky.polled)
    assert watcher.submit(job("prints")).wait(TIMEOUT_S).state is State.SUCCEEDED
    assert len(flaky.polled) == first + 1
    watcher.close()
