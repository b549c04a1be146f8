"""Progress of jobs within this process: the command line's status table subscribes here."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from bioinfo_assets.result_key import ResultKey

_log = logging.getLogger(__name__)


class JobState(Enum):
    """The state of a result's job; CACHED: the result was reused or copied."""

    PENDING = "pending"
    RUNNING = "running"
    FAILED = "failed"
    CACHED = "cached"
    DONE = "done"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class JobUpdate:
    """A change of state.

    Attributes:
        key: The result.
        state: Its job's state.
        reason: A sentence if the job failed, or was done and needs somebody's attention.
        data_version: Of a result that is done or cached, as Dagster gets it.
    """

    key: ResultKey
    state: JobState
    reason: str = ""
    data_version: str = ""


Listener = Callable[[JobUpdate], None]
_listeners: list[Listener] = []


@contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Call `listener` with every update while the context is open, in the threads of the steps."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def notify(update: JobUpdate) -> None:
    """Pass an update to all listeners; one that fails is logged, since a view of a run must not end its jobs."""
    for listener in tuple(_listeners):
        try:
            listener(update)
        except Exception:  # noqa: BLE001 - whatever a listener raises
            _log.exception("%s of %s could not be shown", update.state.name, update.key.label)
