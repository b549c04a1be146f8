"""What no current asset needs: found, told with its size and why, and deleted where it is named."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.scratch import dead_hosts, remove_dead_host
from bioinfo_assets.launch.store import local_path
from bioinfo_assets.records.bounded import mapped
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.samples import has_sample, past_samples, sample_names
from bioinfo_assets.records.subject_folder import READERS, SubjectFolder, look, subjects

Assets = Mapping[str, str | None]
"""The assets that the pipeline makes, each with the subject of its record; None where there is one for each sample."""

NO_RECORD: Final = "no record names it"
SCRATCH: Final = "scratch of a run that is over"


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that no current asset needs.

    Attributes:
        uri: What to name to delete it: a result's record, a file, or a folder of scratch.
        subject: Whose folder it is in; empty for scratch.
        why: Why nothing needs it.
        size: Bytes that are freed.
        files: The files that are deleted; none of an imported result, whose files are not this project's own.
        record: Of a result.
    """

    uri: str
    subject: str
    why: str
    size: int
    files: tuple[str, ...]
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Leftovers:
    """All that no current asset needs, and what hinders telling it of some."""

    found: tuple[Leftover, ...]
    problems: tuple[str, ...]


def leftovers(ledger: Ledger, assets: Assets, scratch: Path | None = None) -> Leftovers:
    """Finds what no current asset needs.

    Args:
        ledger: Of which project.
        assets: What the pipeline makes.
        scratch: Where jobs of this machine work, if that is beside the results.

    Raises:
        InputError: there is no project here.
    """
    search = _Search.of(ledger, assets)
    found: list[Leftover] = []
    problems: list[str] = []
    elsewhere: set[str] = set()
    kept_elsewhere: set[str] = set()
    names = subjects(ledger)
    for folder in mapped(lambda name: look(ledger, name, search.samples), names, READERS):
        found += search.within(folder)
        problems += search.problems_of(folder)
        elsewhere |= _outside(ledger, folder, folder.named)
        kept_elsewhere |= _outside(ledger, folder, search.kept(folder))
    found = [one for one in found if not _is_named(one, elsewhere, kept_elsewhere)]
    return Leftovers((*found, *_left_in(scratch)), tuple(problems))


def _other_paths(folder: SubjectFolder) -> list[str]:
    """Why files that no record names may be those that one names by another path: a link, or where they were before."""
    unnamed = {uri.rpartition("/")[2]: uri for uri in folder.unnamed}
    for uri in sorted(folder.named):
        beside = unnamed.get(uri.rpartition("/")[2])
        if beside is not None:
            return [
                f"{beside} may be {uri}, which {folder.name} is made from: give the output path as it was given then"
            ]
    return []


def named(ledger: Ledger, known: Leftovers, names: Sequence[str]) -> tuple[Leftover, ...]:
    """The leftovers that names mean: one itself, or all in a folder that has nothing else.

    Raises:
        InputError: a name means none.
    """
    found = {one.uri: one for name in names for one in _named(ledger, known, name)}
    return tuple(found.values())


def delete(ledger: Ledger, assets: Assets, known: Leftovers, names: Sequence[str]) -> Iterator[Leftover]:
    """Deletes the leftovers that names mean, as `named` has it; gives each that is gone.

    A result's record moves to the history first. Each is looked at once more before, in case a job began meanwhile.

    Raises:
        InputError: a name is none of a leftover: nothing is deleted. Or one is needed by now: nothing more is.
    """
    chosen = sorted(named(ledger, known, names), key=lambda one: one.subject)
    search = _Search.of(ledger, assets)
    for subject, group in groupby(chosen, key=lambda one: one.subject):
        if subject:
            yield from _deleted(search, subject, tuple(group))
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

    def within(self, folder: SubjectFolder) -> list[Leftover]:
        """The leftovers of one folder, as far as its own records tell."""
        kept = self.kept(folder)
        found = [
            self._result(folder, record, why, kept) for record in folder.records if (why := self._why(folder, record))
        ]
        if self.problems_of(folder):
            return found
        files = ((uri, folder.files[uri].size) for uri in folder.unnamed)
        return found + [Leftover(uri, folder.name, NO_RECORD, size, (uri,)) for uri, size in files]

    def kept(self, folder: SubjectFolder) -> set[str]:
        """The files that current results are made of, and those that came from outside."""
        needed = (record for record in folder.records if not self._why(folder, record))
        return folder.sources | {file.uri for record in needed for file in record.outputs}

    def problems_of(self, folder: SubjectFolder) -> list[str]:
        """Why it cannot be told which files of a folder no record names."""
        problems = [problem.says for problem in folder.problems]
        for record in folder.records:
            astray = next((file.uri for file in record.outputs if not file.uri.startswith(f"{folder.uri}/")), None)
            if astray is not None and not record.imported:
                problems.append(
                    f"the record of {record.step} of {folder.name} names {astray}, in another folder: was the project "
                    "moved? Files there are left alone"
                )
                break
        return problems or _other_paths(folder)

    def _why(self, folder: SubjectFolder, record: Record) -> str:
        """Why nothing needs a result; empty where something does."""
        is_shared = folder.name in self.assets.values()
        if not is_shared and not folder.is_sample:
            end = self.ends.get(folder.name)
            return f"sample {folder.name} was {end}" if end else f"the project has no sample {folder.name}"
        if self.assets.get(record.step, "") != (folder.name if is_shared else None):
            return f"the pipeline makes no {record.step} any more"
        return ""

    def _result(self, folder: SubjectFolder, record: Record, why: str, kept: set[str]) -> Leftover:
        own = [] if record.imported else [file.uri for file in record.outputs]
        files = tuple(uri for uri in own if uri in folder.files and uri not in kept)
        size = sum(folder.files[uri].size for uri in files)
        return Leftover(self.ledger.uri(record.subject, record.step), folder.name, why, size, files, record)


