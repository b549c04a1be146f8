"""Garbage collection: lists what no current asset needs, with size and reason, and deletes what a user selects."""

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice, takewhile
from pathlib import Path
from stat import S_ISREG
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.launch.scratch import dead_hosts, remove_dead_host
from bioinfo_assets.layout import RECORDS, records_in
from bioinfo_assets.maintenance.scope_folder import (
    MAX_CONCURRENT_FOLDERS,
    ScopeFolder,
    foreign_files,
    read_scope_folder,
    scope_names,
)
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import imap_bounded, map_reads
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.samples import has_sample, past_samples, sample_names
from bioinfo_assets.storage.atomic import abandoned_parts
from bioinfo_assets.storage.store import local_path

AssetScopes = Mapping[str, str | None]
"""The pipeline's assets, each with its shared scope; None for an asset of each sample."""

NO_RECORD: Final = "no record names it"
RELEASED: Final = "its result was released, and no longer needs it"
DEAD_SCRATCH: Final = "scratch of a run that has ended"
UNFINISHED: Final = "left by a process that was killed while it wrote a file"

MIN_AGE_S: Final = 24 * 3600
"""Seconds for which nothing was written to a temporary file that is garbage."""


@dataclass(frozen=True, slots=True)
class GarbageItem:
    """Something that no current asset needs.

    Attributes:
        uri: What to select to delete it: a result's record, a file, or a folder of scratch.
        scope: The scope whose folder it is in; empty for scratch and unfinished files.
        reason: Why nothing needs it.
        size: Bytes that deleting it frees.
        files: The files to delete; none for an imported result, whose files belong to somebody else.
        record: The record, if it is a result.
    """

    uri: str
    scope: str
    reason: str
    size: int
    files: tuple[str, ...]
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Garbage:
    """Everything that no current asset needs.

    Attributes:
        items: What can be deleted.
            problems: For each folder whose unrecorded files were left out, a sentence about the reason.
    """

    items: tuple[GarbageItem, ...]
    problems: tuple[str, ...]


def find_garbage(ledger: Ledger, assets: AssetScopes, scratch: Path | None = None) -> Garbage:
    """Find everything that no current asset needs.

    Args:
        ledger: The project's records.
        assets: The pipeline's assets.
        scratch: Where jobs of this machine run, if that is next to the results.

    Raises:
        InputError: there is no project under the output path.
    """
    collector = _Collector.of(ledger, assets)
    items: list[GarbageItem] = []
    problems: list[str] = []
    recorded_elsewhere: set[str] = set()
    needed_elsewhere: set[str] = set()
    for folder in imap_bounded(
        lambda name: read_scope_folder(ledger, name, collector.samples), scope_names(ledger), MAX_CONCURRENT_FOLDERS
    ):
        items += collector.items_in(folder)
        problems += collector.problems_of(folder)
        recorded_elsewhere |= foreign_files(ledger, folder, folder.recorded_files)
        needed_elsewhere |= foreign_files(ledger, folder, collector.needed_files(folder))
    items = [
        item
        for item in items
        if (recorded_elsewhere if item.record is None else needed_elsewhere).isdisjoint(item.files)
    ]
    return Garbage((*items, *_dead_scratch(scratch), *_unfinished_files(ledger)), tuple(problems))


def select_items(ledger: Ledger, garbage: Garbage, paths: Sequence[str]) -> tuple[GarbageItem, ...]:
    """Select garbage by path: of an item, or of a folder that contains nothing else.

    Raises:
        InputError: a path selects nothing.
    """
    items = sorted(garbage.items, key=lambda item: item.uri)
    uris = [item.uri for item in items]
    selected = {item.uri: item for path in paths for item in _select(ledger, items, uris, path)}
    return tuple(selected.values())


