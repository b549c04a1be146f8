"""`bioinfo-assets gc`: what no current asset needs, listed, and deleted where it is named."""

import json as json_module
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.cli.options import Json, OutputPath
from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.uri import is_remote
from bioinfo_assets.launch.backend_config import default_scratch
from bioinfo_assets.maintenance.garbage import GarbageItem, delete_items, find_garbage, select_items
from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.storage.store import Store


def gc(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...",
            help="What to delete: paths as --dry-run lists them, or a folder in which there is nothing else.",
        ),
    ] = None,
    *,
    output_path: OutputPath,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List, and delete nothing.")] = False,
    json: Json = False,
) -> None:
    """List what no current asset needs (--dry-run), or delete what of it is named, and nothing else.

    Listed are results of samples that were removed or renamed, results that the pipeline makes no more, files that no
    record names, and scratch that no run holds. Records of deleted results stay readable in `records/history`.
    """
    if not paths and not dry_run:
        raise InputError("nothing is deleted that is not named: look at `gc --dry-run`, then name paths that it lists")
    ledger = Ledger(Store(), absolute_path(output_path))
    assets = {made.name: made.scope for made in GRAPH.values()}
    known = find_garbage(ledger, assets, _scratch(ledger.output_path))
    for problem in known.problems:
        typer.echo(f"warning: {problem}", err=True)
    places = [absolute_path(path) for path in paths or ()]
    if dry_run:
        _tell(select_items(ledger, known, places) if places else known.items, "can be deleted", json=json)
        return
    _tell(tuple(delete_items(ledger, assets, known, places)), "deleted", json=json)


def _scratch(output_path: str) -> Path | None:
    """The scratch beside local results: that of results elsewhere is shared by projects, and Batch frees its own."""
    return None if is_remote(output_path) else default_scratch(output_path)


def _tell(found: Sequence[GarbageItem], what: str, *, json: bool) -> None:
    if json:
        typer.echo(json_module.dumps([_document(one) for one in found], indent=2))
        return
    table = Table("PATH", "SIZE", "WHY", box=None, pad_edge=False)
    for one in found:
        table.add_row(one.uri, decimal(one.size), _why(one))
    if found:
        Console(width=max(len(one.uri) + len(_why(one)) for one in found) + 20, markup=False, highlight=False).print(
            table
        )
    typer.echo(f"{len(found)} {what}, {decimal(sum(one.size for one in found))}")


def _why(one: GarbageItem) -> str:
    return f"{one.reason}; its files are elsewhere and stay" if one.record and one.record.imported else one.reason


def _document(one: GarbageItem) -> dict[str, object]:
    return {
        "path": one.uri,
        "scope": one.scope or None,
        "asset": one.record.asset if one.record else None,
        "why": one.reason,
        "size": one.size,
        "files": list(one.files),
    }
