"""Lists of what is under an output path in S3: a request for a thousand files, of which a sample has some sixty."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Final

from bioinfo_assets.errors import InputError, UnreachableError
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.layout import is_past_record
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.storage.file_stat import FileStat
from bioinfo_assets.storage.store import folder_order, local_path

_log = logging.getLogger(__name__)

SCOPES_PER_LIST: Final = 50
"""Scopes that are listed together: some thousand files, in a few requests."""

MAX_UNLISTED_SCOPES: Final = 50
"""Scopes up to which each file takes a request of its own: that costs a twelfth of a list (Amazon S3 pricing)."""


def list_scopes(
    ledger: Ledger, is_wanted: Callable[[str], bool], scopes: Collection[str] | None = None
) -> dict[str, FileStat]:
    """List the files of scopes under an output path in S3, some scopes together, several such parts at the same time.

    Hidden folders are left out, such as that of scratch, which may have most files of all.

    Args:
        ledger: The project's records.
        is_wanted: Whether a file is needed, by its URI.
        scopes: The scopes; all if None.

    Returns:
        The files by URI.

    Raises:
        InputError: the output path cannot be listed.
        UnreachableError: S3 does not answer.
    """
    names = sorted(ledger.store.folders(ledger.output_path), key=folder_order)
    parts = list(_parts(names, frozenset(names if scopes is None else scopes)))
    files: dict[str, FileStat] = {}
    for found in map_reads(ledger, partial(_list_part, ledger, is_wanted), parts):
        files |= found
    return files


def with_listed_files(ledger: Ledger, scopes: Collection[str]) -> Ledger:
    """Return the ledger with a list of the files of many scopes in S3, made when the first of them is checked.

    Args:
        ledger: The project's records; with a list already, it is returned as it is.
        scopes: The scopes; if they are few, or on this machine, nothing is listed.
    """
    is_remote = local_path(ledger.output_path) is None
    if len(scopes) <= MAX_UNLISTED_SCOPES or not is_remote or isinstance(ledger.listed, _Listing):
        return ledger
    return replace(ledger, listed=_Listing(ledger, scopes))


def with_listed_inputs(ledger: Ledger, files: Iterable[StoredFile]) -> Ledger:
    """Return the ledger with a list of the results that a job has read, as by `with_listed_files`."""
    layout = ledger.layout
    results = (layout.relative(file.uri) for file in files if layout.is_result_file(file.uri))
    return with_listed_files(ledger, {path.partition("/")[0] for path in results})


class _Listing:
    """Results' files and records in some scopes, as they are when they are needed first. Thread-safe."""

    def __init__(self, ledger: Ledger, scopes: Collection[str]) -> None:
        self._ledger = ledger
        self._scopes = scopes
        self._lock = Lock()
        self._files: Mapping[str, FileStat] | None = None

    def __call__(self) -> Mapping[str, FileStat]:
        with self._lock:
            if self._files is None:
                self._files = self._list()
            return self._files

    def _list(self) -> Mapping[str, FileStat]:
        layout = self._ledger.layout

        def is_current(uri: str) -> bool:
            return layout.is_result_file(uri) or (layout.is_record(uri) and not is_past_record(uri))

        try:
            return list_scopes(self._ledger, is_current, self._scopes)
        except (InputError, UnreachableError) as error:
            _log.info("%s is not listed, so that each file takes a request: %s", layout.output_path, error)
            return {}


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


def _list_part(ledger: Ledger, is_wanted: Callable[[str], bool], names: list[str]) -> dict[str, FileStat]:
    return {uri: stat for uri, stat in ledger.store.scan_folders(ledger.output_path, names) if is_wanted(uri)}
