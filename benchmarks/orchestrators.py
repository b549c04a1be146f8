"""A chain of trivial steps for each of many samples, by this project and by other workflow managers, two at a time."""

import json
import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks import redun_plan
from benchmarks.bench import REPOSITORY, Figures
from benchmarks.other_tools import NEXTFLOW, REDUN, SNAKEMAKE, ensure_installed, ensure_nextflow
from benchmarks.processes import medians, run
from benchmarks.trivial_chain.ours import SCRIPTS
from bioinfo_assets.application.dagster_sync_marker import FILE_NAME as SYNC_MARKER
from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.samples import save_sample
from bioinfo_assets.storage.store import Store

OURS: Final = "bioinfo-assets"
STEPS: Final = 7
"""Of each sample; Nextflow's workflow names each."""

_WORKFLOWS: Final = REPOSITORY / "benchmarks" / "trivial_chain"
_JOBS_AT_A_TIME: Final = "2"
_REMOVED_VARIABLES: Final = ("BIOINFO_", "DAGSTER_", "NXF_", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """The median figures of one program.

    Attributes:
        program: Its name.
        first: The run that computes everything.
        rerun: The next run, in which everything is up to date.
        reported: The next run, if it has to report every result to Dagster once more; None for other programs.
    """

    program: str
    first: Figures
    rerun: Figures
    reported: Figures | None


@dataclass(frozen=True, slots=True)
class OrchestratorsResult:
    """The figures of all programs, ours first.

    Attributes:
        samples: The number of samples.
        runs: The number of runs of each program.
        load: The load average of the machine before and after.
        programs: Their figures.
    """

    samples: int
    runs: int
    load: tuple[float, float]
    programs: tuple[ProgramResult, ...]


@dataclass(frozen=True)
class Chains:
    """Chains of trivial steps in a folder of their own, for one run of one program after the other.

    Attributes:
        folder: The folder.
        samples: The number of samples.
    """

    folder: Path
    samples: int

    def prepare(self, program: str) -> Path:
        """Write the samples and scripts into a new folder for a program; return it."""
        folder = self.folder / re.split("[ =]", program, maxsplit=1)[0]
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "data").mkdir(parents=True)
        for name in self._names:
            (folder / "data" / f"{name}.txt").write_text(f"{name}\n")
        (folder / SCRIPTS).write_text(json.dumps(self._scripts))
        if program == OURS:
            ledger = Ledger(Store(), str(folder / "results"))
            for name in self._names:  # its lane names no file, since no step reads FASTQs
                save_sample(ledger, Sample(name, (Lane("F1", 1, f"/{name}_1.fastq.gz", f"/{name}_2.fastq.gz", name),)))
        elif program == REDUN:
            (folder / ".redun").mkdir()
            backend = f"[backend]\ndb_uri = sqlite:///{folder}/.redun/redun.db\n"
            executor = f"[executors.default]\ntype = local\nmax_workers = {_JOBS_AT_A_TIME}\n"
            (folder / ".redun" / "redun.ini").write_text(f"{backend}\n{executor}")
        elif program == NEXTFLOW:
            (folder / "nextflow.config").write_text(f"executor.cpus = {_JOBS_AT_A_TIME}\n")
        return folder

    def run_ours(self, folder: Path, *, expect_cached: bool) -> Figures:
        """Run our command line; check what it computed, and that Dagster has a materialization of each result."""
        command = [sys.executable, "-m", "benchmarks.trivial_chain.ours", "run", "--no-known-sites", "--json"]
        command += ["--output-path", str(folder / "results"), "--cpus", _JOBS_AT_A_TIME]
        figures, output, _ = run(command, folder, self._environment)
        state = "cached" if expect_cached else "done"
        count = sum(row[state] for row in json.loads(output)["jobs"].values())
        self._check(count, f"of our jobs were {state}")
        with closing(sqlite3.connect(folder / "results" / ".dagster" / "history" / "runs" / "index.db")) as events:
            query = (
                "SELECT COUNT(DISTINCT asset_key || partition) FROM event_logs"
                " WHERE dagster_event_type = 'ASSET_MATERIALIZATION'"
            )
            self._check(events.execute(query).fetchone()[0], "of our results are in Dagster's event log")
        return figures

    def run_redun(self, folder: Path, *, expect_cached: bool) -> Figures:
        """Run redun."""
        program = str(ensure_installed(REDUN) / "redun")
        workflow = str(_WORKFLOWS / "redun_workflow.py")
        figures, out, log = run([program, "run", workflow, "main"], folder, self._environment)
        count = redun_plan.job_counts(out + log)["chain.step"]["CACHED" if expect_cached else "DONE"]
        self._check(count, "of redun's tasks were so")
        return figures

    def run_snakemake(self, folder: Path, *, expect_cached: bool) -> Figures:
        """Run Snakemake."""
        program = str(ensure_installed(SNAKEMAKE) / "snakemake")
        command = [program, "--snakefile", str(_WORKFLOWS / "Snakefile"), "--cores", _JOBS_AT_A_TIME]
        figures, _, log = run(command, folder, self._environment)
        done = 0 if "Nothing to be done" in log else log.count("Finished jobid: ") - 1  # one is the rule `all`
        self._check(self.jobs - done if expect_cached else done, "of Snakemake's jobs were so")
        return figures

    def run_nextflow(self, folder: Path, *, expect_cached: bool) -> Figures:
        """Run Nextflow."""
        command = [*ensure_nextflow(), "run", str(_WORKFLOWS / "main.nf"), "-ansi-log", "false", "-offline"]
        command += ["-resume"] if expect_cached else []
        environment = {**self._environment, "NXF_OFFLINE": "true", "NXF_HOME": str(folder / "home")}
        figures, out, _ = run(command, folder, environment)
        self._check(out.count("Cached process" if expect_cached else "Submitted process"), "of Nextflow's were so")
        return figures

    def check_results(self, folder: Path) -> None:
        """Check that each file has the lines of all steps before it.

        Raises:
            RuntimeError: one differs.
        """
        for name in self._names:
            for number, step in enumerate(self._scripts, start=1):
                text = (folder / "results" / name / f"{name}.{step}.txt").read_text()
                expected = [name, *list(self._scripts)[:number]]
                if text.split() != expected:
                    raise RuntimeError(f"{step} of {name} in {folder} is {text!r}")

    @property
    def jobs(self) -> int:
        """The number of scripts."""
        return self.samples * STEPS

    @cached_property
    def _names(self) -> list[str]:
        return [f"sample{number:04}" for number in range(1, self.samples + 1)]

    @cached_property
    def _scripts(self) -> dict[str, str]:
        """The script of each step: its file is that of the step before, and a line."""
        names = [f"step_{number}" for number in range(1, STEPS + 1)]
        return {name: f"cat input.txt > output.txt; echo {name} >> output.txt" for name in names}

    @cached_property
    def _environment(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_REMOVED_VARIABLES)}
        return {**kept, "PYTHONPATH": str(REPOSITORY)}

    def _check(self, count: int, what: str) -> None:
        if count != self.jobs:
            raise RuntimeError(f"{count} {what}, and not {self.jobs}")


