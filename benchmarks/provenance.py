"""How long `bioinfo-assets log` takes to tell where a file comes from, in a project of many samples."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.bench import Figures
from benchmarks.processes import medians, run
from bioinfo_assets.records.record import Record


@dataclass(frozen=True, slots=True)
class LogResult:
    """What a command took.

    Attributes:
        command: The command, without its paths.
        cold: The first time, without what earlier commands may have kept; None where it was not tried.
        warm: The median of the times after.
    """

    command: str
    cold: Figures | None
    warm: Figures


def measure(output_path: Path, record: Path, catalog: Path | None, runs: int, console: Console) -> list[LogResult]:
    """Times the commands on the first output of a record, as whole processes.

    Args:
        output_path: The project.
        record: The record of the result that is asked for.
        catalog: What `log` keeps for the next time, which is moved away for the first; None leaves that out.
        runs: How often each is run after the first.
        console: Shows how far it is.
    """
    made = Record.model_validate_json(record.read_bytes()).outputs[0]
    place = ["--output-path", str(output_path)]
    commands = {
        "log FILE": [made.uri],
        "log DIGEST": [(made.sha256 or "")[:12], *place],
        "log FILE --down": [made.uri, "--down"],
    }
    found = []
    with TemporaryDirectory(prefix="log.") as folder:
        for name, words in commands.items():
            with console.status(name):
                found.append(_measure(name, words, catalog, runs, Path(folder)))
    return found


def _measure(name: str, words: Sequence[str], catalog: Path | None, runs: int, folder: Path) -> LogResult:
    cold = None
    if catalog is not None:
        catalog.unlink(missing_ok=True)
        cold = _log(words, folder)
    return LogResult(name, cold, medians([_log(words, folder) for _ in range(runs)]))


def _log(words: Sequence[str], folder: Path) -> Figures:
    program = str(Path(sys.executable).parent / "bioinfo-assets")
    environment: Mapping[str, str] = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    figures, told, _ = run([program, "log", *words], folder, environment)
    if not told.strip():
        raise RuntimeError(f"log {' '.join(words)} told nothing")
    return figures


def show(results: Sequence[LogResult], samples: int, console: Console) -> None:
    """Prints the table."""
    table = Table(title=f"Provenance of one file among {samples:,} samples", caption=_CAPTION)
    table.add_column("command")
    for column in ("cold wall s", "CPU s", "peak MiB", "warm wall s", "CPU s", "peak MiB"):
        table.add_column(column, justify="right")
    for one in results:
        table.add_row(one.command, *_cells(one.cold), *_cells(one.warm))
    console.print(table)


_CAPTION: Final = "whole processes; cold: without what `log` keeps for the next time; warm: medians"


def _cells(figures: Figures | None) -> list[str]:
    if figures is None:
        return ["-"] * 3
    return [f"{figures.wall_s:.2f}", f"{figures.cpu_s:.2f}", f"{figures.peak_mib:.0f}"]
