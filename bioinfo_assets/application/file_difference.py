"""The first difference between two files of one form."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import IO, Final, cast

from bioinfo_assets.steps import canonical

_AS_TEXT: Final = {canonical.BAM: "samtools view -h --no-PG - | grep -v '^@PG'"}
"""Filters that decode a file to lines, where its canonical form has none."""

_MAX_SHOWN: Final = 60
"""Characters of a field that are shown."""


def first_difference(file: Path, original: Path, form: str, path: str) -> str:
    """Find the first line, and field, in which the canonical forms of two files differ.

    Args:
        file: The file.
        original: The file that it is compared with.
        form: The canonical form of both (see `launch.job.Output`).
        path: `PATH` for its programs.

    Returns:
        The place and what stands there, in a few words; empty if no line differs.
    """
    with _lines(file, form, path) as ours, _lines(original, form, path) as theirs:
        for number, (line, other) in enumerate(zip_longest(ours, theirs), start=1):
            if line != other:
                return _describe(number, line, other)
    return ""


@contextmanager
def _lines(file: Path, form: str, path: str) -> Iterator[IO[str]]:
    command = ["bash", "-euo", "pipefail", "-c", _AS_TEXT.get(form, form)]
    with (
        file.open("rb") as source,
        subprocess.Popen(
            command,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": path, "JOB_CPUS": "1"},
            text=True,
            errors="replace",
        ) as process,
    ):
        try:
            yield cast("IO[str]", process.stdout)
        finally:
            process.kill()


def _describe(number: int, line: str | None, other: str | None) -> str:
    if line is None or other is None:
        return f"it ends after {number - 1} lines" if line is None else f"the original ends after {number - 1} lines"
    fields, others = line.rstrip("\n").split("\t"), other.rstrip("\n").split("\t")
    at = next(n for n, pair in enumerate(zip_longest(fields, others)) if pair[0] != pair[1])
    place = f"line {number}" if at == 0 else f"line {number} ({fields[0][:_MAX_SHOWN]}), field {at + 1},"
    if at >= min(len(fields), len(others)):
        return f"{place} is missing{'' if at >= len(fields) else ' in the original'}"
    return f"{place} is {_shown(fields[at], others[at])}, and {_shown(others[at], fields[at])} by the original"


def _shown(text: str, other: str) -> str:
    """A field, or of a long one the part where it begins to differ from the other."""
    start = max(0, len(os.path.commonprefix([text, other])) - _MAX_SHOWN // 2)  # noqa: RUF071 - of characters
    part = text[start : start + _MAX_SHOWN]
    return repr(f"{'...' if start else ''}{part}{'...' if start + _MAX_SHOWN < len(text) else ''}")
