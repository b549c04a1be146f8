"""What is to happen when: one thread, one lock over all that jobs are."""

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count


class Agenda:
    """Acts, each at its time, one after the other, with `lock` held."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._acts: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="Batch's agenda")
        self._thread.start()

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        with self.lock:
            heapq.heappush(self._acts, (time.monotonic() + seconds, next(self._order), act))
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing happens any more."""
        with self.lock:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        with self.lock:
            while not self._closing:
                if not self._acts:
                    self._changed.wait()
                elif (wait_s := self._acts[0][0] - time.monotonic()) > 0:
                    self._changed.wait(wait_s)
                else:
                    heapq.heappop(self._acts)[2]()
