"""Observes files that this project did not produce: FASTQs, a reference, known sites.

A file is read once: while its size and stamp are unchanged, the digest of the last observation is used.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, Observation
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store

MAX_CONCURRENT_READS: Final = 4
"""Files read at the same time; more do not help a disk."""


def observe(
    ledger: Ledger,
    key: ResultKey,
    files: Mapping[str, str],
    notes: Mapping[str, str] | None = None,
    *,
    check: Callable[[], None] | None = None,
) -> Observation:
    """Observe files and record their digests; nothing is written if nothing has changed.

    Args:
        ledger: Where the observation is kept.
        key: The source.
        files: The files' addresses, by key.
        notes: Further facts about them.
        check: Validates the files when one is new or was rewritten, before that is recorded.

    Raises:
        InputError: a file is missing or cannot be read, or `check` failed.
    """
    previous = ledger.read_observation(key)
    known = previous.by_uri() if previous else {}
    with ThreadPoolExecutor(MAX_CONCURRENT_READS) as pool:
        records = pool.map(
            lambda item: _observe_file(ledger.store, item[0], item[1], known.get(item[1])), files.items()
        )
        found = tuple(records)
    if previous is not None and previous.files == found and dict(previous.notes) == dict(notes or {}):
        return previous
    if check is not None:
        check()
    observation = Observation(
        asset=key.asset, scope=key.scope, files=found, notes=dict(notes or {}), observed=datetime.now(UTC)
    )
    ledger.write(observation)
    return observation


def _observe_file(store: Store, key: str, uri: str, known: FileRecord | None) -> FileRecord:
    stat = store.stat(uri)
    if known is not None and (known.size, known.stamp) == (stat.size, stat.stamp):
        return replace(known, key=key)
    content = store.content_of(uri)
    sha256 = content.removeprefix("sha256:") if content.startswith("sha256:") else None
    return FileRecord(key=key, uri=uri, size=stat.size, sha256=sha256, content=content, stamp=stat.stamp)
