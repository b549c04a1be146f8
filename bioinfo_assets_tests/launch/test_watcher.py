import threading
import time

import pytest

from bioinfo_assets.launch.backend import State, Stream
from bioinfo_assets.launch.fake_backend import Behaviour, FakeBackend
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.launch.watcher import Watcher
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.launch.contract import PLAYED, job, wait_until

SOON_S = 30.0


@pytest.fixture
def fake(tmp_path):
    return FakeBackend(tmp_path / "scratch", lambda given: PLAYED[given.step](given))


@pytest.fixture
def watcher(fake):
    watching = Watcher(fake, interval_s=0.001)
    yield watching
    watching.close()


@pytest.fixture
def local(tmp_path):
    backend = LocalBackend(tmp_path / "scratch", Store())
    watching = Watcher(backend, interval_s=0.01)
    yield watching
    watching.close()
    backend.close()


def test_a_ticket_waits_for_the_end(watcher):
    assert watcher.submit(job("prints")).wait(SOON_S).state is State.SUCCEEDED


def test_that_a_job_is_over_is_known_before_its_end_is_delivered(watcher):
    told = []
    ticket = watcher.submit(job("prints"), on_change=told.append)
    wait_until(lambda: ticket.is_over)
    assert told == []
    ticket.wait(SOON_S)
    assert [status.state for status in told] == [State.SUCCEEDED]
    assert ticket.is_over


def test_the_final_status_is_there_however_often_it_is_asked_for(watcher):
    ticket = watcher.submit(job("breaks"))
    assert ticket.wait(SOON_S) == ticket.wait(SOON_S)


def test_changes_are_told_once_each_and_in_order(tmp_path):
    watching = Watcher(FakeBackend(tmp_path, lambda _: Behaviour(polls=3)), interval_s=0.001)
    told = []
    watching.submit(job("prints"), on_change=lambda status: told.append(status.state)).wait(SOON_S)
    assert told == [State.RUNNING, State.SUCCEEDED]
    watching.close()


def test_callbacks_run_in_the_thread_that_waits(watcher):
    threads = set()

    def note(*_):
        threads.add(threading.get_ident())

    watcher.submit(job("prints"), on_change=note, on_output=note).wait(SOON_S)
    assert threads == {threading.get_ident()}


def test_all_output_is_told_before_the_end_and_none_twice(local):
    told = []
    script = "for i in 1 2 3; do echo out $i; echo err $i >&2; sleep 0.05; done"
    ticket = local.submit(
        job("prints", script),
        on_change=lambda status: told.append(status.state),
        on_output=lambda *data: told.append(data),
    )
    ticket.wait(SOON_S)
    assert told[-1] is State.SUCCEEDED
    for stream, word in ((Stream.STDOUT, b"out"), (Stream.STDERR, b"err")):
        parts = [data[1] for data in told if isinstance(data, tuple) and data[0] is stream]
        assert b"".join(parts) == b"%b 1\n%b 2\n%b 3\n" % (word, word, word)


def test_output_is_told_while_the_job_runs(local, tmp_path):
    go, seen = tmp_path / "go", []

    def heard(_, data):
        seen.append(data)
        go.touch()  # the script waits for this: it ends only if its first line is heard before

    script = f"echo first; until [[ -e {go} ]]; do sleep 0.01; done; echo second"
    assert local.submit(job("prints", script), on_output=heard).wait(SOON_S).state is State.SUCCEEDED
    assert b"".join(seen) == b"first\nsecond\n"


def test_a_wait_with_a_timeout_gives_the_present_state(watcher):
    ticket = watcher.submit(job("sleeps"))
    assert ticket.wait(0.05).state is State.RUNNING
    ticket.cancel()
    assert ticket.wait(SOON_S).state is State.CANCELLED


