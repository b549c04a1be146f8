"""`bioinfo-assets samples`: add, list, rename and remove the samples of a project."""

import json as json_module
import shlex
from collections.abc import Iterable
from functools import partial
from typing import Annotated, Final

import typer
from rich.table import Table

from bioinfo_assets.application.paths import absolute_path, own_command
from bioinfo_assets.cli.error_messages import FriendlyErrorsGroup
from bioinfo_assets.cli.options import Json, OutputPath
from bioinfo_assets.cli.tables import name_column, table_console, wide_console
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.records.ended_samples import remove_samples, rename_sample
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.lost_lanes import check_nothing_is_lost
from bioinfo_assets.records.observations import check_are_sources
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.samples import (
    PastSample,
    check_reads_are_new,
    load_sample,
    past_samples,
    read_samples_file,
    sample_names,
    save_samples,
)
from bioinfo_assets.storage.store import Store

samples: Final = typer.Typer(
    rich_markup_mode="markdown",
    cls=FriendlyErrorsGroup,
    no_args_is_help=True,
    add_completion=False,
    help="Add, list, rename and remove the samples of a project.",
)


@samples.command()
def add(
    samples_file: Annotated[str, typer.Argument(metavar="FILE", help="A samples file, as for `run --samples-file`.")],
    output_path: OutputPath,
    *,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Replace existing samples, dropping lanes, sex or patient that the file does not list."
        ),
    ] = False,
) -> None:
    """Add samples, or update existing ones, after checking the first reads of their FASTQs.

    The file has all lanes of a sample. If an existing one would lose a lane, its sex or its patient, nothing is added,
    unless --replace is given.
    """
    ledger = _ledger(output_path)
    new_samples = read_samples_file(ledger.store, absolute_path(samples_file))
    check_are_sources(ledger.layout, (uri for sample in new_samples for uri in sample.fastqs))
    check_reads_are_new(ledger, new_samples)
    if not replace:
        check_nothing_is_lost(ledger, new_samples)
    existing = set(sample_names(ledger))
    for sample, changed in zip(new_samples, save_samples(ledger, new_samples), strict=True):
        outcome = ("updated" if changed else "unchanged") if sample.name in existing else "added"
        typer.echo(f"{sample.name}: {outcome}, {_lane_count(sample)}")


@samples.command("list")
def list_(
    *,
    output_path: OutputPath,
    past: Annotated[
        bool, typer.Option("--past", help="List removed and renamed samples, not the current ones.")
    ] = False,
    json: Json = False,
) -> None:
    """List the samples and their lanes."""
    ledger = _ledger(output_path)
    if past:
        _list_past(past_samples(ledger), json=json)
        return
    current = list(map_reads(ledger, partial(load_sample, ledger), sample_names(ledger)))
    if json:
        typer.echo(json_module.dumps({sample.name: _lanes_to_dicts(sample) for sample in current}, indent=2))
        return
    table = Table("SAMPLE", "LIBRARY", "FLOW CELL", "LANE", "READ 1", "READ 2", box=None, pad_edge=False)
    for sample in current:
        for lane in sample.lanes:
            table.add_row(sample.name, lane.library, lane.flowcell, str(lane.number), lane.read1, lane.read2)
        if not sample.lanes:
            table.add_row(sample.name, "(imported)")
    wide_console().print(table)


@samples.command()
def rename(
    old: Annotated[str, typer.Argument(help="Current name.")],
    new: Annotated[str, typer.Argument(help="New name.")],
    output_path: OutputPath,
) -> None:
    """Rename a sample. Its results must be computed again; those under the old name stay until `gc` deletes them.

    The name is part of the read groups (SM) of each BAM and of file names, so results cannot simply be renamed.
    """
    ledger = _ledger(output_path)
    sample = rename_sample(ledger, old, new)
    run = shlex.join([own_command(), "run", "--output-path", ledger.output_path, "--samples", sample.name])
    typer.echo(f"{old} was renamed to {sample.name}, with {_lane_count(sample)}")
    typer.echo(f"Its name is part of read groups (SM) and file names; to compute its results again: {run}")
    _print_kept_results(ledger, [old])


@samples.command()
def remove(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Samples to remove.")], output_path: OutputPath
) -> None:
    """Remove samples from the project. Results stay until `gc` deletes them; records stay readable."""
    ledger = _ledger(output_path)
    remove_samples(ledger, names)
    for name in dict.fromkeys(names):
        typer.echo(f"{name}: removed")
    _print_kept_results(ledger, names)


def _ledger(output_path: str) -> Ledger:
    return Ledger(Store(), absolute_path(output_path))


def _lane_count(sample: Sample) -> str:
    return f"{len(sample.lanes)} lane{'s' if len(sample.lanes) > 1 else ''}"


def _print_kept_results(ledger: Ledger, names: Iterable[str]) -> None:
    kept = [name for name in dict.fromkeys(names) if ledger.store.list(ledger.layout.records(name))]
    if kept:
        command = shlex.join([own_command(), "gc", "--dry-run", "--output-path", ledger.output_path])
        typer.echo(f"Results of {', '.join(kept)} were kept; to list what can be deleted: {command}")


def _list_past(past_samples: Iterable[PastSample], *, json: bool) -> None:
    if json:
        typer.echo(json_module.dumps([_past_to_dict(past) for past in past_samples], indent=2))
        return
    table = Table(name_column("SAMPLE"), name_column("CHANGE"), "WHEN (UTC)", "BY", "LANES", box=None, pad_edge=False)
    for past in past_samples:
        table.add_row(past.sample.name, str(past), f"{past.at:%Y-%m-%d %H:%M:%S}", past.by, str(len(past.sample.lanes)))
    table_console().print(table)


def _past_to_dict(past: PastSample) -> dict[str, object]:
    return {
        "sample": past.sample.name,
        "end": past.end,
        "new_name": past.new_name or None,
        "at": past.at.isoformat(),
        "by": past.by,
        "lanes": _lanes_to_dicts(past.sample),
    }


def _lanes_to_dicts(sample: Sample) -> list[dict[str, object]]:
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
