"""Run a command and measure it with its child processes."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.bench import Figures


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[Figures, str, str]:
    """Run a command; return its figures, standard output and standard error.

    CPU time is that of all its processes that were waited for, memory that of the largest of them (wait4(2)).

    Raises:
        RuntimeError: The exit code is not 0.
    """
    streams = [folder / "stdout", folder / "stderr"]
    with streams[0].open("wb") as out, streams[1].open("wb") as err:
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    texts = [stream.read_text(errors="replace") for stream in streams]
    if process.returncode != 0:
        raise RuntimeError(
            f"{' '.join(command)} ended with {process.returncode}:\n{texts[0][-2000:]}{texts[1][-4000:]}"
        )
    return Figures(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), texts[0], texts[1]


def medians(runs: Sequence[Figures]) -> Figures:
    """The medians of each figure."""
    return Figures(
        median(run.wall_s for run in runs), median(run.cpu_s for run in runs), median(run.peak_mib for run in runs)
    )