def test_all_jobs_are_asked_for_in_one_call(fake):
    asked, tick = [], threading.Semaphore(0)
    poll = fake.poll

    def counting(job_ids):
        asked.append(len(job_ids))
        return poll(job_ids)

    fake.poll = counting
    watching = Watcher(fake, interval_s=1, sleep=lambda _: tick.acquire(timeout=SOON_S))
    tickets = [watching.submit(job("sleeps", scope=f"expt{i}")) for i in range(50)]
    tick.release()
    tick.release()
    tickets[-1].wait(0.2)
    assert max(asked) == 50
    assert len(asked) <= 3
    watching.cancel_all()
    for _ in range(3):
        tick.release()
    assert {ticket.wait(SOON_S).state for ticket in tickets} == {State.CANCELLED}
    watching.close()


def test_an_error_of_the_backend_reaches_everyone_who_waits(fake):
    def broken(_):
        raise ConnectionError("the service is gone")

    fake.poll = broken
    watching = Watcher(fake, interval_s=0.001)
    for ticket in [watching.submit(job("prints")) for _ in range(3)]:
        with pytest.raises(ConnectionError, match="the service is gone"):
            ticket.wait(SOON_S)
    watching.close()


def test_a_few_errors_of_the_backend_in_a_row_are_borne_with_growing_patience(fake):
    poll, asked, slept = fake.poll, [], []

    def broken_four_times(job_ids):
        asked.append(1)
        if len(asked) <= 4:
            raise ConnectionError
        return poll(job_ids)

    fake.poll = broken_four_times
    watching = Watcher(fake, interval_s=0.001, sleep=lambda s: slept.append(s) or time.sleep(s))
    assert watching.submit(job("prints")).wait(SOON_S).state is State.SUCCEEDED
    assert slept[:4] == [0.002, 0.004, 0.008, 0.016]
    watching.close()


def test_after_an_error_a_job_can_be_cancelled_and_waited_for(fake):
    gone, poll = threading.Event(), fake.poll

    def broken_while_gone(job_ids):
        if gone.is_set():
            raise ConnectionError("the service is gone")
        return poll(job_ids)

    fake.poll = broken_while_gone
    gone.set()
    watching = Watcher(fake, interval_s=0.001)
    ticket = watching.submit(job("sleeps"))
    with pytest.raises(ConnectionError):
        ticket.wait(SOON_S)
    ticket.cancel()
    with pytest.raises(ConnectionError):  # the service is still gone: nobody can tell
        ticket.wait(SOON_S)
    gone.clear()
    assert ended(ticket).state is State.CANCELLED
    watching.close()


def ended(ticket):
    """Waits past an error that came before the service was back."""
    try:
        return ticket.wait(SOON_S)
    except ConnectionError:
        return ticket.wait(SOON_S)


def test_an_error_that_passed_unheard_is_not_told_later(fake):
    poll, asked = fake.poll, []

    def broken_six_times(job_ids):
        asked.append(1)
        if len(asked) <= 6:
            raise ConnectionError
        return poll(job_ids)

    fake.poll = broken_six_times
    watching = Watcher(fake, interval_s=0.001)
    ticket = watching.submit(job("sleeps"))
    wait_until(lambda: len(asked), lambda times: times >= 8)
    assert ticket.wait(0).state is State.RUNNING
    watching.close()


def test_an_error_of_a_callback_reaches_its_own_waiter_only(watcher):
    def broken(_):
        raise LookupError("no such event")

    other = watcher.submit(job("prints"))
    with pytest.raises(LookupError):
        watcher.submit(job("prints"), on_change=broken).wait(SOON_S)
    assert other.wait(SOON_S).state is State.SUCCEEDED


def test_who_waits_while_the_watcher_is_closed_is_told(fake):
    watching = Watcher(fake, interval_s=0.001)
    ticket = watching.submit(job("sleeps"))
    threading.Timer(0.05, watching.close).start()
    with pytest.raises(RuntimeError, match="closed before the job was over"):
        ticket.wait(SOON_S)


def test_an_idle_watcher_asks_nothing(fake):
    asked = []
    poll = fake.poll
    fake.poll = lambda job_ids: asked.append(1) or poll(job_ids)
    watching = Watcher(fake, interval_s=0.001)
    watching.submit(job("prints")).wait(SOON_S)
    before = len(asked)
    time.sleep(0.05)
    assert len(asked) <= before + 1
    watching.close()
