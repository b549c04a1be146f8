"""Waiting in tests."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], timeout_s: float = 120, what: str = "") -> None:
    """Poll a condition until it is true.

    Raises:
        AssertionError: it is not true within the timeout.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"timed out after {timeout_s} s waiting for {what or 'a condition'}"
        time.sleep(0.02)
