"""The results of a step that could not be checked because a service did not answer, and are checked again.

Jobs that run already are not affected: polls that fail are repeated too, and for as long.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bioinfo_assets.launch.backend import Backend
from bioinfo_assets.result_key import ResultKey

MAX_DOUBLINGS: Final = 5
"""How often the pause before a check doubles; the first is the backend's interval of polls."""

NEW_FAILURE_S: Final = 600.0
"""A failure so many seconds after the last check was due is not that of the same outage: a job has run since."""


@dataclass(frozen=True, slots=True)
class _Failures:
    """What is known of a result that could not be checked: since when, how often, and when the next check is due."""

    since: float
    count: int = 0
    next_check: float = 0.0


@dataclass(slots=True)
class PostponedChecks:
    """The results that wait for another check. Not thread-safe.

    Attributes:
        backend: Its interval of polls, and for how long they may fail.
    """

    backend: Backend
    _failures: dict[ResultKey, _Failures] = field(default_factory=dict)
    _due: dict[ResultKey, float] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many results wait."""
        return len(self._due)

    def add(self, key: ResultKey) -> bool:
        """Have a result checked again after a pause; False if it could not be checked or published for too long."""
        now = time.monotonic()
        before = self._failures.get(key)
        if before is None or now - before.next_check > NEW_FAILURE_S:
            before = _Failures(since=now)
        if now - before.since >= self.backend.poll_error_timeout_s:
            return False
        due = now + self.backend.interval_s * 2 ** min(before.count, MAX_DOUBLINGS)
        self._failures[key] = _Failures(before.since, before.count + 1, due)
        self._due[key] = due
        return True

    def pop_due(self) -> Sequence[ResultKey]:
        """The results whose pause is over; each is returned once."""
        due = [key for key, at in self._due.items() if at <= time.monotonic()]
        for key in due:
            del self._due[key]
        return due
