"""What another user sees, for tests that root runs."""

import os
from collections.abc import Callable
from typing import Final

import pytest

needs_root: Final = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


def as_nobody(check: Callable[[], bool]) -> bool:
    """Whether something is so for another user, in a process of its own."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    return os.waitpid(child, 0)[1] == 0
