"""Looks at files that this project did not make: FASTQs, a reference, known sites.

A file is read once: while its size and stamp stay as they were, the digest of the last observation holds.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import FileRecord, Observation
from bioinfo_assets.storage.store import Store

READERS = 4
"""Files read at once; more do not help a disk."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at: an external asset, of a sample or of `references`."""

    asset: str
    name: str


def observe(
    ledger: Ledger,
    scope: Scope,
    files: Mapping[str, str],
    notes: Mapping[str, str] | None = None,
    *,
    when_changed: Callable[[], None] | None = None,
) -> Observation:
    """Looks at files, by key, and records what they hold; nothing is written where nothing changed.

    Args:
        ledger: Where the observation is kept.
        scope: What is looked at.
        files: The files' addresses, by key.
        notes: What is known of them beside.
        when_changed: A closer look at the files, taken when one is new or was written again, before that is recorded.

    Raises:
        InputError: a file is missing or cannot be read, or the closer look found something wrong.
    """
    before = ledger.read_observation(scope.name, scope.asset)
    known = before.by_uri() if before else {}
    with ThreadPoolExecutor(READERS) as pool:
        seen = pool.map(lambda item: _look(ledger.store, item[0], item[1], known.get(item[1])), files.items())
        found = tuple(seen)
    if before is not None and before.files == found and dict(before.notes) == dict(notes or {}):
        return before
    if when_changed is not None:
        when_changed()
    observation = Observation(
        asset=scope.asset, scope=scope.name, files=found, notes=dict(notes or {}), observed=datetime.now(UTC)
    )
    ledger.write_observation(observation)
    return observation


def _look(store: Store, key: str, uri: str, known: FileRecord | None) -> FileRecord:
    stat = store.stat(uri)
    if known is not None and (known.size, known.stamp) == (stat.size, stat.stamp):
        return known.model_copy(update={"key": key})
    content = store.content_of(uri)
    sha256 = content.removeprefix("sha256:") if content.startswith("sha256:") else None
    return FileRecord(key=key, uri=uri, size=stat.size, sha256=sha256, content=content, stamp=stat.stamp)
