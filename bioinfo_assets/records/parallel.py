"""Work in threads over more items than memory should hold at once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def imap_bounded(
    work: Callable[[Item], Made], items: Iterable[Item], threads: int, stopped: Event | None = None
) -> Iterator[Made]:
    """Gives what `work` makes of each item, in their order; no more items are taken than threads can soon come to.

    Args:
        work: What is done, in any thread; what it raises is raised here.
        items: What it is done with.
        threads: How many work at once.
        stopped: Is set when nobody waits for more, so that long work can end early.
    """
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[Made]] = deque()
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
