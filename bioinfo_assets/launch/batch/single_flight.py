"""Values that are looked up once each, though many threads ask."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class SingleFlight(Generic[Value]):
    """Values by name; who asks for one that is being looked up waits for it, and for no other.

    >>> lengths = Once()
    >>> lengths.get("bam", len), lengths.get("bam", lambda name: 0)
    (3, 3)
    """

    def __init__(self) -> None:
        self._known: dict[str, Value] = {}
        self._locks: dict[str, Lock] = {}
        self._lock = Lock()

    def get(self, name: str, look_up: Callable[[str], Value]) -> Value:
        """The value of that name; an error of the look-up is raised, and the next who asks looks it up again."""
        with self._lock:
            lock = self._locks.setdefault(name, Lock())
        with lock:
            if name not in self._known:
                self._known[name] = look_up(name)
            return self._known[name]

    def known(self) -> list[Value]:
        """All values that were looked up."""
        return list(self._known.values())

    def forget(self, name: str) -> None:
        """Has the value looked up again."""
        self._known.pop(name, None)
