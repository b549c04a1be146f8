"""Who wants to know how jobs come along, in this process: the command line's table listens here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum


class JobState(Enum):
    """How far the job of one asset on one scope is; CACHED: its result was there."""

    PENDING = "pending"
    RUNNING = "running"
    FAILED = "failed"
    CACHED = "cached"
    DONE = "done"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class JobUpdate:
    """A change: the asset, the partition (empty where it has none), the state now, and a sentence where it failed."""

    asset: str
    partition: str
    state: JobState
    reason: str = ""


Listener = Callable[[JobUpdate], None]
_listeners: list[Listener] = []


@contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Tells `listener` of every change while the context is open; it is called in the threads of the steps."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def notify(update: JobUpdate) -> None:
    """Tells all listeners."""
    for listener in tuple(_listeners):
        listener(update)
