"""Progress shown on a terminal: bytes read, and a spinner while records are read."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn


@contextmanager
def progress_bar(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr, if it is a terminal, and provide the function that advances it.

    Args:
        label: What is being read.
        total: The number of bytes to read, if known.

    Yields:
        A function to call, from any thread, with each number of bytes read.
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
        redirect_stdout=sys.stdout.isatty(),  # output to a file or pipe must not pass through the console
    ) as bar:
        task = bar.add_task(label, total=total)
        yield lambda count: bar.advance(task, count)


def reading_records() -> AbstractContextManager[object]:
    """Return a spinner on stderr: ten thousand samples take half a minute the first time."""
    return Console(stderr=True).status("reading records")
