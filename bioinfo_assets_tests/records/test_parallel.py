"""Results of work in threads come in order, and few items are in memory at the same time."""

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import MAX_CONCURRENT_READS, imap_bounded, map_reads
from bioinfo_assets.storage.store import Store


@given(items=st.lists(st.integers(), max_size=60), threads=st.integers(1, 5))
def test_results_come_in_the_order_of_the_items(items: list[int], threads: int) -> None:
    assert list(imap_bounded(lambda item: item * 2, items, threads)) == [item * 2 for item in items]


def test_items_are_taken_only_shortly_before_they_are_needed() -> None:
    taken: list[int] = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            taken.append(number)
            yield number
            number += 1

    results = imap_bounded(abs, endless(), threads=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert len(taken) < 20


def test_an_error_is_raised_to_the_caller_and_stops_the_rest() -> None:
    stopped = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            raise ValueError(item)
        assert stopped.wait(timeout=60)
        return item

    began = time.monotonic()
    with pytest.raises(ValueError, match="0"):
        list(imap_bounded(work, range(100), 2, stopped))
    assert time.monotonic() - began < 30


def test_closing_the_iterator_leaves_no_thread_running() -> None:
    stopped = threading.Event()
    before = set(threading.enumerate())
    results = imap_bounded(lambda item: item, range(1000), 3, stopped)
    next(results)
    results.close()
    assert stopped.is_set()
    assert set(threading.enumerate()) <= before


def test_reads_of_a_project_in_s3_wait_together() -> None:
    """Each of them takes hundredths of a second, and there are thousands."""
    barrier = threading.Barrier(MAX_CONCURRENT_READS, timeout=20)
    numbers = range(2 * MAX_CONCURRENT_READS)
    assert list(map_reads(Ledger(Store(), "s3://bucket/run"), lambda n: (barrier.wait(), n)[1], numbers)) == [*numbers]


def test_reads_of_a_local_project_start_no_thread() -> None:
    own = threading.get_ident()
    assert set(map_reads(Ledger(Store(), "/data/run"), lambda _: threading.get_ident(), range(3))) == {own}