def measure(folder: Path, samples: int, runs: int, console: Console) -> OrchestratorsResult:
    """Measure each program in a new folder, first run and rerun, with the programs in alternating order."""
    chains = Chains(folder, samples)
    programs: dict[str, Callable[..., Figures]] = {
        OURS: chains.run_ours,
        REDUN: chains.run_redun,
        SNAKEMAKE: chains.run_snakemake,
        NEXTFLOW: chains.run_nextflow,
    }
    measured: dict[str, list[tuple[Figures, ...]]] = {name: [] for name in programs}
    load = os.getloadavg()[0]
    for number in range(runs):
        for name in sorted(programs, reverse=number % 2 == 1):
            with console.status(f"{name}, {chains.jobs} jobs, run {number + 1} of {runs}"):
                measured[name].append(_measure_program(chains, name, programs[name]))
    rows = []
    for name, results in measured.items():
        first, rerun, *reported = (medians(figures) for figures in zip(*results, strict=True))
        rows.append(ProgramResult(name, first, rerun, reported[0] if reported else None))
    return OrchestratorsResult(samples, runs, (load, os.getloadavg()[0]), tuple(rows))


def _measure_program(chains: Chains, name: str, execute: Callable[..., Figures]) -> tuple[Figures, ...]:
    folder = chains.prepare(name)
    first = execute(folder, expect_cached=False)
    chains.check_results(folder)
    if name == REDUN:  # its first rerun runs a Python task again (see `cached_project`)
        chains.run_redun(folder, expect_cached=True)
    rerun = execute(folder, expect_cached=True)
    if name != OURS:
        return first, rerun
    (folder / "results" / ".dagster" / SYNC_MARKER).unlink()
    return first, rerun, execute(folder, expect_cached=True)


def show(result: OrchestratorsResult, console: Console) -> None:
    """Print the table."""
    load = f"load {result.load[0]:.1f} before, {result.load[1]:.1f} after"
    table = Table(title=f"{result.samples} samples with {STEPS} trivial steps each, two jobs at a time", caption=load)
    table.add_column("program")
    table.add_column("run")
    for column in ("wall s", "of ours", "CPU s", "of ours", "peak MiB"):
        table.add_column(column, justify="right")
    ours = result.programs[0]
    for program in result.programs:
        _add_row(table, program.program, "first", program.first, ours.first)
        _add_row(table, "", "rerun", program.rerun, ours.rerun)
        if program.reported is not None:
            _add_row(table, "", "rerun, reported to Dagster", program.reported, ours.rerun)
        table.add_section()
    console.print(table)


def _add_row(table: Table, name: str, kind: str, figures: Figures, ours: Figures) -> None:
    table.add_row(
        *(name, kind, f"{figures.wall_s:.2f}", f"{figures.wall_s / ours.wall_s:.2f}"),
        *(f"{figures.cpu_s:.2f}", f"{figures.cpu_s / ours.cpu_s:.2f}", f"{figures.peak_mib:.0f}"),
    )
