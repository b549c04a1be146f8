"""Processes that tests start."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess


@contextmanager
def ending(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> Iterator[None]:
    """Kill a process at the end, whatever happens."""
    try:
        yield
    finally:
        process.kill()
