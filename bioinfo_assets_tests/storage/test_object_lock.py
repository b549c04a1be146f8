"""A lock in S3 holds for all hosts: one is inside, a dead holder's lock becomes free, a lost one is noticed."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.storage import conditional
from bioinfo_assets.storage.object_lock import object_lock
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.servers import s3, s3_server
from bioinfo_assets_tests.waiting import wait_until

__all__ = ["s3", "s3_server"]

HOLDER = """
import sys, time
from bioinfo_assets.storage.object_lock import object_lock
with object_lock(sys.argv[1], lease_s=float(sys.argv[2])):
    print("held", flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def uri(s3: str) -> str:
    return f"{s3}/expt/.publish.lock"


class TestConditionalWrite:
    def test_of_many_that_create_an_object_one_succeeds(self, uri: str) -> None:
        with ThreadPoolExecutor(8) as pool:
            written = list(pool.map(lambda n: conditional.write(uri, f"{n}".encode(), None), range(24)))
        (winner,) = [n for n, etag in enumerate(written) if etag is not None]
        assert Store().read_bytes(uri) == f"{winner}".encode()

    def test_a_version_that_was_replaced_is_not_replaced_again(self, uri: str) -> None:
        first = conditional.write(uri, b"1", None)
        assert conditional.write(uri, b"2", first)
        assert conditional.write(uri, b"3", first) is None
        assert Store().read_bytes(uri) == b"2"

    def test_an_object_that_was_deleted_is_not_replaced(self, uri: str) -> None:
        first = conditional.write(uri, b"1", None)
        Store().delete(uri)
        assert conditional.write(uri, b"2", first) is None

    def test_a_writer_whose_answer_was_lost_finds_its_own_content(self, uri: str) -> None:
        first = conditional.write(uri, b"mine", None)
        assert conditional.write(uri, b"mine", None) == first


class TestLock:
    def test_one_thread_at_a_time_is_inside(self, uri: str) -> None:
        inside: list[int] = []
        counts: list[int] = []

        def enter(_: int) -> None:
            with object_lock(uri, lease_s=5):
                inside.append(1)
                counts.append(len(inside))
                time.sleep(0.05)
                inside.pop()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(enter, range(8)))
        assert counts == [1] * 8

    def test_a_holder_that_lives_is_waited_for_however_long(self, uri: str) -> None:
        events: list[str] = []

        def hold() -> None:
            with object_lock(uri, lease_s=3) as held:
                started.set()
                time.sleep(7)  # more than two leases
                held.check()
                events.append("first out")

        started = threading.Event()
        thread = threading.Thread(target=hold)
        thread.start()
        started.wait()
        with object_lock(uri, lease_s=3):
            events.append("second in")
        thread.join()
        assert events == ["first out", "second in"]

    def test_the_lock_of_a_killed_process_becomes_free(self, uri: str) -> None:
        with subprocess.Popen([sys.executable, "-c", HOLDER, uri, "1"], stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            holder.kill()
        with object_lock(uri, lease_s=3) as held:
            held.check()

    def test_a_holder_notices_that_another_has_taken_its_lock(self, uri: str) -> None:
        with object_lock(uri, lease_s=0.5) as held:
            Store().write_bytes(uri, b"of another, after this host had slept\n")
            wait_until(lambda: held._is_lost)
            with pytest.raises(ResourceError, match=r"publish\.lock was lost because S3 could not be reached"):
                held.check()
        assert Store().read_bytes(uri) == b"of another, after this host had slept\n"

    def test_a_lock_is_held_from_the_moment_at_which_others_may_have_seen_it(
        self, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The answer of S3 may come late: whoever waits counts from before it."""
        write = conditional.write

        def write_with_late_answer(target: str, data: bytes, etag: str | None) -> str | None:
            new = write(target, data, etag)
            time.sleep(0.4)
            return new

        monkeypatch.setattr(conditional, "write", write_with_late_answer)
        with object_lock(uri, lease_s=0.3) as held, pytest.raises(ResourceError, match="was lost"):
            held.check()
