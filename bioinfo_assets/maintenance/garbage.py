"""What no current asset needs: found, told with its size and why, and deleted where it is named."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.scratch import dead_hosts, remove_dead_host
from bioinfo_assets.layout import RECORDS, records_in
from bioinfo_assets.maintenance.scope_folder import READERS, ScopeFolder, read_scope_folder, scope_names
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import imap_bounded
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.samples import has_sample, past_samples, sample_names
from bioinfo_assets.storage.store import local_path

Assets = Mapping[str, str | None]
"""The assets that the pipeline makes, each with the scope of its record; None where there is one for each sample."""

NO_RECORD: Final = "no record names it"
SCRATCH: Final = "scratch of a run that is over"


@dataclass(frozen=True, slots=True)
class GarbageItem:
    """Something that no current asset needs.

    Attributes:
        uri: What to name to delete it: a result's record, a file, or a folder of scratch.
        scope: Whose folder it is in; empty for scratch.
        why: Why nothing needs it.
        size: Bytes that are freed.
        files: The files that are deleted; none of an imported result, whose files are not this project's own.
        record: Of a result.
    """

    uri: str
    scope: str
    why: str
    size: int
    files: tuple[str, ...]
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Garbage:
    """All that no current asset needs, and what hinders telling it of some."""

    found: tuple[GarbageItem, ...]
    problems: tuple[str, ...]


def find_garbage(ledger: Ledger, assets: Assets, scratch: Path | None = None) -> Garbage:
    """Finds what no current asset needs.

    Args:
        ledger: Of which project.
        assets: What the pipeline makes.
        scratch: Where jobs of this machine work, if that is beside the results.

    Raises:
        InputError: there is no project here.
    """
    search = _Search.of(ledger, assets)
    found: list[GarbageItem] = []
    problems: list[str] = []
    elsewhere: set[str] = set()
    kept_elsewhere: set[str] = set()
    names = scope_names(ledger)
    for folder in imap_bounded(lambda name: read_scope_folder(ledger, name, search.samples), names, READERS):
        found += search.within(folder)
        problems += search.problems_of(folder)
        elsewhere |= _outside(ledger, folder, folder.named)
        kept_elsewhere |= _outside(ledger, folder, search.kept(folder))
    found = [one for one in found if not _is_named(one, elsewhere, kept_elsewhere)]
    return Garbage((*found, *_left_in(scratch)), tuple(problems))


def _other_paths(folder: ScopeFolder) -> list[str]:
    """Why files that no record names may be those that one names by another path: a link, or where they were before."""
    unnamed = {uri.rpartition("/")[2]: uri for uri in folder.unnamed}
    for uri in sorted(folder.named):
        beside = unnamed.get(uri.rpartition("/")[2])
        if beside is not None:
            return [
                f"{beside} may be {uri}, which {folder.name} is made from: give the output path as it was given then"
            ]
    return []


def select_items(ledger: Ledger, known: Garbage, names: Sequence[str]) -> tuple[GarbageItem, ...]:
    """The leftovers that names mean: one itself, or all in a folder that has nothing else.

    Raises:
        InputError: a name means none.
    """
    found = {one.uri: one for name in names for one in _named(ledger, known, name)}
    return tuple(found.values())


def delete_items(ledger: Ledger, assets: Assets, known: Garbage, names: Sequence[str]) -> Iterator[GarbageItem]:
    """Deletes the leftovers that names mean, as `named` has it; gives each that is gone.

    A result's record moves to the history first. Each is looked at once more before, in case a job began meanwhile.

    Raises:
        InputError: a name is none of a leftover: nothing is deleted. Or one is needed by now: nothing more is.
    """
    chosen = sorted(select_items(ledger, known, names), key=lambda one: one.scope)
    search = _Search.of(ledger, assets)
    for scope, group in groupby(chosen, key=lambda one: one.scope):
        if scope:
            yield from _deleted(search, scope, tuple(group))
            continue
        for one in group:
            remove_dead_host(Path(one.uri))
            yield one


@dataclass(frozen=True, slots=True)
class _Search:
    """What is known before folders are looked at."""

    ledger: Ledger
    assets: Assets
    samples: frozenset[str]
    ends: Mapping[str, str]

    @classmethod
    def of(cls, ledger: Ledger, assets: Assets) -> "_Search":
        ends = {past.sample.name: str(past) for past in past_samples(ledger)}
        return cls(ledger, assets, frozenset(sample_names(ledger)), ends)

    def within(self, folder: ScopeFolder) -> list[GarbageItem]:
        """The leftovers of one folder, as far as its own records tell."""
        kept = self.kept(folder)
        found = [
            self._result(folder, record, why, kept) for record in folder.records if (why := self._why(folder, record))
        ]
        if self.problems_of(folder):
            return found
        files = ((uri, folder.files[uri].size) for uri in folder.unnamed)
        return found + [GarbageItem(uri, folder.name, NO_RECORD, size, (uri,)) for uri, size in files]

    def kept(self, folder: ScopeFolder) -> set[str]:
        """The files that current results are made of, and those that came from outside."""
        needed = (record for record in folder.records if not self._why(folder, record))
        return folder.sources | {file.uri for record in needed for file in record.outputs}

    def problems_of(self, folder: ScopeFolder) -> list[str]:
        """Why it cannot be told which files of a folder no record names."""
        problems = [problem.says for problem in folder.problems]
        for record in folder.records:
            astray = next((file.uri for file in record.outputs if not file.uri.startswith(f"{folder.uri}/")), None)
            if astray is not None and not record.imported:
                problems.append(
                    f"the record of {record.asset} of {folder.name} names {astray}, in another folder: was the project "
                    "moved? Files there are left alone"
                )
                break
        return problems or _other_paths(folder)

    def _why(self, folder: ScopeFolder, record: Record) -> str:
        """Why nothing needs a result; empty where something does."""
        is_shared = folder.name in self.assets.values()
        if not is_shared and not folder.is_sample:
            end = self.ends.get(folder.name)
            return f"sample {folder.name} was {end}" if end else f"the project has no sample {folder.name}"
        if self.assets.get(record.asset, "") != (folder.name if is_shared else None):
            return f"the pipeline makes no {record.asset} any more"
        return ""

    def _result(self, folder: ScopeFolder, record: Record, why: str, kept: set[str]) -> GarbageItem:
        own = [] if record.imported else [file.uri for file in record.outputs]
        files = tuple(uri for uri in own if uri in folder.files and uri not in kept)
        size = sum(folder.files[uri].size for uri in files)
        return GarbageItem(self.ledger.uri(record.key), folder.name, why, size, files, record)


def _is_named(one: GarbageItem, elsewhere: set[str], kept_elsewhere: set[str]) -> bool:
    """Whether records of other scopes name a file, or have need of one of a result."""
    return not (elsewhere if one.record is None else kept_elsewhere).isdisjoint(one.files)


def _outside(ledger: Ledger, folder: ScopeFolder, uris: Iterable[str]) -> set[str]:
    root, own = f"{ledger.output_path}/", f"{folder.uri}/"
    return {uri for uri in uris if uri.startswith(root) and not uri.startswith(own)}


def _left_in(scratch: Path | None) -> Iterator[GarbageItem]:
    for root in dead_hosts(scratch) if scratch else ():
        files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
        yield GarbageItem(str(root), "", SCRATCH, sum(path.stat().st_size for path in files), tuple(map(str, files)))


def _named(ledger: Ledger, known: Garbage, name: str) -> list[GarbageItem]:
    """The leftovers that a name means.

    Raises:
        InputError: there are none, or the folder that it names has something that is needed.
    """
    place = name.rstrip("/")
    exact = [one for one in known.found if one.uri == place]
    within = [one for one in known.found if one.uri.startswith(f"{place}/") and one.scope]
    if exact or (within and _has_nothing_else(ledger, place, within)):
        return exact or within
    whole = next((one for one in known.found if one.record is not None and place in one.files), None)
    if whole is not None:
        raise InputError(f"{name} is of a result that is deleted as a whole: nothing was deleted; name {whole.uri}")
    raise InputError(
        f"{name} is not on the list of what no current asset needs: nothing was deleted; `gc --dry-run` shows the list"
    )


def _has_nothing_else(ledger: Ledger, place: str, within: Sequence[GarbageItem]) -> bool:
    """Whether a folder under the output path holds leftovers alone; a folder of records is never named as one."""
    parts = place.removeprefix(f"{ledger.output_path}/").split("/")
    if place == ledger.output_path or RECORDS in parts:
        return False
    records = records_in(place) + "/"
    files = {file for one in within for file in one.files}
    return all(uri in files or uri.startswith(records) for uri, _ in ledger.store.scan(place))


def _deleted(search: _Search, scope: str, chosen: Sequence[GarbageItem]) -> Iterator[GarbageItem]:
    ledger = search.ledger
    with ledger.publishing(scope):
        now = search.within(read_scope_folder(ledger, scope, {scope} if has_sample(ledger, scope) else set()))
        for one in chosen:
            if one not in now:
                raise InputError(f"{one.uri} is another one by now: look at `gc --dry-run` again")
            if one.record is not None:
                ledger.withdraw(one.record)
            for uri in one.files:
                ledger.store.delete(uri)
            yield one
    _remove_empty_folders(ledger, scope, (uri for one in chosen for uri in one.files))


def _remove_empty_folders(ledger: Ledger, scope: str, deleted: Iterable[str]) -> None:
    """Removes the folders within a scope's that have nothing in them any more; object stores have none."""
    root = local_path(f"{ledger.output_path}/{scope}")
    if root is None:
        return
    within = {
        folder for uri in deleted for folder in Path(uri).parents if folder.is_relative_to(root) and folder != root
    }
    for folder in sorted(within, reverse=True):
        with suppress(OSError):  # it has something in it
            folder.rmdir()
