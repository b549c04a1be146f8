"""The time of `bioinfo-assets log` for the provenance of a file in a project of many samples."""

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
    """The figures of a command.

    Attributes:
        command: The command, without its paths.
        cold: The figures of the first run, with an empty cache; None if it was not measured.
        warm: The medians of the other runs.
    """

    command: str
    cold: Figures | None
    warm: Figures


def measure(output_path: Path, record: Path, catalog: Path | None, runs: int, console: Console) -> list[LogResult]:
    """Measure the commands on the first output of a record, as complete processes.

    Args:
        output_path: The project.
        record: The record of the queried result.
        catalog: The cache of `log`, which is removed before the first run; None skips that run.
        runs: The number of runs after the first.
        console: Shows progress.
    """
    file = Record.model_validate_json(record.read_bytes()).outputs[0]
    commands = {
        "log FILE": [file.uri],
        "log DIGEST": [(file.sha256 or "")[:12], "--output-path", str(output_path)],
        "log FILE --down": [file.uri, "--down"],
    }
    results = []
    with TemporaryDirectory(prefix="log.") as folder:
        for name, words in commands.items():
            with console.status(name):
                results.append(_measure(name, words, catalog, runs, Path(folder)))
    return results


def _measure(name: str, words: Sequence[str], catalog: Path | None, runs: int, folder: Path) -> LogResult:
    cold = None
    if catalog is not None:
        catalog.unlink(missing_ok=True)
        cold = _run_log(words, folder)
    return LogResult(name, cold, medians([_run_log(words, folder) for _ in range(runs)]))


def _run_log(words: Sequence[str], folder: Path) -> Figures:
    program = str(Path(sys.executable).parent / "bioinfo-assets")
    environment: Mapping[str, str] = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    figures, output, _ = run([program, "log", *words], folder, environment)
    if not output.strip():
        raise RuntimeError(f"log {' '.join(words)} printed nothing")
    return figures


def show(results: Sequence[LogResult], samples: int, console: Console) -> None:
    """Print the table."""
    table = Table(title=f"Provenance of one file among {samples:,} samples", caption=_CAPTION)
    table.add_column("command")
    for column in ("cold wall s", "CPU s", "peak MiB", "warm wall s", "CPU s", "peak MiB"):
        table.add_column(column, justify="right")
    for result in results:
        table.add_row(result.command, *_cells(result.cold), *_cells(result.warm))
    console.print(table)


_CAPTION: Final = "complete processes; cold: with an empty cache of `log`; warm: medians"


def _cells(figures: Figures | None) -> list[str]:
    if figures is None:
        return ["-"] * 3
    return [f"{figures.wall_s:.2f}", f"{figures.cpu_s:.2f}", f"{figures.peak_mib:.0f}"]
