"""What Dagster costs on the host for each step: our executor, Dagster's two, and the same jobs without Dagster."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

_SAMPLE_S: Final = 0.2
_CACHED: Final = "one_process, all cached"


@dataclass(frozen=True, slots=True)
class ExecutorResult:
    """What trivial steps took under one executor.

    Attributes:
        executor: Its name.
        steps: How many were in the one run.
        wall_s: Seconds of the run.
        cpu_s: Seconds of processor time of host and jobs.
        peak_mib: Memory of all its processes together at its highest, shared pages counted once.
    """

    executor: str
    steps: int
    wall_s: float
    cpu_s: float
    peak_mib: float


def measure(folder: Path, steps: int, few_steps: int, console: Console) -> list[ExecutorResult]:
    """Runs trivial steps under each executor, each in a process of its own, one after the other."""
    counts = {"no Dagster": steps, "one_process": steps, "in_process": steps, "multiprocess": few_steps}
    found: list[ExecutorResult] = []
    for executor, count in counts.items():
        with console.status(f"{count} trivial steps, {executor}"):
            own = folder / executor.replace(" ", "_")
            own.mkdir(parents=True)
            found += _run(executor, count, own)
    return found


def show(found: list[ExecutorResult], console: Console) -> None:
    """Prints the table; ratios are to our executor, step by step."""
    ours = next(one for one in found if one.executor == "one_process")
    table = Table(title="Trivial steps, one run each", caption=_CAPTION)
    table.add_column("executor")
    for column in ("steps", "wall s", "wall s a step", "ratio", "CPU s a step", "ratio", "peak MiB", "ratio"):
        table.add_column(column, justify="right")
    for one in found:
        wall, cpu = one.wall_s / one.steps, one.cpu_s / one.steps
        table.add_row(
            one.executor,
            *(str(one.steps), f"{one.wall_s:.1f}", f"{wall:.3f}", f"{wall / (ours.wall_s / ours.steps):.2f}"),
            *(f"{cpu:.3f}", f"{cpu / (ours.cpu_s / ours.steps):.2f}"),
            *(f"{one.peak_mib:.0f}", f"{one.peak_mib / ours.peak_mib:.2f}"),
        )
    console.print(table)


_CAPTION: Final = (
    "ratio: to one_process. one_process runs this project's assets (fingerprint, record, digests, job events); "
    "in_process and multiprocess run plain assets whose bodies give the same job to the same backend and write no "
    "record; no Dagster: the jobs alone. multiprocess takes seconds a step, so it gets fewer."
)


def _run(executor: str, steps: int, folder: Path) -> Iterator[ExecutorResult]:
    command = [sys.executable, "-m", "benchmarks.trivial", executor, str(steps), str(folder)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        memory = _Memory(process.pid)
        memory.start()
        for name, line in zip(("", executor, _CACHED), process.stdout or (), strict=False):
            peak_mib = memory.take_peak()
            if name:  # the first is one step, to make databases and load code
                yield ExecutorResult(name, steps, **json.loads(line), peak_mib=peak_mib)
    if process.wait() != 0:
        raise RuntimeError(f"{executor} failed:\n{(folder / 'log').read_text()[-4000:]}")


class _Memory(threading.Thread):
    """Looks at the memory of a process and all below it while they live."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._peak = pid, 0.0

    def take_peak(self) -> float:
        """The highest since the last time, in MiB."""
        peak, self._peak = self._peak, 0.0
        return peak

    def run(self) -> None:
        """Looks until the process is gone."""
        while now := sum(map(_pss_mib, _family(self._pid))):
            self._peak = max(self._peak, now)
            time.sleep(_SAMPLE_S)


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:  # it has ended meanwhile
        return
    for task in tasks:
        for child in _read(task).split():
            yield from _family(int(child))


def _pss_mib(pid: int) -> float:
    """Proportional set size: pages that several processes share are shared out among them (proc(5))."""
    lines = _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # as above
        return ""
