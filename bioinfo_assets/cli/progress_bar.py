"""Progress on a terminal: bytes read, and a spinner while records are read."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn


@contextmanager
def progress_bar(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Gives what to call, from any thread, with each number of bytes read; nothing is shown but on a terminal.

    Args:
        what: What is read.
        total: All of its bytes, where that is known.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # what goes into a file or a pipe goes there all the same
    ) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def reading_records() -> AbstractContextManager[object]:
    """A spinner on stderr while records are read: for ten thousand samples, half a minute the first time."""
    return Console(stderr=True).status("reading records")
