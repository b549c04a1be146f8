"""What the steps of one run share: store, ledger, backend, the one poller, and which partitions failed where."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock

import dagster as dg

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import Backend
from bioinfo_assets.launch.watcher import Watcher
from bioinfo_assets.provenance.lineage import Lineage, ScopeRecords, TracedJob
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.storage.store import join


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
    _references: dict[str, ScopeRecords] = field(default_factory=dict)

    def trace(self, record: Record) -> TracedJob:
        """The job that made a result, and what it was made from."""
        lineage = Lineage(self.ledger, folders=dict(self._references))
        try:
            job = lineage.of_record(record)
        except InputError:  # a record upstream cannot be read: the result is whole all the same
            return lineage.alone(record)
        # What all samples share is read once; of ten thousand samples' folders none is kept.
        self._references |= {place: folder for place, folder in lineage.folders.items() if self._is_shared(place)}
        return job

    def _is_shared(self, place: str) -> bool:
        return place == join(self.ledger.output_path, "references")

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
