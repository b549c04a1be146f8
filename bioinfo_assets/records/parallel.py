"""Work in threads over many items."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Final, TypeVar

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.storage.store import local_path

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_CONCURRENT_READS: Final = 16
"""Small files that are read at the same time; they wait for the network more than for a processor."""


def imap_bounded(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int, stopped: Event | None = None
) -> Generator[Result, None, None]:
    """Map a function over items in threads, in the order of the items, taking only a few of them ahead.

    Args:
        work: The function, called in any thread; what it raises is raised to the caller.
        items: Its arguments.
        threads: The number of threads.
        stopped: Set when no more results are needed, so that long work can end early.
    """
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= 4 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        if stopped is not None:
            stopped.set()
        pool.shutdown(cancel_futures=True)


def map_reads(ledger: Ledger, read: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Read something of a project for each item: in S3 in threads, since each read takes hundredths of a second there.

    On a disk, threads take longer to start than a record to read.
    """
    if local_path(ledger.output_path) is not None:
        return map(read, items)
    return imap_bounded(read, items, MAX_CONCURRENT_READS)
