"""A cache that computes each value once, although many threads may request it at the same time."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class SingleFlight(Generic[Value]):
    """Cached values by name; a thread waits only for the value that it requests.

    >>> lengths = SingleFlight()
    >>> lengths.get("bam", len), lengths.get("bam", lambda name: 0)
    (3, 3)
    """

    def __init__(self) -> None:
        self._values: dict[str, Value] = {}
        self._locks: dict[str, Lock] = {}
        self._lock = Lock()

    def get(self, name: str, compute: Callable[[str], Value]) -> Value:
        """Return the value of a name; an error in computing it is raised and not cached."""
        with self._lock:
            lock = self._locks.setdefault(name, Lock())
        with lock:
            if name not in self._values:
                self._values[name] = compute(name)
            return self._values[name]

    def values(self) -> list[Value]:
        """All cached values."""
        return list(self._values.values())

    def get_cached(self, name: str) -> Value | None:
        """Return the value of a name if it is cached."""
        return self._values.get(name)

    def clear(self) -> None:
        """Remove all values, so that they are computed again."""
        self._values.clear()

    def forget(self, name: str) -> None:
        """Remove a value, so that it is computed again."""
        self._values.pop(name, None)
