"""Our steps and the seed's commands on the same reads, step by step in turn."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import seed
from benchmarks.bench import Bench, Figures
from benchmarks.controls import Pair
from benchmarks.findings import Finding, findings
from benchmarks.ours import Ours
from benchmarks.reads import Reads
from bioinfo_assets.genomics.reference import fasta_name
from bioinfo_assets.steps.engine import Engine


@dataclass(frozen=True, slots=True)
class Step:
    """The figures of a step.

    Attributes:
        name: The name of the step in the seed.
        ours: The figures of our jobs.
        account: The digests and canonical forms of their outputs, measured separately; part of `ours`.
        seed: The figures of the seed's commands.
    """

    name: str
    ours: Figures
    account: Figures
    seed: Figures


@dataclass(frozen=True, slots=True)
class ChainResult:
    """The figures of all steps, and the comparison of the results."""

    reads: str
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...]


def measure(folder: Path, reads: Reads, console: Console, engine: Engine, cpus: int) -> ChainResult:
    """Run both chains one step at a time, ours first in every second step, and compare their results."""
    bench = Bench(folder)
    fasta = bench.plain / fasta_name(str(reads.reference))
    fasta.parent.mkdir(parents=True)
    scripts, ours = seed.scripts(reads, fasta), Ours(bench, reads, engine, cpus)
    with console.status("") as status:
        steps = tuple(_steps(bench, ours, scripts, status.update))
        status.update("comparing the results")
        results = findings(Pair(bench, ours, fasta))
    pairs = sum(1 for _ in (bench.plain / f"{ours.sample}.aln.sam").open()) // 2
    lanes = len(reads.sample.lanes)
    return ChainResult(f"{reads.sample.name}: some {pairs:,} pairs, {lanes} lanes", steps, results)


def _steps(bench: Bench, ours: Ours, scripts: Mapping[str, str], show_status: Callable[[str], None]) -> Iterator[Step]:
    for number, (name, script) in enumerate(scripts.items()):
        show_status(name)
        if number % 2:
            seed_figures = bench.script(name, script)
            figures, account = ours.run(name)
        else:
            figures, account = ours.run(name)
            seed_figures = bench.script(name, script)
        yield Step(name, figures, account, seed_figures)


def total(steps: tuple[Step, ...]) -> Step:
    """The sum of all steps."""
    return Step(
        "all",
        sum((step.ours for step in steps), Figures.none()),
        sum((step.account for step in steps), Figures.none()),
        sum((step.seed for step in steps), Figures.none()),
    )


def show(result: ChainResult, console: Console) -> None:
    """Print both tables."""
    table = Table(title=f"Our steps against the seed's commands, {result.reads}", caption=_CAPTION)
    table.add_column("step")
    for column in (
        "wall s ours",
        "seed",
        "ratio",
        "CPU s ours",
        "of it account",
        "seed",
        "ratio",
        "peak MiB ours",
        "seed",
        "ratio",
    ):
        table.add_column(column, justify="right")
    for step in (*result.steps, total(result.steps)):
        table.add_row(*_row(step), end_section=step is result.steps[-1])
    console.print(table)
    compared = Table(title=f"What is equal in the end, ours / seed's, {result.reads}", show_lines=True)
    for column in ("what", "equal", "different", "why, as measured"):
        compared.add_column(column, overflow="fold")
    for finding in result.findings:
        compared.add_row(finding.what, finding.equal, finding.different, finding.reason)
    console.print(compared)


_CAPTION = (
    "ratio: ours / seed; account: digests and canonical forms of outputs, which the seed does not compute; "
    "peak: the largest single process"
)


def _row(step: Step) -> list[str]:
    ours, theirs = step.ours, step.seed
    return [
        step.name,
        *(f"{ours.wall_s:.1f}", f"{theirs.wall_s:.1f}", f"{ours.wall_s / theirs.wall_s:.2f}"),
        *(f"{ours.cpu_s:.1f}", f"{step.account.cpu_s:.1f}", f"{theirs.cpu_s:.1f}", f"{ours.cpu_s / theirs.cpu_s:.2f}"),
        *(f"{ours.peak_mib:.0f}", f"{theirs.peak_mib:.0f}", f"{ours.peak_mib / theirs.peak_mib:.2f}"),
    ]
