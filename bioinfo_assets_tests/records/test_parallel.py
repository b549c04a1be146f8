"""Work in threads, in order, over more items than are held at once."""

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.records.parallel import imap_bounded


@given(items=st.lists(st.integers(), max_size=60), threads=st.integers(1, 5))
def test_what_is_made_comes_in_the_order_of_the_items(items: list[int], threads: int):
    assert list(imap_bounded(lambda item: item * 2, items, threads)) == [item * 2 for item in items]


def test_no_more_items_are_taken_than_threads_can_soon_come_to():
    taken = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            taken.append(number)
            yield number
            number += 1

    found = imap_bounded(abs, endless(), threads=2)
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    assert len(taken) < 20


def test_what_work_raises_is_raised_here_and_the_rest_is_told_to_stop():
    stopped = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            raise ValueError(item)
        assert stopped.wait(timeout=20)
        return item

    began = time.monotonic()
    with pytest.raises(ValueError, match="0"):
        list(imap_bounded(work, range(100), 2, stopped))
    assert time.monotonic() - began < 10


def test_who_takes_no_more_leaves_no_thread_at_work():
    stopped = threading.Event()
    before = threading.active_count()
    found = imap_bounded(lambda item: item, range(1000), 3, stopped)
    next(found)
    found.close()
    assert stopped.is_set()
    assert threading.active_count() == before