def delete_items(ledger: Ledger, assets: AssetScopes, garbage: Garbage, paths: Sequence[str]) -> Iterator[GarbageItem]:
    """Delete garbage selected as by `select_items`, and iterate over the deleted items.

    A result's record moves to the history first. Each scope is read again before, as a job may have begun meanwhile.

    Raises:
        InputError: a path selects nothing, so that nothing is deleted; or an item is needed by now, so that no further
            scope is begun.
    """
    selected = sorted(select_items(ledger, garbage, paths), key=lambda item: item.scope)
    for item in takewhile(lambda item: not item.scope, selected):
        if item.reason == DEAD_SCRATCH:
            remove_dead_host(Path(item.uri))
        else:
            ledger.store.delete(item.uri)
        yield item
    collector = _Collector.of(ledger, assets)
    groups = [tuple(group) for scope, group in groupby(selected, key=lambda item: item.scope) if scope]
    errors: list[BioinfoAssetsError] = []
    scopes = takewhile(lambda _: not errors, groups)
    for deleted, error in map_reads(ledger, partial(_delete_in_scope, collector), scopes):
        yield from deleted  # also of the scopes that were begun at the same time as the one with the error
        if error is not None:
            errors.append(error)
    if errors:
        raise errors[0]


@dataclass(frozen=True, slots=True)
class _Collector:
    """Decides what in a scope's folder is garbage.

    Attributes:
        ledger: The project's records.
        assets: The pipeline's assets.
        samples: The names of current samples.
        ends: By the name of a past sample: how it ended, in words.
    """

    ledger: Ledger
    assets: AssetScopes
    samples: frozenset[str]
    ends: Mapping[str, str]

    @classmethod
    def of(cls, ledger: Ledger, assets: AssetScopes) -> "_Collector":
        ends = {past.sample.name: str(past) for past in past_samples(ledger)}
        return cls(ledger, assets, frozenset(sample_names(ledger)), ends)

    def items_in(self, folder: ScopeFolder) -> list[GarbageItem]:
        """The garbage of one folder, by the folder's own records."""
        needed = self.needed_files(folder)
        items = [
            self._result_item(folder, record, reason, needed)
            for record in folder.records
            if (reason := self._reason(folder, record))
        ]
        items += self._released_items(folder, needed)
        if self.problems_of(folder):
            return items
        files = ((uri, folder.files[uri].size) for uri in folder.unrecorded_files)
        return items + [GarbageItem(uri, folder.name, NO_RECORD, size, (uri,)) for uri, size in files]

    def needed_files(self, folder: ScopeFolder) -> set[str]:
        """The files of current results, and the sources."""
        needed = (record for record in folder.records if not self._reason(folder, record))
        return folder.source_files | {file.uri for record in needed for file in record.kept_outputs}

    def problems_of(self, folder: ScopeFolder) -> list[str]:
        """Why it is uncertain which files of a folder no record names; empty if it is certain."""
        problems = [record.message for record in folder.unreadable]
        # Through a link, a file may be recorded by another path than the one it is listed by.
        unrecorded = {uri.rpartition("/")[2]: uri for uri in folder.unrecorded_files}
        for uri in sorted(folder.recorded_files):
            other = unrecorded.get(uri.rpartition("/")[2])
            if other is not None:
                message = (
                    f"{other} may be {uri}, which {folder.name} needs, by another path, so unrecorded files of this "
                    "folder are kept: give the output path as it was given when they were recorded"
                )
                return problems or [message]
        return problems

    def _reason(self, folder: ScopeFolder, record: Record) -> str:
        """Why nothing needs a result; empty if something does."""
        is_shared = folder.name in self.assets.values()
        if not is_shared and not folder.is_sample:
            end = self.ends.get(folder.name)
            return f"sample {folder.name} was {end}" if end else f"the project has no sample {folder.name}"
        if self.assets.get(record.asset, "") != (folder.name if is_shared else None):
            return f"the pipeline no longer has {record.asset}"
        return ""

    def _released_items(self, folder: ScopeFolder, needed: set[str]) -> list[GarbageItem]:
        """Files that are still there although their record states that they were released."""
        left = {
            file.uri
            for record in folder.records
            if not self._reason(folder, record)
            for file in record.outputs
            if file.released is not None and file.uri in folder.files and file.uri not in needed
        }
        return [GarbageItem(uri, folder.name, RELEASED, folder.files[uri].size, (uri,)) for uri in sorted(left)]

    def _result_item(self, folder: ScopeFolder, record: Record, reason: str, needed: set[str]) -> GarbageItem:
        outputs = [] if record.imported else [file.uri for file in record.outputs]
        files = tuple(uri for uri in outputs if uri in folder.files and uri not in needed)
        size = sum(folder.files[uri].size for uri in files)
        return GarbageItem(self.ledger.uri(record.key), folder.name, reason, size, files, record)


