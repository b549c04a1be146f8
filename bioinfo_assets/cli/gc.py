"""`bioinfo-assets gc`: garbage collection: list what no current asset needs, and delete what is named."""

import json as json_module
from collections.abc import Sequence
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
            help="What to delete: paths listed by --dry-run, or a folder that contains only such paths.",
        ),
    ] = None,
    *,
    output_path: OutputPath,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List only, delete nothing.")] = False,
    json: Json = False,
) -> None:
    """List files that no current asset needs (--dry-run), or delete those that you name.

    Listed are results of samples that were removed or renamed, results of assets that no longer exist, files without a
    record, and scratch folders that no run uses. Records of deleted results stay readable in `records/history`.
    """
    if not paths and not dry_run:
        raise InputError("nothing was named: run `gc --dry-run`, then give paths that it lists")
    ledger = Ledger(Store(), absolute_path(output_path))
    assets = {spec.name: spec.scope for spec in GRAPH.values()}
    # The scratch of remote results is shared by projects, and AWS Batch cleans up its own.
    scratch = None if is_remote(ledger.output_path) else default_scratch(ledger.output_path)
    garbage = find_garbage(ledger, assets, scratch)
    for problem in garbage.problems:
        typer.echo(f"warning: {problem}", err=True)
    selected = [absolute_path(path) for path in paths or ()]
    if dry_run:
        listed = select_items(ledger, garbage, selected) if selected else garbage.items
        _print_items(listed, "can be deleted", json=json)
    else:
        _print_items(tuple(delete_items(ledger, assets, garbage, selected)), "deleted", json=json)


def _print_items(items: Sequence[GarbageItem], what: str, *, json: bool) -> None:
    if json:
        typer.echo(json_module.dumps([_to_dict(item) for item in items], indent=2))
        return
    table = Table("PATH", "SIZE", "REASON", box=None, pad_edge=False)
    for item in items:
        table.add_row(item.uri, decimal(item.size), _reason(item))
    if items:
        width = max(len(item.uri) + len(_reason(item)) for item in items) + 20
        Console(width=width, markup=False, highlight=False).print(table)
    typer.echo(f"{len(items)} {what}, {decimal(sum(item.size for item in items))}")


def _reason(item: GarbageItem) -> str:
    return f"{item.reason}; its files are elsewhere and stay" if item.record and item.record.imported else item.reason


def _to_dict(item: GarbageItem) -> dict[str, object]:
    return {
        "path": item.uri,
        "scope": item.scope or None,
        "asset": item.record.asset if item.record else None,
        "reason": item.reason,
        "size": item.size,
        "files": list(item.files),
    }
