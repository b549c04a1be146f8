"""Runs a command to its end and tells what it and all that it started took."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.bench import Figures


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[Figures, str, str]:
    """Runs a command; gives its figures, its standard output and its standard error.

    Processor time is that of all its processes that were waited for, memory that of the largest of them (wait4(2)).

    Raises:
        RuntimeError: It ended with another exit code than 0.
    """
    streams = [folder / "stdout", folder / "stderr"]
    with streams[0].open("wb") as out, streams[1].open("wb") as err:
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    texts = [stream.read_text(errors="replace") for stream in streams]
    if process.returncode != 0:
        raise RuntimeError(
            f"{' '.join(command)} ended with {process.returncode}:\n{texts[0][-2000:]}{texts[1][-4000:]}"
        )
    return Figures(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), texts[0], texts[1]


def medians(runs: Sequence[Figures]) -> Figures:
    """The median of each figure by itself."""
    return Figures(
        median(one.wall_s for one in runs), median(one.cpu_s for one in runs), median(one.peak_mib for one in runs)
    )
