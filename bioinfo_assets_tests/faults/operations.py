"""Moments at which a process kills itself: before its n-th operation on files, or before its n-th SQL statement.

A moment in time falls into the milliseconds between two renames once in thousands of tries; one that is counted in
operations is between any two of them with the same probability, and comes back with the same number.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

import sqlalchemy

_FILE_EVENTS: Final = frozenset(
    {
        *("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.truncate"),
        *("fcntl.flock", "subprocess.Popen", "socket.sendmsg", "shutil.rmtree"),
    }
)
"""Audit events before which a process may die (docs.python.org, audit events table), and `open` for writing."""


class Kind(Enum):
    """What is counted."""

    FILES = "operations on files"
    RESULTS = "operations on results and records, which few of all are"
    SQL = "statements and commits in Dagster's database"


@dataclass(frozen=True, slots=True)
class Moment:
    """Before an operation of a process.

    Attributes:
        kind: What is counted.
        number: Which one, from 1.
        output: The output path, for what concerns results.
        counts: The file that gets the number of all operations when the process has survived; empty: none does.
    """

    kind: Kind
    number: int
    output: str = ""
    counts: str = ""


class _Counter:
    def __init__(self, moment: Moment) -> None:
        self.moment = moment
        self.count = 0
        self._lock = threading.Lock()

    def __call__(self, *_: object) -> None:
        with self._lock:
            self.count += 1
            if self.count == self.moment.number:
                os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def dying_at(moment: Moment) -> Iterator[None]:
    """Let this process die before an operation of the block."""
    counter = _Counter(moment)

    def on_event(event: str, arguments: tuple[Any, ...]) -> None:
        changes_files = event in _FILE_EVENTS or (event == "open" and _is_for_writing(arguments))
        if changes_files and (moment.kind is Kind.FILES or _is_of_results(arguments, moment.output)):
            counter()

    if moment.kind is Kind.SQL:
        for event in ("before_cursor_execute", "commit"):
            sqlalchemy.event.listen(sqlalchemy.Engine, event, counter)
    else:
        sys.addaudithook(on_event)
    try:
        yield
    finally:
        if moment.counts:
            Path(moment.counts).write_text(str(counter.count), encoding="ascii")


def _is_for_writing(arguments: tuple[Any, ...]) -> bool:
    flags = arguments[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _is_of_results(arguments: tuple[Any, ...], output: str) -> bool:
    """Whether an operation has a path under the output path that is neither in scratch nor in Dagster's home."""
    paths = [str(argument) for argument in arguments[:2] if isinstance(argument, str | os.PathLike)]
    return any(path.startswith(f"{output}/") and not path.startswith(f"{output}/.") for path in paths)
