"""The overhead of Dagster for each step: our executor, Dagster's two, and the same jobs without Dagster."""

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

_SAMPLE_INTERVAL_S: Final = 0.2
_CACHED: Final = "one_process, all cached"


@dataclass(frozen=True, slots=True)
class ExecutorResult:
    """The figures of trivial steps under one executor.

    Attributes:
        executor: Its name.
        steps: The number of steps in the run.
        wall_s: Wall-clock time of the run in seconds.
        cpu_s: CPU time of host and jobs in seconds.
        peak_mib: Peak memory of all its processes together in MiB, with shared pages counted once.
    """

    executor: str
    steps: int
    wall_s: float
    cpu_s: float
    peak_mib: float


def measure(folder: Path, steps: int, few_steps: int, console: Console) -> list[ExecutorResult]:
    """Run trivial steps under each executor in turn, each in its own process."""
    counts = {"no Dagster": steps, "one_process": steps, "in_process": steps, "multiprocess": few_steps}
    results: list[ExecutorResult] = []
    for executor, count in counts.items():
        with console.status(f"{count} trivial steps, {executor}"):
            executor_folder = folder / executor.replace(" ", "_")
            executor_folder.mkdir(parents=True)
            results += _run(executor, count, executor_folder)
    return results


def show(results: list[ExecutorResult], console: Console) -> None:
    """Print the table, with ratios to our executor for each step."""
    ours = next(result for result in results if result.executor == "one_process")
    table = Table(title="Trivial steps, one run each", caption=_CAPTION)
    table.add_column("executor")
    for column in ("steps", "wall s", "wall s a step", "ratio", "CPU s a step", "ratio", "peak MiB", "ratio"):
        table.add_column(column, justify="right")
    for result in results:
        wall, cpu = result.wall_s / result.steps, result.cpu_s / result.steps
        table.add_row(
            result.executor,
            *(str(result.steps), f"{result.wall_s:.1f}", f"{wall:.3f}", f"{wall / (ours.wall_s / ours.steps):.2f}"),
            *(f"{cpu:.3f}", f"{cpu / (ours.cpu_s / ours.steps):.2f}"),
            *(f"{result.peak_mib:.0f}", f"{result.peak_mib / ours.peak_mib:.2f}"),
        )
    console.print(table)


_CAPTION: Final = (
    "ratio: to one_process. one_process runs this project's assets (fingerprint, record, digests, job events); "
    "in_process and multiprocess run plain assets that submit the same jobs to the same backend and write no record; "
    "no Dagster: the jobs alone. multiprocess takes seconds a step, so it gets fewer."
)


def _run(executor: str, steps: int, folder: Path) -> Iterator[ExecutorResult]:
    command = [sys.executable, "-m", "benchmarks.trivial", executor, str(steps), str(folder)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        memory = _Memory(process.pid)
        memory.start()
        for name, line in zip(("", executor, _CACHED), process.stdout or (), strict=False):
            peak_mib = memory.take_peak()
            if name:  # the first run has one step, to create databases and load code
                yield ExecutorResult(name, steps, **json.loads(line), peak_mib=peak_mib)
    if process.wait() != 0:
        raise RuntimeError(f"{executor} failed:\n{(folder / 'log').read_text()[-4000:]}")


class _Memory(threading.Thread):
    """Samples the memory of a process and its descendants while they run."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._peak = pid, 0.0

    def take_peak(self) -> float:
        """Return the peak since the last call in MiB."""
        peak, self._peak = self._peak, 0.0
        return peak

    def run(self) -> None:
        """Sample until the process has ended."""
        while current := sum(map(_pss_mib, _process_tree(self._pid))):
            self._peak = max(self._peak, current)
            time.sleep(_SAMPLE_INTERVAL_S)


def _process_tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:  # the process has ended
        return
    for task in tasks:
        for child in _read(task).split():
            yield from _process_tree(int(child))


def _pss_mib(pid: int) -> float:
    """Proportional set size: each shared page is divided by the number of its processes (proc(5))."""
    lines = _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process has ended
        return ""
