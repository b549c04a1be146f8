"""Work in threads over more items than memory should hold at the same time."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


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
