"""The simulator's clock: one thread that runs events when they are due, and one lock over the state of all jobs."""

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count


class EventQueue:
    """Runs events when they are due, one after the other, with `lock` held."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="simulator events")
        self._thread.start()

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        with self.lock:
            heapq.heappush(self._events, (time.monotonic() + seconds, next(self._order), event))
            self._changed.notify_all()

    def close(self) -> None:
        """Drop the events that are not due, and stop the thread."""
        with self.lock:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        with self.lock:
            while not self._closing:
                if not self._events:
                    self._changed.wait()
                elif (remaining_s := self._events[0][0] - time.monotonic()) > 0:
                    self._changed.wait(remaining_s)
                else:
                    heapq.heappop(self._events)[2]()
