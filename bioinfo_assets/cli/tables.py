"""Tables on the terminal, in a pipe, or in a file."""

import sys
from typing import Final

from rich.console import Console
from rich.table import Column

_UNWRAPPED_WIDTH: Final = 10_000


def table_console() -> Console:
    """A console as wide as the terminal. Elsewhere nothing is shortened or wrapped, for `grep` and scripts."""
    return Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else _UNWRAPPED_WIDTH)


def wide_console() -> Console:
    """A console for tables of paths and sentences, whose long lines a terminal wraps by itself."""
    return Console(markup=False, highlight=False, width=_UNWRAPPED_WIDTH)


def name_column(header: str) -> Column:
    """A column of names or paths: what does not fit goes on in the next line, since their ends distinguish them."""
    return Column(header, overflow="fold")