def _is_named(one: Leftover, elsewhere: set[str], kept_elsewhere: set[str]) -> bool:
    """Whether records of other subjects name a file, or have need of one of a result."""
    return not (elsewhere if one.record is None else kept_elsewhere).isdisjoint(one.files)


def _outside(ledger: Ledger, folder: SubjectFolder, uris: Iterable[str]) -> set[str]:
    root, own = f"{ledger.output_path}/", f"{folder.uri}/"
    return {uri for uri in uris if uri.startswith(root) and not uri.startswith(own)}


def _left_in(scratch: Path | None) -> Iterator[Leftover]:
    for root in dead_hosts(scratch) if scratch else ():
        files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
        yield Leftover(str(root), "", SCRATCH, sum(path.stat().st_size for path in files), tuple(map(str, files)))


def _named(ledger: Ledger, known: Leftovers, name: str) -> list[Leftover]:
    """The leftovers that a name means.

    Raises:
        InputError: there are none, or the folder that it names has something that is needed.
    """
    place = name.rstrip("/")
    exact = [one for one in known.found if one.uri == place]
    within = [one for one in known.found if one.uri.startswith(f"{place}/") and one.subject]
    if exact or (within and _has_nothing_else(ledger, place, within)):
        return exact or within
    whole = next((one for one in known.found if one.record is not None and place in one.files), None)
    if whole is not None:
        raise InputError(f"{name} is of a result that is deleted as a whole: nothing was deleted; name {whole.uri}")
    raise InputError(
        f"{name} is not on the list of what no current asset needs: nothing was deleted; `gc --dry-run` shows the list"
    )


def _has_nothing_else(ledger: Ledger, place: str, within: Sequence[Leftover]) -> bool:
    """Whether a folder under the output path holds leftovers alone; a folder of records is never named as one."""
    parts = place.removeprefix(f"{ledger.output_path}/").split("/")
    if place == ledger.output_path or "records" in parts:
        return False
    records = f"{place}/records/"
    files = {file for one in within for file in one.files}
    return all(uri in files or uri.startswith(records) for uri, _ in ledger.store.scan(place))


def _deleted(search: _Search, subject: str, chosen: Sequence[Leftover]) -> Iterator[Leftover]:
    ledger = search.ledger
    with ledger.publishing(subject):
        now = search.within(look(ledger, subject, {subject} if has_sample(ledger, subject) else set()))
        for one in chosen:
            if one not in now:
                raise InputError(f"{one.uri} is another one by now: look at `gc --dry-run` again")
            if one.record is not None:
                ledger.withdraw(one.record)
            for uri in one.files:
                ledger.store.delete(uri)
            yield one
    _remove_empty_folders(ledger, subject, (uri for one in chosen for uri in one.files))


def _remove_empty_folders(ledger: Ledger, subject: str, deleted: Iterable[str]) -> None:
    """Removes the folders within a subject's that have nothing in them any more; object stores have none."""
    root = local_path(f"{ledger.output_path}/{subject}")
    if root is None:
        return
    within = {
        folder for uri in deleted for folder in Path(uri).parents if folder.is_relative_to(root) and folder != root
    }
    for folder in sorted(within, reverse=True):
        with suppress(OSError):  # it has something in it
            folder.rmdir()