def _dead_scratch(scratch: Path | None) -> Iterator[GarbageItem]:
    for root in dead_hosts(scratch) if scratch else ():
        sizes: dict[str, int] = {}
        for path in (Path(folder, name) for folder, _, names in os.walk(root) for name in names):
            with suppress(FileNotFoundError):  # a run that starts deletes the same
                status = path.lstat()
                if S_ISREG(status.st_mode):
                    sizes[str(path)] = status.st_size
        yield GarbageItem(str(root), "", DEAD_SCRATCH, sum(sizes.values()), tuple(sizes))


def _unfinished_files(ledger: Ledger) -> Iterator[GarbageItem]:
    root = local_path(ledger.output_path)  # a lifecycle rule of the bucket removes those of uploads
    for file, size in abandoned_parts(root, MIN_AGE_S) if root else ():
        if not file.is_relative_to(ledger.layout.scratch):
            yield GarbageItem(str(file), "", UNFINISHED, size, (str(file),))


def _select(ledger: Ledger, items: Sequence[GarbageItem], uris: Sequence[str], path: str) -> list[GarbageItem]:
    """The garbage that a path selects, of items in the order of their addresses.

    Raises:
        InputError: there is none, or the path is a folder that also contains something that is needed.
    """
    uri = path.rstrip("/")
    exact = items[bisect_left(uris, uri) : bisect_right(uris, uri)]
    from_first = islice(items, bisect_left(uris, f"{uri}/"), None)
    within = [item for item in takewhile(lambda item: item.uri.startswith(f"{uri}/"), from_first) if item.scope]
    if exact or (within and _contains_only(ledger, uri, within)):
        return list(exact) or within
    result = next((item for item in items if item.record is not None and uri in item.files), None)
    if result is not None:
        raise InputError(
            f"{path} is one file of a result: nothing was deleted; to delete the result, name {result.uri}"
        )
    raise InputError(f"{path} is not garbage: nothing was deleted; `gc --dry-run` lists what can be deleted")


def _contains_only(ledger: Ledger, folder: str, items: Sequence[GarbageItem]) -> bool:
    """Whether a folder under the output path contains only garbage; folders of records cannot be selected."""
    if not ledger.layout.contains(folder) or RECORDS in ledger.layout.relative(folder).split("/"):
        return False
    records = records_in(folder) + "/"
    files = {file for item in items for file in item.files}
    return all(uri in files or uri.startswith(records) for uri, _ in ledger.store.scan(folder))


def _delete_in_scope(
    collector: _Collector, items: Sequence[GarbageItem]
) -> tuple[Sequence[GarbageItem], BioinfoAssetsError | None]:
    """Delete items of one scope; return those that are deleted, and what kept the others."""
    ledger, scope, deleted = collector.ledger, items[0].scope, list[GarbageItem]()
    try:
        with ledger.publishing(scope) as lock:
            samples = {scope} if has_sample(ledger, scope) else set()
            current = collector.items_in(read_scope_folder(ledger, scope, samples))
            for item in items:
                if item not in current:
                    raise InputError(f"{item.uri} changed since it was listed: run `gc --dry-run` again")
                lock.check()
                if item.record is not None:
                    ledger.withdraw(item.record)
                lock.check()
                ledger.store.delete_many(item.files)
                deleted.append(item)
        _remove_empty_folders(ledger, scope, (uri for item in items for uri in item.files))
    except BioinfoAssetsError as error:
        return deleted, error
    return deleted, None


def _remove_empty_folders(ledger: Ledger, scope: str, deleted: Iterable[str]) -> None:
    """Remove the folders within a scope's folder that are empty now; object stores have none."""
    root = local_path(ledger.layout.scope(scope))
    if root is None:
        return
    within = {
        folder for uri in deleted for folder in Path(uri).parents if folder.is_relative_to(root) and folder != root
    }
    for folder in sorted(within, reverse=True):
        with suppress(OSError):  # it is not empty
            folder.rmdir()
