"""`bioinfo-assets samples`: the samples of a project, added, listed, renamed and removed."""

import json as json_module
import shlex
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bioinfo_assets.application.paths import absolute_path, own_command
from bioinfo_assets.cli.exit_codes import FriendlyErrorsGroup
from bioinfo_assets.cli.options import Json, OutputPath
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.samples import (
    PastSample,
    load_sample,
    past_samples,
    read_samples_file,
    remove_samples,
    rename_sample,
    sample_names,
    save_sample,
)
from bioinfo_assets.storage.store import Store

samples = typer.Typer(
    cls=FriendlyErrorsGroup,
    no_args_is_help=True,
    add_completion=False,
    help="The samples of a project: add them from a file, list them, rename and remove them.",
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
    found = read_samples_file(ledger.store, absolute_path(samples_file))
    kept = set(sample_names(ledger))
    for sample in found:
        changed = save_sample(ledger, sample)
        what = ("brought up to date" if changed else "there already") if sample.name in kept else "added"
        typer.echo(f"{sample.name}: {what}, {_lanes(sample)}")


@samples.command("list")
def list_(
    *,
    output_path: OutputPath,
    past: Annotated[bool, typer.Option("--past", help="Those that were removed or renamed instead.")] = False,
    json: Json = False,
) -> None:
    """List the samples and their lanes."""
    ledger = _ledger(output_path)
    if past:
        _list_past(past_samples(ledger), json=json)
        return
    found = [load_sample(ledger, name) for name in sample_names(ledger)]
    if json:
        typer.echo(json_module.dumps({sample.name: _document(sample) for sample in found}, indent=2))
        return
    table = Table("SAMPLE", "LIBRARY", "FLOW CELL", "LANE", "READ 1", "READ 2", box=None, pad_edge=False)
    for sample in found:
        for lane in sample.lanes:
            table.add_row(sample.name, lane.library, lane.flowcell, str(lane.number), lane.read1, lane.read2)
        if not sample.lanes:
            table.add_row(sample.name, "(imported)")
    wide = max((len(lane.read1) for sample in found for lane in sample.lanes), default=0)
    Console(width=2 * wide + 80, markup=False, highlight=False).print(table)


@samples.command()
def rename(
    old: Annotated[str, typer.Argument(help="The name it has.")],
    new: Annotated[str, typer.Argument(help="The name it gets.")],
    output_path: OutputPath,
) -> None:
    """Give a sample another name. Its results are made again; those of the old name stay until `gc` is told otherwise.

    The name is in the read groups of each BAM (SM) and in the names of files, so that results of the old name cannot be
    those of the new one.
    """
    ledger = _ledger(output_path)
    sample = rename_sample(ledger, old, new)
    run = shlex.join([own_command(), "run", "--output-path", ledger.output_path, "--samples", sample.name])
    typer.echo(f"{old} is {sample.name} now, with {_lanes(sample)}: its name is in read groups (SM) and file names, so")
    typer.echo(f"its results are made again by: {run}")
    _say_what_stays(ledger, [old])


@samples.command()
def remove(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="The samples.")], output_path: OutputPath
) -> None:
    """Take samples out of the project. Their results and records stay until `gc` is told otherwise."""
    ledger = _ledger(output_path)
    remove_samples(ledger, names)
    for name in dict.fromkeys(names):
        typer.echo(f"{name}: removed")
    _say_what_stays(ledger, names)


def _ledger(output_path: str) -> Ledger:
    return Ledger(Store(), absolute_path(output_path))


def _lanes(sample: Sample) -> str:
    return f"{len(sample.lanes)} lane{'s' if len(sample.lanes) > 1 else ''}"


def _say_what_stays(ledger: Ledger, names: Iterable[str]) -> None:
    made = [name for name in dict.fromkeys(names) if ledger.store.list(ledger.layout.records(name))]
    if made:
        listing = shlex.join([own_command(), "gc", "--dry-run", "--output-path", ledger.output_path])
        typer.echo(f"results of {', '.join(made)} stay where they are; this lists what can be deleted: {listing}")


def _list_past(found: Iterable[PastSample], *, json: bool) -> None:
    if json:
        typer.echo(json_module.dumps([_past_document(past) for past in found], indent=2))
        return
    table = Table("SAMPLE", "WHAT", "WHEN (UTC)", "WHO", "LANES", box=None, pad_edge=False)
    for past in found:
        table.add_row(past.sample.name, str(past), f"{past.at:%Y-%m-%d %H:%M:%S}", past.by, str(len(past.sample.lanes)))
    Console(markup=False, highlight=False).print(table)


def _past_document(past: PastSample) -> dict[str, object]:
    return {
        "sample": past.sample.name,
        "end": past.end,
        "new_name": past.new_name or None,
        "at": past.at.isoformat(),
        "by": past.by,
        "lanes": _document(past.sample),
    }


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
