"""What the steps of one run share: store, ledger, backend, the one poller, and which partitions failed where."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock

import dagster as dg

from bioinfo_assets.launch.backend import Backend
from bioinfo_assets.launch.watch import Watcher
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.shared_cache import SharedCache


@dataclass(slots=True)
class Session:
    """The open resources of one run.

    Attributes:
        ledger: The records under the run's output path.
        backend: Where its jobs run.
        watcher: The one poller of all its jobs.
        cache: The results that are shared with other projects, where there is such a place.
    """

    ledger: Ledger
    backend: Backend
    watcher: Watcher
    cache: SharedCache | None = None
    _failed: dict[dg.AssetKey, set[str]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def failed_upstream(self, parents: Iterable[dg.AssetKey]) -> set[str]:
        """The partitions that failed, or were skipped, in this run in one of these assets."""
        with self._lock:
            return set().union(*(self._failed.get(parent, set()) for parent in parents))

    def mark_failed(self, asset_key: dg.AssetKey, partitions: Iterable[str]) -> None:
        """Keeps partitions of an asset from the steps downstream of it, for the rest of this run."""
        with self._lock:
            self._failed.setdefault(asset_key, set()).update(partitions)

    def close(self) -> None:
        """Ends what still runs."""
        self.watcher.close()
        self.backend.close()
