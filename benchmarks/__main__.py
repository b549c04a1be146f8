"""Measures and prints all figures of docs/benchmarks.md: `python -m benchmarks`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import chain, executors, reads


def main(
    pairs: Annotated[int, typer.Option(help="Simulated read pairs for the chain; 0 leaves it out.")] = 150_000,
    fastqs: Annotated[Path | None, typer.Option(help="A folder of one sample's FASTQs, for the chain too.")] = None,
    reference: Annotated[Path | None, typer.Option(help="What they are aligned to.")] = None,
    known_sites: Annotated[list[Path] | None, typer.Option(help="Their known sites, bgzipped and indexed.")] = None,
    steps: Annotated[int, typer.Option(help="Trivial steps in one run; 0 leaves executors out.")] = 200,
    few_steps: Annotated[int, typer.Option(help="Steps for Dagster's multiprocess executor.")] = 12,
    json_file: Annotated[Path | None, typer.Option("--json", help="Where the figures go as JSON.")] = None,
) -> None:
    """Our steps against the seed's commands, and our executor against Dagster's; some GB are needed in $TMPDIR."""
    if fastqs and not (reference and known_sites):
        raise typer.BadParameter("--fastqs needs --reference and --known-sites beside it")
    console = Console(width=None if sys.stdout.isatty() else 150)
    found: dict[str, object] = {}
    with TemporaryDirectory(prefix="benchmarks.") as folder:
        chosen = {}
        if pairs:
            chosen["simulated"] = reads.simulated(Path(folder) / "data", pairs)
        if fastqs and reference:
            chosen["given"] = reads.given(fastqs, reference, tuple(known_sites or ()))
        for name, one in chosen.items():
            result = chain.measure(Path(folder) / name, one, console)
            chain.show(result, console)
            found[f"chain, {name}"] = asdict(result)
        if steps:
            rows = executors.measure(Path(folder) / "executors", steps, few_steps, console)
            executors.show(rows, console)
            found["executors"] = [asdict(row) for row in rows]
    if json_file:
        json_file.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
