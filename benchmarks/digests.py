"""What it costs to account for an output: its SHA-256, and its decompression for that of its content."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

COMMANDS: Final = {
    "sha256sum": "sha256sum < plain",
    "openssl dgst -sha256": "openssl dgst -sha256 -r < plain",
    "gzip -dc": "gzip -dc < bgzipped > /dev/null",
    "bgzip -dc": "bgzip -dc < bgzipped > /dev/null",
    "bgzip -dc -@ 2": "bgzip -dc -@ 2 < bgzipped > /dev/null",
}
"""By name; each reads the same text, plain or compressed."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The median cost of a command, in seconds for a gigabyte of the text."""

    name: str
    wall_s: float
    cpu_s: float


def measure(folder: Path, megabytes: int, runs: int) -> list[Cost]:
    """Run each command on a text of random FASTQ-like lines."""
    line = os.urandom(1_000_000).translate(bytes(b"ACGTFFFF:,#\n"[value % 12] for value in range(256)))
    with (folder / "plain").open("wb") as file:
        for start in range(megabytes):
            file.write(line[start * 37 % 1_000_000 :] + line[: start * 37 % 1_000_000])
    subprocess.run(["bash", "-c", "bgzip -c -l 1 -@ 2 < plain > bgzipped"], cwd=folder, check=True)
    return [_cost(folder, name, command, megabytes, runs) for name, command in COMMANDS.items()]


def _cost(folder: Path, name: str, command: str, megabytes: int, runs: int) -> Cost:
    costs = sorted(_time(folder, command) for _ in range(runs))
    wall_s, cpu_s = costs[len(costs) // 2]
    return Cost(name, wall_s * 1000 / megabytes, cpu_s * 1000 / megabytes)


def _time(folder: Path, command: str) -> tuple[float, float]:
    started = time.perf_counter()
    with subprocess.Popen(["bash", "-c", command], cwd=folder, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime


def show(costs: list[Cost], console: Console) -> None:
    """Print the costs."""
    table = Table("command", "wall s a GB", "CPU s a GB", title="digests and decompression")
    for cost in costs:
        table.add_row(cost.name, f"{cost.wall_s:.2f}", f"{cost.cpu_s:.2f}")
    console.print(table)
