"""The records that a step's jobs are built from: those of its own results, and those that were there before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.result_key import ResultKey


@dataclass(slots=True)
class UpstreamRecords:
    """The records upstream of a step's results, read when they are needed. Thread-safe.

    A result that this step does not compute is read from its record, and its files are checked: nothing is built on a
    result that was changed or removed. The records that all samples share are read once.

    Attributes:
        ledger: The project's records.
        shared_scopes: By asset without partitions, its scope.
        all_samples: The names of all samples, for a result that is computed from those of all samples.
    """

    ledger: Ledger
    shared_scopes: Mapping[str, str]
    all_samples: Callable[[], Sequence[str]]
    _computed: dict[ResultKey, Record] = field(default_factory=dict)
    _shared: dict[str, RecordSet] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, record: Record) -> None:
        """Add a result of this step."""
        self._computed[record.key] = record

    def of(self, key: ResultKey, parents: Sequence[str]) -> Mapping[str, RecordSet]:
        """By upstream asset: its records for one result."""
        return {parent: self._records(parent, key) for parent in parents}

    def _records(self, parent: str, key: ResultKey) -> RecordSet:
        scope = self.shared_scopes.get(parent)
        if scope is not None:
            return self._shared_record(parent, scope)
        return self._read(parent, self.all_samples() if key.partition_key is None else [key.scope])

    def _shared_record(self, asset: str, scope: str) -> RecordSet:
        record = self._computed.get(ResultKey(asset, scope))
        if record is not None:
            return RecordSet(asset, {scope: record})
        with self._lock:
            if asset not in self._shared:
                self._shared[asset] = RecordSet.read(self.ledger, asset, [scope])
            return self._shared[asset]

    def _read(self, asset: str, scopes: Sequence[str]) -> RecordSet:
        keys = [ResultKey(asset, scope) for scope in scopes]
        computed = {key.scope: self._computed[key] for key in keys if key in self._computed}
        missing = [scope for scope in scopes if scope not in computed]
        if not missing:
            return RecordSet(asset, computed)
        read = RecordSet.read(self.ledger, asset, missing)
        return RecordSet(asset, {**computed, **read.records}, read.problems)
