"""A rerun in which all is cached, ours beside redun's and Snakemake's, by turns: the same scripts and files."""

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
    """What reruns of a project took, at the median.

    Attributes:
        samples: How many samples it has.
        jobs: Scripts, all of them cached.
        runs: How many reruns of each.
        took: By program, ours first.
    """

    samples: int
    jobs: int
    runs: int
    took: Mapping[str, Figures]


def measure(folder: Path, samples: int, runs: int, console: Console) -> CachedResult:
    """Makes a project of so many samples, and runs it again and again; the order turns each time."""
    project = CachedProject(folder, samples)
    with console.status(f"{samples} samples are made, by us and by redun"):
        folder.mkdir(parents=True, exist_ok=True)
        project.prepare()
    reruns = {"bioinfo-assets": project.rerun_ours, REDUN: project.rerun_redun, SNAKEMAKE: project.rerun_snakemake}
    found: dict[str, list[Figures]] = {name: [] for name in reruns}
    for number in range(runs):
        with console.status(f"{samples} samples, rerun {number + 1} of {runs}"):
            for name in sorted(reruns, reverse=number % 2 == 1):
                found[name].append(reruns[name]())
    return CachedResult(samples, project.jobs, runs, {name: medians(took) for name, took in found.items()})


def show(results: list[CachedResult], console: Console) -> None:
    """Prints the table."""
    table = Table(title="A rerun in which all is cached", caption=_CAPTION)
    for column in ("samples", "jobs", "runs", "program"):
        table.add_column(column, justify="left" if column == "program" else "right")
    for column in ("wall s", "ratio", "CPU s", "ratio", "peak MiB", "ratio"):
        table.add_column(column, justify="right")
    for result in results:
        theirs = result.took[REDUN]
        for name, took in result.took.items():
            table.add_row(
                *(str(result.samples), str(result.jobs), str(result.runs), name),
                *(f"{took.wall_s:.2f}", f"{took.wall_s / theirs.wall_s:.2f}"),
                *(f"{took.cpu_s:.2f}", f"{took.cpu_s / theirs.cpu_s:.2f}"),
                *(f"{took.peak_mib:.0f}", f"{took.peak_mib / theirs.peak_mib:.2f}"),
            )
        table.add_section()
    console.print(table)


_CAPTION: Final = (
    "medians of whole processes, from the command line to the prompt; ratio: to redun's; jobs: scripts, which are the "
    "same for both; peak: the largest single process"
)
