"""What the steps of one run share: ledger, backend, and the one poller."""

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from bioinfo_assets.errors import InputError, UnreachableError
from bioinfo_assets.launch.backend import Backend
from bioinfo_assets.launch.watcher import Watcher
from bioinfo_assets.provenance.lineage import Lineage, ScopeRecords, TracedJob
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.result_key import REFERENCES, SHARED

_UPSTREAM_OF_ALL: Final = (REFERENCES, SHARED)
"""The scopes whose results all partitions may be computed from."""

MAX_KEPT_SCOPES: Final = 1000
"""Scopes whose records are kept for the next result of the same sample: some 100 KB each."""


@dataclass(slots=True)
class Session:
    """The open resources of one run.

    Attributes:
        ledger: The records under the run's output path.
        backend: Where its jobs run.
        watcher: The one poller of all its jobs.
        cache: The results that are shared with other projects, where there is such a place.
        leaves_jobs: Whether the jobs are left running at the end of the run, because it lost sight of them.
    """

    ledger: Ledger
    backend: Backend
    watcher: Watcher
    cache: SharedCache | None = None
    leaves_jobs: bool = False
    _folders: OrderedDict[str, ScopeRecords] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def trace(self, record: Record) -> TracedJob:
        """The job that computed a result, with everything upstream of it."""
        lineage = Lineage(self.ledger, folders=self._known_folders(record.scope))
        try:
            return lineage.of_record(record)
        except (InputError, UnreachableError):  # a record upstream cannot be read: the result is intact all the same
            return lineage.without_upstream(record)
        finally:
            self._keep_folders(lineage, record)

    def _known_folders(self, scope: str) -> dict[str, ScopeRecords]:
        uris = [self.ledger.layout.scope(name) for name in (*_UPSTREAM_OF_ALL, scope)]
        with self._lock:
            return {uri: self._folders[uri] for uri in uris if uri in self._folders}

    def _keep_folders(self, lineage: Lineage, record: Record) -> None:
        """Keep the records of a result's own scope, to which it is added, and those that all samples share."""
        own = self.ledger.layout.scope(record.scope)
        upstream = [self.ledger.layout.scope(name) for name in _UPSTREAM_OF_ALL]
        with self._lock:
            for uri in {own, *upstream} & lineage.folders.keys():
                self._folders[uri] = lineage.folders[uri]
            if own in self._folders:
                self._folders.move_to_end(own)
                try:
                    self._folders[own] = self._folders[own].with_record(record)
                except InputError:  # one of them cannot be read: they are read again the next time
                    del self._folders[own]
            for uri in upstream:
                if uri in self._folders:
                    self._folders.move_to_end(uri)
            while len(self._folders) > MAX_KEPT_SCOPES:
                self._folders.popitem(last=False)

    def close(self) -> None:
        """End the jobs that are still running, unless they are to be left."""
        self.watcher.close()
        self.backend.close(leave_jobs=self.leaves_jobs)
