"""Measure and print the figures of docs/benchmarks.md: `python -m benchmarks`, or one part by its command."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import aligner_memory as aligner_memory_module
from benchmarks import aligners as aligners_module
from benchmarks import cached as cached_module
from benchmarks import chain as chain_module
from benchmarks import cohort as cohort_module
from benchmarks import dagit_pages, instant_jobs, provenance, reads
from benchmarks import digests as digests_module
from benchmarks import engine_threads as engine_threads_module
from benchmarks import executors as executors_module
from benchmarks import fused as fused_module
from benchmarks import orchestrators as orchestrators_module
from benchmarks import streamed as streamed_module
from benchmarks.cohort import COMMAND
from benchmarks.played_jobs import compute_templates
from bioinfo_assets.steps.engine import Engine

app = typer.Typer(add_completion=False)
console = Console(width=None if sys.stdout.isatty() else 150)


@dataclass
class Report:
    """The figures so far, also written to a JSON file if there is one."""

    json_file: Path | None = None
    parts: dict[str, object] = field(default_factory=dict)

    def add(self, name: str, figures: object) -> None:
        """Add the figures of a part."""
        self.parts[name] = figures
        if self.json_file:
            self.json_file.write_text(json.dumps(self.parts, indent=2) + "\n")


report = Report()


@app.callback(invoke_without_command=True)
def everything(
    context: typer.Context,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file as JSON.")] = None,
) -> None:
    """Print all figures, or those of one part; needs some GB in $TMPDIR."""
    report.json_file = json_file
    if context.invoked_subcommand is None:
        chain()
        executors()
        cached()


@app.command()
def chain(
    pairs: Annotated[int, typer.Option(help="Simulated read pairs; 0 skips them.")] = 150_000,
    fastqs: Annotated[Path | None, typer.Option(help="A folder with the FASTQs of another sample.")] = None,
    reference: Annotated[Path | None, typer.Option(help="Their reference.")] = None,
    known_sites: Annotated[list[Path] | None, typer.Option(help="Their known sites, bgzipped and indexed.")] = None,
    engine: Annotated[Engine, typer.Option(help="Computes the steps that both engines can.")] = Engine.NATIVE,
    cpus: Annotated[int, typer.Option(help="CPUs that each of our jobs has at least.")] = 1,
) -> None:
    """Our steps against the seed's commands."""
    if fastqs and not (reference and known_sites):
        raise typer.BadParameter("--fastqs needs --reference and --known-sites")
    with _folder() as folder:
        inputs = {}
        if pairs:
            inputs["simulated"] = reads.simulate_reads(folder / "data", pairs)
        if fastqs and reference:
            inputs["given"] = reads.read_folder(fastqs, reference, tuple(known_sites or ()))
        for name, sample_reads in inputs.items():
            result = chain_module.measure(folder / name, sample_reads, console, engine, cpus)
            chain_module.show(result, console)
            report.add(f"chain, {name}", asdict(result))


@app.command()
def cohort(
    *,
    samples: Annotated[
        list[int] | None, typer.Option(help="Samples, with jobs played on the simulator of AWS Batch; 100 by default.")
    ] = None,
    requests_per_s: Annotated[float | None, typer.Option(help="Calls of Batch that the account may make.")] = None,
    backfill: Annotated[bool, typer.Option(help="Start them in Dagit, as a backfill over samples.")] = False,
    runs: Annotated[int, typer.Option(help="Cohorts of that size side by side in one account.")] = 1,
    versitygw: Annotated[
        Path | None, typer.Option(exists=True, help="Program of that S3 server, which is faster than moto's.")
    ] = None,
) -> None:
    """What samples cost the host of a run on AWS Batch."""
    if backfill and runs > 1:
        raise typer.BadParameter("--runs is for the command line: a backfill is one")
    with _folder() as folder:
        templates = compute_templates(folder, COMMAND)
        measured = [
            cohort_module.measure(
                folder / str(size),
                size,
                templates,
                requests_per_s,
                by_backfill=backfill,
                runs=runs,
                versitygw=versitygw,
            )
            for size in samples or [100]
        ]
    console.print(cohort_module.table(measured))
    report.add("cohort on AWS Batch", [asdict(figures) for figures in measured])


@app.command()
def streamed(
    pairs: Annotated[int, typer.Option(help="Simulated read pairs.")] = 300_000,
    runs: Annotated[int, typer.Option(help="Runs of each way.")] = 3,
) -> None:
    """Merging, trimming and alignment of a sample by files, and as one stream."""
    with _folder() as folder:
        figures = streamed_module.measure(folder, pairs, runs)
    console.print(streamed_module.table(figures))
    report.add("one stream", [asdict(item) for item in figures])


@app.command()
def fused() -> None:
    """One job a step against fused jobs, on the simulator of AWS Batch."""
    with _folder() as folder:
        figures = fused_module.measure(folder)
    console.print(fused_module.table(figures))
    report.add("fused jobs", [asdict(item) for item in figures])


