"""What the steps of one run share: ledger, backend, and the one poller."""

from dataclasses import dataclass, field

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import Backend
from bioinfo_assets.launch.watcher import Watcher
from bioinfo_assets.provenance.lineage import Lineage, ScopeRecords, TracedJob
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.result_key import REFERENCES


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
    _references: dict[str, ScopeRecords] = field(default_factory=dict)

    def trace(self, record: Record) -> TracedJob:
        """The job that computed a result, with everything upstream of it."""
        lineage = Lineage(self.ledger, folders=dict(self._references))
        try:
            job = lineage.of_record(record)
        except InputError:  # a record upstream cannot be read: the result is intact all the same
            return lineage.without_upstream(record)
        # The records that all samples share are read once; of ten thousand samples' folders none is kept.
        references = self.ledger.layout.scope(REFERENCES)
        self._references |= {uri: folder for uri, folder in lineage.folders.items() if uri == references}
        return job

    def close(self) -> None:
        """End the jobs that are still running, unless they are to be left."""
        self.watcher.close()
        self.backend.close(leave_jobs=self.leaves_jobs)
