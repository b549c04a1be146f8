"""Our chain of steps against the seed's commands: the same reads, one run, step by step in turn."""

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


@dataclass(frozen=True, slots=True)
class Step:
    """A step of both.

    Attributes:
        name: The seed's name for it.
        ours: What our jobs took.
        account: What the digests and canonical forms of their outputs take, measured once more; part of `ours`.
        seed: What the seed's commands took.
    """

    name: str
    ours: Figures
    account: Figures
    seed: Figures


@dataclass(frozen=True, slots=True)
class ChainResult:
    """All steps, and what is equal in the end."""

    reads: str
    steps: tuple[Step, ...]
    findings: tuple[Finding, ...]


def measure(folder: Path, reads: Reads, console: Console) -> ChainResult:
    """Runs both chains, one step at a time, ours first in every second step, and compares their results."""
    bench = Bench(folder)
    fasta = bench.plain / fasta_name(str(reads.reference))
    fasta.parent.mkdir(parents=True)
    scripts, ours = seed.scripts(reads, fasta), Ours(bench, reads)
    with console.status("") as status:
        steps = tuple(_steps(bench, ours, scripts, status.update))
        status.update("comparing the results")
        results = findings(Pair(bench, ours, fasta))
    pairs = sum(1 for _ in (bench.plain / f"{ours.sample}.aln.sam").open()) // 2
    lanes = len(reads.sample.lanes)
    return ChainResult(f"{reads.sample.name}: some {pairs:,} pairs, {lanes} lanes", steps, results)


def _steps(bench: Bench, ours: Ours, scripts: Mapping[str, str], tell: Callable[[str], None]) -> Iterator[Step]:
    for number, (name, script) in enumerate(scripts.items()):
        tell(name)
        if number % 2:
            theirs = bench.script(name, script)
            took, account = ours.run(name)
        else:
            took, account = ours.run(name)
            theirs = bench.script(name, script)
        yield Step(name, took, account, theirs)


def total(steps: tuple[Step, ...]) -> Step:
    """All steps one after the other."""
    return Step(
        "all",
        sum((step.ours for step in steps), Figures.none()),
        sum((step.account for step in steps), Figures.none()),
        sum((step.seed for step in steps), Figures.none()),
    )


def show(result: ChainResult, console: Console) -> None:
    """Prints both tables."""
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
    "ratio: ours / seed; account: digests and canonical forms of outputs, which the seed has not; "
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
