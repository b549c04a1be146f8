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


@dataclass(slots=True)
class PostponedChecks:
    """The results that wait for another check. Not thread-safe.

    Attributes:
        backend: Its interval of polls, and for how long they may fail.
    """

    backend: Backend
    _failing_since: dict[ResultKey, float] = field(default_factory=dict)
    _checks: dict[ResultKey, int] = field(default_factory=dict)
    _due: dict[ResultKey, float] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many results wait."""
        return len(self._due)

    def add(self, key: ResultKey) -> bool:
        """Have a result checked again after a pause; False if it could not be checked for too long."""
        now = time.monotonic()
        if now - self._failing_since.setdefault(key, now) >= self.backend.poll_error_timeout_s:
            return False
        self._checks[key] = self._checks.get(key, -1) + 1
        self._due[key] = now + self.backend.interval_s * 2 ** min(self._checks[key], MAX_DOUBLINGS)
        return True

    def pop_due(self) -> Sequence[ResultKey]:
        """The results whose pause is over; each is returned once."""
        due = [key for key, at in self._due.items() if at <= time.monotonic()]
        for key in due:
            del self._due[key]
        return due

    def forget(self, key: ResultKey) -> None:
        """Note that a result was checked."""
        self._failing_since.pop(key, None)
        self._checks.pop(key, None)