@app.command(name="instant-jobs")
def instant(
    samples: Annotated[list[int] | None, typer.Option(help="Samples; 10, 100 and 1,000 by default.")] = None,
    postgres: Annotated[str, typer.Option(help="URL of an empty PostgreSQL database; SQLite without.")] = "",
) -> None:
    """What samples cost the host whose jobs take no time, and how Dagit's pages load then."""
    runs = []
    with _folder() as folder:
        for size in samples or [10, 100, 1000]:
            first, rerun = instant_jobs.measure(folder / str(size), size, postgres)
            runs += [("first", first), ("rerun", rerun)]
            if not postgres:
                times = dagit_pages.measure(folder / str(size) / "out", first.run_id, f"sample{size // 2:05d}")
                console.print(dagit_pages.table(size, times))
                report.add(f"Dagit's pages, {size} samples", [asdict(item) for item in times])
    console.print(instant_jobs.table(runs))
    report.add("jobs that take no time", [asdict(run) for _, run in runs])


@app.command()
def executors(
    steps: Annotated[int, typer.Option(help="Trivial steps in one run.")] = 200,
    few_steps: Annotated[int, typer.Option(help="Steps for Dagster's multiprocess executor.")] = 12,
) -> None:
    """Our executor against Dagster's."""
    with _folder() as folder:
        rows = executors_module.measure(folder, steps, few_steps, console)
    executors_module.show(rows, console)
    report.add("executors", [asdict(row) for row in rows])


@app.command()
def cached(
    samples: Annotated[
        list[int] | None, typer.Option(help="Number of samples; may be repeated; 2 and 100 by default.")
    ] = None,
    runs: Annotated[int, typer.Option(help="Reruns of each program.")] = 5,
    projects: Annotated[
        Path | None, typer.Option("--kept", metavar="DIR", help="Keep the projects in this folder, and reuse them.")
    ] = None,
) -> None:
    """Our rerun of a project in which all is up to date against redun's."""
    with _folder() as folder:
        parent = projects.absolute() if projects else folder
        results = [cached_module.measure(parent / str(count), count, runs, console) for count in samples or (2, 100)]
    cached_module.show(results, console)
    report.add("cached rerun", [asdict(result) for result in results])


@app.command()
def orchestrators(
    samples: Annotated[int, typer.Option(help="Number of samples; each has seven steps.")] = 50,
    runs: Annotated[int, typer.Option(help="Runs of each program, each in a new folder.")] = 3,
) -> None:
    """Many trivial jobs by this project, redun, Snakemake and Nextflow: first run and rerun."""
    with _folder() as folder:
        result = orchestrators_module.measure(folder, samples, runs, console)
    orchestrators_module.show(result, console)
    report.add("orchestrators", asdict(result))


@app.command()
def log(
    output_path: Annotated[Path, typer.Option(help="A project, of many samples.")],
    record: Annotated[Path, typer.Option(help="The record of a result in it.")],
    catalog: Annotated[Path | None, typer.Option(help="The cache of `log`, removed before each first run.")] = None,
    runs: Annotated[int, typer.Option(help="Warm runs of each command.")] = 5,
) -> None:
    """The time to show the provenance of a file."""
    samples = sum(1 for _ in (output_path / "records" / "samples").glob("*.json"))
    results = provenance.measure(output_path.absolute(), record, catalog, runs, console)
    provenance.show(results, samples, console)
    report.add("log", [asdict(result) for result in results])


@app.command()
def aligners(
    pairs: Annotated[int, typer.Option(help="Read pairs.")] = 150_000,
    threads: Annotated[int, typer.Option(help="Threads of each aligner.")] = 1,
    runs: Annotated[int, typer.Option(help="Runs of each aligner.")] = 3,
) -> None:
    """Compare bwa-mem3 with bwa."""
    with _folder() as folder:
        comparison = aligners_module.measure(folder, pairs, threads, runs)
    aligners_module.show(comparison, console)
    report.add("aligners", [asdict(comparison)])


@app.command()
def engine_threads(
    pairs: Annotated[int, typer.Option(help="Read pairs.")] = 150_000,
) -> None:
    """The engine's subcommands with one, two and four threads."""
    with _folder() as folder:
        records, figures = engine_threads_module.measure(folder, pairs)
    engine_threads_module.show(records, figures, console)
    report.add("engine-threads", [asdict(own) for own in figures])


@app.command()
def aligner_memory(
    megabases: Annotated[list[int] | None, typer.Option(help="Sizes of genomes; 8, 32, 64 and 128 by default.")] = None,
    threads: Annotated[list[int] | None, typer.Option(help="Numbers of threads; 1, 4 and 16 by default.")] = None,
    batch_bases: Annotated[int, typer.Option(help="Bases of a batch of reads; the step's are 100 million.")] = 10**8,
    aligner: Annotated[str, typer.Option(help="bwa or bwa-mem2.")] = "bwa",
) -> None:
    """The memory of indexing and alignment, and what it becomes for a human genome."""
    setup = aligner_memory_module.Setup(aligner, megabases or [8, 32, 64, 128], threads or [1, 4, 16], batch_bases)
    with _folder() as folder:
        peaks = aligner_memory_module.measure(folder, setup, console)
    aligner_memory_module.show(peaks, aligner, console)
    report.add(f"memory of {aligner}", [asdict(peak) for peak in peaks])


@app.command()
def digests(
    megabytes: Annotated[int, typer.Option(help="Size of the text.")] = 1000,
    runs: Annotated[int, typer.Option(help="Runs of each command.")] = 3,
) -> None:
    """The cost of digests, and of decompression for them."""
    with _folder() as folder:
        costs = digests_module.measure(folder, megabytes, runs)
    digests_module.show(costs, console)
    report.add("digests", [asdict(cost) for cost in costs])


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="benchmarks.") as folder:
        yield Path(folder)


if __name__ == "__main__":
    app()
