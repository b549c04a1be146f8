"""Observes files that this project did not produce: FASTQs, a reference, known sites.

A file is read once: while its size and stamp are unchanged, the digest of the last observation is used.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event, Lock
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, Observation
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import FileStat, Store, local_path

MAX_CONCURRENT_READS: Final = 4
"""Files read at the same time; more do not help a disk."""


class UnreadSourceError(BioinfoAssetsError):
    """Files of a source are new or were rewritten, and are too large to be read now."""


class ReadBudget:
    """How many bytes of sources may still be read; those of a store that knows digests itself cost nothing.

    Args:
        max_bytes: How many at the beginning; any number by default.
    """

    def __init__(self, max_bytes: float = math.inf) -> None:
        self._left = max_bytes
        self._lock = Lock()
        self._is_stopped = Event()

    def stop(self) -> None:
        """End the reading of files, also of those that other threads are reading."""
        self._is_stopped.set()

    def check(self, _bytes: int = 0) -> None:
        """Check that reading goes on.

        Raises:
            UnreadSourceError: it was stopped.
        """
        if self._is_stopped.is_set():
            raise UnreadSourceError("the run was interrupted while it read files")

    def take(self, size: int) -> bool:
        """Whether so many bytes may be read, which are then taken off."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True


def check_are_sources(layout: OutputLayout, uris: Iterable[str]) -> None:
    """Check that no source is where jobs publish results, which would replace it, and with the next one delete it.

    Raises:
        InputError: one is.
    """
    for uri in uris:
        if _is_result(layout, uri):
            raise InputError(
                f"{uri} is where this project's results are published, which would replace it: move it elsewhere, or "
                "choose another output path"
            )


def _is_result(layout: OutputLayout, uri: str) -> bool:
    path, output = local_path(uri), local_path(layout.output_path)
    if path is None or output is None:
        return layout.is_result_file(uri)
    # A link to a file is replaced itself, and the file is not.
    return OutputLayout(str(output.resolve())).is_result_file(str(path.parent.resolve() / path.name))


def observe(
    ledger: Ledger,
    key: ResultKey,
    files: Mapping[str, str],
    notes: Mapping[str, str] | None = None,
    *,
    check: Callable[[], None] | None = None,
    budget: ReadBudget | None = None,
) -> Observation:
    """Observe files and record their digests; nothing is written if nothing has changed.

    Args:
        ledger: Where the observation is kept.
        key: The source.
        files: The files' addresses, by key.
        notes: Further facts about them.
        check: Validates the files when one is new or was rewritten, before they are read as a whole and recorded.
        budget: How much may be read; anything if None.

    Raises:
        InputError: a file is missing, cannot be read, or is where results are published; or `check` failed.
        UnreadSourceError: files have to be read, and the budget does not allow it.
    """
    check_are_sources(ledger.layout, files.values())
    previous = ledger.read_observation(key)
    known = previous.by_uri() if previous else {}
    with ThreadPoolExecutor(MAX_CONCURRENT_READS) as pool:
        stats = dict(zip(files.values(), pool.map(ledger.store.stat, files.values()), strict=True))
        unchanged = {uri: known[uri] for uri, stat in stats.items() if uri in known and _is_unchanged(known[uri], stat)}

        def record_of(item: tuple[str, str]) -> FileRecord:
            name, uri = item
            if uri in unchanged:
                return replace(unchanged[uri], key=name)
            return _read_file(ledger.store, name, uri, stats[uri], budget)

        if previous is not None and unchanged.keys() == stats.keys():
            is_same = previous.files == tuple(map(record_of, files.items()))
            if is_same and dict(previous.notes) == dict(notes or {}):
                return previous
        if check is not None:
            check()
        unread = sum(stat.size for uri, stat in stats.items() if uri not in unchanged and stat.etag is None)
        if budget is not None and not budget.take(unread):
            raise UnreadSourceError(f"files of {key.label} are new or were rewritten, and have not been read yet")
        found = tuple(pool.map(record_of, files.items()))
    observation = Observation(
        asset=key.asset, scope=key.scope, files=found, notes=dict(notes or {}), observed=datetime.now(UTC)
    )
    ledger.write(observation)
    return observation


def are_unchanged(ledger: Ledger, key: ResultKey, uris: Iterable[str]) -> bool:
    """Whether a source was observed with these files, and none of them was rewritten or removed since."""
    observation = ledger.read_observation(key)
    known = observation.by_uri() if observation else {}

    return all(is_unchanged(ledger.store, known.get(uri)) for uri in uris)


def is_unchanged(store: Store, known: FileRecord | None) -> bool:
    """Whether a file was observed, and neither rewritten nor removed since."""
    stat = store.find(known.uri) if known is not None else None
    return known is not None and stat is not None and _is_unchanged(known, stat)


def _is_unchanged(known: FileRecord, stat: FileStat) -> bool:
    return (known.size, known.stamp) == (stat.size, stat.stamp)


def _read_file(store: Store, key: str, uri: str, stat: FileStat, budget: ReadBudget | None) -> FileRecord:
    content = store.content_of(uri, budget.check if budget is not None else None)
    sha256 = content.removeprefix("sha256:") if content.startswith("sha256:") else None
    return FileRecord(key=key, uri=uri, size=stat.size, sha256=sha256, content=content, stamp=stat.stamp)
