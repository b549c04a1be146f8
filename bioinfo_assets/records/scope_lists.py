"""Lists of what is under an output path in S3: a request for a thousand files, of which a sample has some sixty."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Final

from bioinfo_assets.errors import InputError, UnreachableError
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.records.ledger import Ledger, listed_hash
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.file_stat import FileStat
from bioinfo_assets.storage.store import folder_order, local_path

_log = logging.getLogger(__name__)

SCOPES_PER_LIST: Final = 50
"""Scopes that are listed together: some thousand files, in a few requests."""

MAX_UNLISTED_SCOPES: Final = 50
"""Scopes up to which each file takes a request of its own: that costs a twelfth of a list (Amazon S3 pricing)."""


def list_scopes(
    ledger: Ledger, is_wanted: Callable[[str], bool], scopes: Collection[str] | None = None
) -> Iterator[tuple[str, FileStat]]:
    """List the files of scopes under an output path in S3, some scopes together, several such parts at the same time.

    Hidden folders are left out, such as that of scratch, which may have most files of all.

    Args:
        ledger: The project's records.
        is_wanted: Whether a file is needed, by its URI.
        scopes: The scopes; all if None.

    Yields:
        Each file's URI, size and stamp.

    Raises:
        InputError: the output path cannot be listed.
        UnreachableError: S3 does not answer.
    """
    names = sorted(ledger.store.folders(ledger.output_path), key=folder_order)
    parts = list(_parts(names, frozenset(names if scopes is None else scopes)))
    for files in map_reads(ledger, partial(_list_part, ledger, is_wanted), parts):
        yield from files


def with_listed_files(ledger: Ledger, scopes: Collection[str]) -> Ledger:
    """Return the ledger with a list of the files of many scopes in S3, made when the first of them is checked.

    Args:
        ledger: The project's records; with a list already, it is returned as it is.
        scopes: The scopes; if they are few, or on this machine, nothing is listed.
    """
    if isinstance(ledger.listed, _Listing) or not _is_worth_a_list(ledger, scopes):
        return ledger
    return replace(ledger, listed=_Listing(ledger, scopes))


def with_listed_inputs(ledger: Ledger, files: Iterable[StoredFile]) -> Ledger:
    """Return the ledger with a list of the results that a job has read, as by `with_listed_files`."""
    layout = ledger.layout
    results = (layout.relative(file.uri) for file in files if layout.is_result_file(file.uri))
    return with_listed_files(ledger, {path.partition("/")[0] for path in results})


def have_records(ledger: Ledger, keys: Collection[ResultKey]) -> bool:
    """Whether there is a record of each of some results; none is read.

    Raises:
        InputError: they cannot be looked for.
        UnreachableError: S3 does not answer.
    """
    uris, scopes = [ledger.uri(key) for key in keys], {key.scope for key in keys}
    if _is_worth_a_list(ledger, scopes):
        return {uri for uri, _ in list_scopes(ledger, ledger.layout.is_record, scopes)}.issuperset(uris)
    return all(map_reads(ledger, ledger.store.exists, uris))


def _is_worth_a_list(ledger: Ledger, scopes: Collection[str]) -> bool:
    return len(scopes) > MAX_UNLISTED_SCOPES and local_path(ledger.output_path) is None


class _Listing:
    """Results' files in some scopes, as they are when they are needed first. Thread-safe."""

    def __init__(self, ledger: Ledger, scopes: Collection[str]) -> None:
        self._ledger = ledger
        self._scopes = scopes
        self._lock = Lock()
        self._files: frozenset[int] | None = None

    def __call__(self) -> frozenset[int]:
        with self._lock:
            if self._files is None:
                self._files = self._list()
            return self._files

    def _list(self) -> frozenset[int]:
        layout = self._ledger.layout
        try:
            listed = list_scopes(self._ledger, layout.is_result_file, self._scopes)
            return frozenset(listed_hash(uri, stat.size, stat.stamp) for uri, stat in listed)
        except (InputError, UnreachableError) as error:
            _log.info("%s is not listed, so that each file takes a request: %s", layout.output_path, error)
            return frozenset()


def _parts(names: Iterable[str], chosen: Collection[str]) -> Iterator[list[str]]:
    """The chosen names in groups that have no other name between them."""
    part: list[str] = []
    for name in names:
        if name in chosen:
            part.append(name)
        if part and (name not in chosen or len(part) == SCOPES_PER_LIST):
            yield part
            part = []
    if part:
        yield part


def _list_part(ledger: Ledger, is_wanted: Callable[[str], bool], names: list[str]) -> list[tuple[str, FileStat]]:
    return [(uri, stat) for uri, stat in ledger.store.scan_folders(ledger.output_path, names) if is_wanted(uri)]
