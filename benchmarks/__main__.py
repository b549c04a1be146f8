"""Measures and prints the figures of docs/benchmarks.md: `python -m benchmarks`; one part, if it is named."""

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

from benchmarks import cached as cached_module
from benchmarks import chain as chain_module
from benchmarks import executors as executors_module
from benchmarks import provenance, reads

app = typer.Typer(add_completion=False)
console = Console(width=None if sys.stdout.isatty() else 150)


@dataclass
class Found:
    """The figures so far, kept in a file if one was asked for."""

    json_file: Path | None = None
    parts: dict[str, object] = field(default_factory=dict)

    def keep(self, name: str, figures: object) -> None:
        """Adds those of a part."""
        self.parts[name] = figures
        if self.json_file:
            self.json_file.write_text(json.dumps(self.parts, indent=2) + "\n")


found = Found()


@app.callback(invoke_without_command=True)
def everything(
    context: typer.Context,
    json_file: Annotated[Path | None, typer.Option("--json", help="Where the figures go as JSON.")] = None,
) -> None:
    """Prints all figures, or those of one part; some GB are needed in $TMPDIR."""
    found.json_file = json_file
    if context.invoked_subcommand is None:
        chain()
        executors()
        cached()


@app.command()
def chain(
    pairs: Annotated[int, typer.Option(help="Simulated read pairs; 0 leaves them out.")] = 150_000,
    fastqs: Annotated[Path | None, typer.Option(help="A folder of one sample's FASTQs, for the chain too.")] = None,
    reference: Annotated[Path | None, typer.Option(help="What they are aligned to.")] = None,
    known_sites: Annotated[list[Path] | None, typer.Option(help="Their known sites, bgzipped and indexed.")] = None,
) -> None:
    """Our steps against the seed's commands."""
    if fastqs and not (reference and known_sites):
        raise typer.BadParameter("--fastqs needs --reference and --known-sites beside it")
    with _folder() as folder:
        chosen = {}
        if pairs:
            chosen["simulated"] = reads.simulated(folder / "data", pairs)
        if fastqs and reference:
            chosen["given"] = reads.given(fastqs, reference, tuple(known_sites or ()))
        for name, one in chosen.items():
            result = chain_module.measure(folder / name, one, console)
            chain_module.show(result, console)
            found.keep(f"chain, {name}", asdict(result))


@app.command()
def executors(
    steps: Annotated[int, typer.Option(help="Trivial steps in one run.")] = 200,
    few_steps: Annotated[int, typer.Option(help="Steps for Dagster's multiprocess executor.")] = 12,
) -> None:
    """Our executor against Dagster's."""
    with _folder() as folder:
        rows = executors_module.measure(folder, steps, few_steps, console)
    executors_module.show(rows, console)
    found.keep("executors", [asdict(row) for row in rows])


@app.command()
def cached(
    samples: Annotated[list[int] | None, typer.Option(help="2 and 100 if none is given; may be repeated.")] = None,
    runs: Annotated[int, typer.Option(help="Reruns of each program.")] = 5,
    kept: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keeps the projects that are rerun, and finds them there again."),
    ] = None,
) -> None:
    """Our rerun of a project in which all is up to date against redun's."""
    with _folder() as folder:
        place = kept.absolute() if kept else folder
        results = [cached_module.measure(place / str(one), one, runs, console) for one in samples or (2, 100)]
    cached_module.show(results, console)
    found.keep("cached rerun", [asdict(one) for one in results])


@app.command()
def log(
    output_path: Annotated[Path, typer.Option(help="A project, of many samples.")],
    record: Annotated[Path, typer.Option(help="The record of a result in it.")],
    catalog: Annotated[Path | None, typer.Option(help="What `log` keeps, removed before each first run.")] = None,
    runs: Annotated[int, typer.Option(help="Warm runs of each command.")] = 5,
) -> None:
    """How long it takes to tell where a file comes from."""
    samples = sum(1 for _ in (output_path / "records" / "samples").glob("*.json"))
    results = provenance.measure(output_path.absolute(), record, catalog, runs, console)
    provenance.show(results, samples, console)
    found.keep("log", [asdict(one) for one in results])


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="benchmarks.") as folder:
        yield Path(folder)


if __name__ == "__main__":
    app()
