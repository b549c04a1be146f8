"""A fully cached rerun by this project, redun and Snakemake in turn, with the same scripts and files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.bench import Figures
from benchmarks.cached_project import CachedProject
from benchmarks.other_tools import REDUN, SNAKEMAKE
from benchmarks.processes import medians


@dataclass(frozen=True, slots=True)
class CachedResult:
    """The median figures of reruns of a project.

    Attributes:
        samples: The number of samples.
        jobs: The number of scripts, all of them cached.
        runs: The number of reruns of each program.
        figures: The figures by program, ours first.
    """

    samples: int
    jobs: int
    runs: int
    figures: Mapping[str, Figures]


def measure(folder: Path, samples: int, runs: int, console: Console) -> CachedResult:
    """Create a project with this many samples and measure its reruns, with the programs in alternating order."""
    project = CachedProject(folder, samples)
    with console.status(f"{samples} samples, first run by us and by redun"):
        folder.mkdir(parents=True, exist_ok=True)
        project.prepare()
    reruns = {"bioinfo-assets": project.rerun_ours, REDUN: project.rerun_redun, SNAKEMAKE: project.rerun_snakemake}
    measured: dict[str, list[Figures]] = {name: [] for name in reruns}
    for number in range(runs):
        with console.status(f"{samples} samples, rerun {number + 1} of {runs}"):
            for name in sorted(reruns, reverse=number % 2 == 1):
                measured[name].append(reruns[name]())
    return CachedResult(samples, project.jobs, runs, {name: medians(figures) for name, figures in measured.items()})


def show(results: list[CachedResult], console: Console) -> None:
    """Print the table."""
    table = Table(title="A rerun in which all is cached", caption=_CAPTION)
    for column in ("samples", "jobs", "runs", "program"):
        table.add_column(column, justify="left" if column == "program" else "right")
    for column in ("wall s", "ratio", "CPU s", "ratio", "peak MiB", "ratio"):
        table.add_column(column, justify="right")
    for result in results:
        redun = result.figures[REDUN]
        for name, figures in result.figures.items():
            table.add_row(
                *(str(result.samples), str(result.jobs), str(result.runs), name),
                *(f"{figures.wall_s:.2f}", f"{figures.wall_s / redun.wall_s:.2f}"),
                *(f"{figures.cpu_s:.2f}", f"{figures.cpu_s / redun.cpu_s:.2f}"),
                *(f"{figures.peak_mib:.0f}", f"{figures.peak_mib / redun.peak_mib:.2f}"),
            )
        table.add_section()
    console.print(table)


_CAPTION: Final = (
    "medians of complete processes, from start to exit; ratio: to redun's; jobs: scripts, which are the same for all; "
    "peak: the largest single process"
)
