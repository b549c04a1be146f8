"""`bioinfo-assets samples`: the samples of a project, added and listed."""

import json as json_module
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bioinfo_assets.cli.options import Json, OutputPath
from bioinfo_assets.cli.paths import absolute
from bioinfo_assets.cli.told import ErrorsAreTold
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.launch.store import Store
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.samples import load_sample, read_samples_file, sample_names, save_sample

samples = typer.Typer(
    cls=ErrorsAreTold, no_args_is_help=True, help="The samples of a project: add them from a file, list them."
)


@samples.command()
def add(
    samples_file: Annotated[str, typer.Argument(metavar="FILE", help="As --samples-file of run.")],
    output_path: OutputPath,
) -> None:
    """Add samples, or bring samples up to date, after a look at the first records of their FASTQs.

    A sample's lanes are those of the file: a name that the project has gets its lanes from here.
    """
    ledger = _ledger(output_path)
    found = read_samples_file(ledger.store, absolute(samples_file))
    kept = set(sample_names(ledger))
    for sample in found:
        changed = save_sample(ledger, sample)
        what = ("brought up to date" if changed else "there already") if sample.name in kept else "added"
        typer.echo(f"{sample.name}: {what}, {_lanes(sample)}")


@samples.command("list")
def list_(*, output_path: OutputPath, json: Json = False) -> None:
    """List the samples and their lanes."""
    ledger = _ledger(output_path)
    found = [load_sample(ledger, name) for name in sample_names(ledger)]
    if json:
        typer.echo(json_module.dumps({sample.name: _document(sample) for sample in found}, indent=2))
        return
    table = Table("SAMPLE", "LIBRARY", "FLOW CELL", "LANE", "READ 1", "READ 2", box=None, pad_edge=False)
    for sample in found:
        for lane in sample.lanes:
            table.add_row(sample.name, lane.library, lane.flowcell, str(lane.number), lane.read1, lane.read2)
    wide = max((len(lane.read1) for sample in found for lane in sample.lanes), default=0)
    Console(width=2 * wide + 80, markup=False, highlight=False).print(table)


def _ledger(output_path: str) -> Ledger:
    return Ledger(Store(), absolute(output_path))


def _lanes(sample: Sample) -> str:
    return f"{len(sample.lanes)} lane{'s' if len(sample.lanes) > 1 else ''}"


def _document(sample: Sample) -> list[dict[str, object]]:
    return [
        {
            "library": lane.library,
            "flowcell": lane.flowcell,
            "lane": lane.number,
            "barcode": lane.barcode,
            "read1": lane.read1,
            "read2": lane.read2,
        }
        for lane in sample.lanes
    ]
