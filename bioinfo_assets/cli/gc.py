"""`bioinfo-assets gc`: garbage collection: release what is no longer kept, list and delete what nothing needs."""

import json as json_module
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, groupby
from typing import Annotated, Self

import typer
from rich.filesize import decimal
from rich.table import Table

from bioinfo_assets.application.paths import absolute_path
from bioinfo_assets.application.plan import plan_everything
from bioinfo_assets.application.retention import ended_retentions, has_retention
from bioinfo_assets.cli.exit_codes import ExitCode
from bioinfo_assets.cli.options import Json, OutputPath
from bioinfo_assets.cli.tables import wide_console
from bioinfo_assets.errors import BioinfoAssetsError, InputError, UnreachableError
from bioinfo_assets.genomics.uri import is_remote
from bioinfo_assets.launch.backend_config import default_scratch
from bioinfo_assets.maintenance.garbage import RELEASED, Garbage, GarbageItem, delete_items, find_garbage, select_items
from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.released import Releasable, release
from bioinfo_assets.storage.store import Store


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the list: something that can be deleted, or was."""

    path: str
    scope: str
    asset: str | None
    reason: str
    size: int
    files: tuple[str, ...]
    by_retention: bool

    @classmethod
    def of_garbage(cls, item: GarbageItem) -> Self:
        asset = item.record.asset if item.record else None
        is_imported = item.record is not None and item.record.imported
        reason = f"{item.reason}; its files are elsewhere and stay" if is_imported else item.reason
        return cls(item.uri, item.scope, asset, reason, item.size, item.files, by_retention=item.reason == RELEASED)

    @classmethod
    def of_retention(cls, ledger: Ledger, item: Releasable) -> Self:
        key, files = item.record.key, tuple(file.uri for file in item.files)
        return cls(ledger.uri(key), key.scope, key.asset, item.reason, item.size, files, by_retention=True)

    def to_dict(self) -> dict[str, object]:
        return {
            "path": self.path,
            "scope": self.scope or None,
            "asset": self.asset,
            "reason": self.reason,
            "size": self.size,
            "files": list(self.files),
            "by_retention": self.by_retention,
        }


def gc(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...",
            help="What to delete: paths listed by --dry-run, or a folder that contains only such paths.",
            show_default="what the setting `retention` no longer keeps",
        ),
    ] = None,
    *,
    output_path: OutputPath,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List only, delete nothing.")] = False,
    json: Json = False,
) -> None:
    """Delete files of intermediates that the setting `retention` no longer keeps, or garbage that you name.

    An intermediate is released once everything computed from it is intact and up to date: its large files are deleted,
    and its record stays and states so. Garbage is deleted only if you name it: results of samples that were removed or
    renamed, results of assets that no longer exist, files without a record, and scratch folders that no run uses.
    Records of deleted results stay readable in `records/history`. With --dry-run, both are listed.
    """
    now = datetime.now(UTC)
    ledger = Ledger(Store(), absolute_path(output_path))
    assets = {spec.name: spec.scope for spec in GRAPH.values()}
    # The scratch of remote results is shared by projects, and AWS Batch cleans up its own.
    scratch = None if is_remote(ledger.output_path) else default_scratch(ledger.output_path)
    garbage = find_garbage(ledger, assets, scratch)
    for problem in garbage.problems:
        typer.echo(f"warning: {problem}", err=True)
    selected = [absolute_path(path) for path in paths or ()]
    if dry_run:
        items = select_items(ledger, garbage, selected) if selected else garbage.items
        ended = () if selected else _ended(ledger, now)
        rows = [*map(_Row.of_garbage, items), *(_Row.of_retention(ledger, item) for item in ended)]
        _print_rows(rows, "can be deleted", json=json)
        return
    failures: list[str] = []
    if selected:
        deleted: Iterable[_Row] = map(_Row.of_garbage, delete_items(ledger, assets, garbage, selected))
    else:
        deleted = _release_all(ledger, garbage, now, failures.append)
    _print_deleted(deleted, json=json)
    for failure in failures:
        typer.echo(f"error: {failure}", err=True)
    if failures:
        raise typer.Exit(ExitCode.BAD_INPUT)


def _print_deleted(rows: Iterable[_Row], *, json: bool) -> None:
    """Print what was deleted, also if the rest of it was refused."""
    deleted: list[_Row] = []
    try:
        for row in rows:
            deleted.append(row)  # noqa: PERF402 - what came before an error has to be known
    except BioinfoAssetsError:
        if deleted:
            _print_rows(deleted, "deleted", json=json)
        raise
    _print_rows(deleted, "deleted", json=json)


def _ended(ledger: Ledger, now: datetime, *, required: bool = False) -> tuple[Releasable, ...]:
    """The results whose retention has ended.

    Raises:
        InputError: no retention is set although one is required, or a setting is wrong.
    """
    plan = plan_everything(ledger.output_path)
    if required and not has_retention(plan):
        raise InputError(
            "nothing was named, and no retention is set: run `gc --dry-run`, then give paths that it lists, or set "
            "`retention` in bioinfo-assets.toml"
        )
    ended = ended_retentions(plan, now)
    if ended.unknown_tools:
        typer.echo(f"current tool versions are unknown: {ended.unknown_tools}", err=True)
    return ended.items


def _release_all(ledger: Ledger, garbage: Garbage, now: datetime, on_failure: Callable[[str], None]) -> Iterator[_Row]:
    """Release all whose retention has ended; one that cannot be released keeps none of the others."""
    ended = _ended(ledger, now, required=True)
    yield from map(_Row.of_garbage, _delete_left(ledger, garbage))

    def release_group(items: Sequence[Releasable]) -> list[tuple[Releasable, bool | BioinfoAssetsError]]:
        return [(item, _release(ledger, item, now)) for item in items]

    # Those of a sample one after the other: they share a lock, and the record of one is looked at for the next.
    groups = [tuple(group) for _, group in groupby(ended, key=lambda item: item.record.scope)]
    for item, is_released in chain.from_iterable(map_reads(ledger, release_group, groups)):
        if isinstance(is_released, BioinfoAssetsError):
            on_failure(f"{item.record.key.label} was not released: {is_released}")
        elif is_released:
            yield _Row.of_retention(ledger, item)
        else:
            typer.echo(f"warning: {item.record.key.label} is kept: a run has changed its results meanwhile", err=True)


def _release(ledger: Ledger, item: Releasable, now: datetime) -> bool | BioinfoAssetsError:
    try:
        return release(ledger, item, now)
    except UnreachableError:
        raise  # the others could not be released either
    except BioinfoAssetsError as error:
        return error


def _delete_left(ledger: Ledger, garbage: Garbage) -> Iterable[GarbageItem]:
    """Delete the files that an interrupted collection has left of released results."""
    left = [item.uri for item in garbage.items if item.reason == RELEASED]
    return delete_items(ledger, {spec.name: spec.scope for spec in GRAPH.values()}, garbage, left)


def _print_rows(rows: Sequence[_Row], what: str, *, json: bool) -> None:
    if json:
        typer.echo(json_module.dumps([row.to_dict() for row in rows], indent=2))
        return
    table = Table("PATH", "SIZE", "REASON", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row.path, decimal(row.size), row.reason)
    if rows:
        wide_console().print(table)
    typer.echo(f"{len(rows)} {what}, {decimal(sum(row.size for row in rows))}")
