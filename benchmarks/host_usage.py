"""What the processes that execute runs use of the host."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import psutil

_INTERVAL_S: Final = 0.1


@dataclass
class HostUsage:
    """CPU time and memory of processes, sampled ten times a second.

    Attributes:
        peak_mib: Resident memory of the largest process.
    """

    peak_mib: float = 0.0
    _cpu_s: dict[int, float] = field(default_factory=dict)

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all processes, without those of the processes that they started."""
        return sum(self._cpu_s.values())

    @contextmanager
    def watch(self, pid: int, chosen: Callable[[psutil.Process], bool] | None = None) -> Iterator[None]:
        """Watch a process while the context is open; with `chosen`, those of its descendants instead."""
        is_over = threading.Event()
        watching = threading.Thread(target=self._watch, args=(psutil.Process(pid), chosen, is_over), daemon=True)
        watching.start()
        try:
            yield
        finally:
            is_over.set()
            watching.join()

    def _watch(
        self, root: psutil.Process, chosen: Callable[[psutil.Process], bool] | None, is_over: threading.Event
    ) -> None:
        known = [root]
        turn = 0
        while not is_over.wait(_INTERVAL_S):
            if chosen is not None and turn % 10 == 0:
                known = [process for process in root.children(recursive=True) if _is(process, chosen)]
            for process in known:
                self._sample(process)
            turn += 1

    def _sample(self, process: psutil.Process) -> None:
        try:
            times = process.cpu_times()
            self._cpu_s[process.pid] = times.user + times.system
            self.peak_mib = max(self.peak_mib, process.memory_info().rss / 2**20)
        except psutil.Error:
            return


def _is(process: psutil.Process, chosen: Callable[[psutil.Process], bool]) -> bool:
    try:
        return chosen(process)
    except psutil.Error:
        return False
