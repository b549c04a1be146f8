"""What parsers may not do: start programs, connect to anything, or write outside of the folder of their input."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bioinfo_assets_tests.fuzzing.parsers import FOLDER

_FORBIDDEN: Final = frozenset(
    [
        *("subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"),
        *("socket.connect", "socket.getaddrinfo", "os.remove", "os.rename", "os.rmdir", "shutil.rmtree"),
        "pickle.find_class",
    ]
)
"""Python's audit events (https://docs.python.org/3/library/audit_events.html)."""

_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_watched: Final[list[bool]] = []
"""Not empty while a parser runs: an audit hook cannot be removed."""


class ForbiddenError(BaseException):
    """A parser did what no parser may do; no `except Exception` hides it."""


@contextmanager
def parsing() -> Iterator[None]:
    """Raise `ForbiddenError` for what no parser may do, while the context is open."""
    _watched.append(True)
    try:
        yield
    finally:
        _watched.pop()


def _check(event: str, arguments: tuple[object, ...]) -> None:
    if not _watched:
        return
    if event in _FORBIDDEN:
        raise ForbiddenError(f"{event} {arguments}")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES and not _is_inside(arguments[0]):
        raise ForbiddenError(f"open for writing: {arguments[0]}")


def _is_inside(path: object) -> bool:
    return isinstance(path, str | Path) and Path(path).is_relative_to(FOLDER) and ".." not in Path(path).parts


sys.addaudithook(_check)
