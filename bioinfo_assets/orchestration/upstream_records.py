"""The records that a step's jobs are built from: those of its own results, and those that were there before."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Final
from zlib import compressobj, decompressobj

from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.records.scope_lists import with_listed_files
from bioinfo_assets.result_key import ResultKey

MAX_NEWEST_RECORDS: Final = 2000
"""Records that are kept as they are, some KB each: those of ten thousand samples under way take hundreds of MB."""

MAX_DICTIONARY: Final = 32 * 1024
"""Bytes that zlib looks back."""


class ComputedRecords:
    """The records of a step's results: the newest as they are, the others compressed, in a tenth of the memory or less.

    Those of one asset differ little between samples, so its first one is the dictionary. One thread adds and forgets;
    others may read at the same time.
    """

    def __init__(self) -> None:
        self._newest: dict[ResultKey, Record] = {}
        self._compressed: dict[ResultKey, bytes] = {}
        self._dictionaries: dict[str, bytes] = {}
        self._by_scope: dict[str, set[ResultKey]] = {}

    def add(self, record: Record) -> None:
        """Add a record, in place of one with the same key."""
        self._newest[record.key] = record
        self._compressed.pop(record.key, None)
        self._by_scope.setdefault(record.scope, set()).add(record.key)
        if len(self._newest) > MAX_NEWEST_RECORDS:
            oldest = next(iter(self._newest))
            # In this order: whoever reads finds it in one of the two.
            self._compressed[oldest] = self._compress(self._newest[oldest])
            del self._newest[oldest]

    def get(self, key: ResultKey) -> Record | None:
        """Return a result's record, or None if it was not added or is forgotten."""
        record = self._newest.get(key)
        if record is None and (compressed := self._compressed.get(key)) is not None:
            decompressor = decompressobj(zdict=self._dictionaries[key.asset])
            return Record.model_validate_json(decompressor.decompress(compressed))
        return record

    def _compress(self, record: Record) -> bytes:
        text = record.model_dump_json().encode()
        compressor = compressobj(level=1, zdict=self._dictionaries.setdefault(record.asset, text[-MAX_DICTIONARY:]))
        return compressor.compress(text) + compressor.flush()

    def forget(self, scope: str) -> None:
        """Forget the records of a scope."""
        for key in self._by_scope.pop(scope, ()):
            self._newest.pop(key, None)
            self._compressed.pop(key, None)


@dataclass(slots=True)
class UpstreamRecords:
    """The records upstream of a step's results, read when they are needed. Thread-safe.

    A result that this step does not compute is read from its record, and its files are checked: nothing is built on a
    result that was changed or removed. The records that all samples share are read once. Those of a sample are kept
    until all its results are finished: a report on ten thousand samples reads them again.

    Attributes:
        ledger: The project's records.
        shared_scopes: By asset without partitions, its scope.
        all_partitions: The partitions of an asset, for a result that is computed from all of them.
    """

    ledger: Ledger
    shared_scopes: Mapping[str, str]
    all_partitions: Callable[[str], Sequence[str]]
    _computed: ComputedRecords = field(default_factory=ComputedRecords)
    _shared: dict[str, RecordSet] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, record: Record) -> None:
        """Add a result of this step."""
        self._computed.add(record.without_provenance())

    def forget(self, scope: str) -> None:
        """Forget the results of a sample, which nothing else of this step is computed from."""
        self._computed.forget(scope)

    def of(self, key: ResultKey, parents: Sequence[str], provisional: Mapping[str, RecordSet]) -> "RecordLookup":
        """By upstream asset: its records for one result; those of jobs that have not run are provisional."""
        return RecordLookup(self, key, parents, provisional)

    def read(self, parent: str, key: ResultKey, ledger: Ledger) -> RecordSet:
        """The records of an upstream asset for one result, by a ledger that may have a list of their files."""
        scope = self.shared_scopes.get(parent)
        if scope is not None:
            return self._shared_record(parent, scope)
        return self._read(parent, self.all_partitions(parent) if key.partition_key is None else [key.scope], ledger)

    def ledger_of(self, key: ResultKey, parents: Sequence[str]) -> Ledger:
        """The ledger to read records for one result; of all samples, it lists their files once."""
        if key.partition_key is not None:
            return self.ledger
        per_sample = (parent for parent in parents if parent not in self.shared_scopes)
        return with_listed_files(self.ledger, {scope for parent in per_sample for scope in self.all_partitions(parent)})

    def _shared_record(self, asset: str, scope: str) -> RecordSet:
        record = self._computed.get(ResultKey(asset, scope))
        if record is not None:
            return RecordSet(asset, {scope: record})
        with self._lock:
            found = self._shared.get(asset)
            if found is None:
                found = RecordSet.read(self.ledger, asset, [scope])
                if found.records:  # otherwise another run may be computing it
                    self._shared[asset] = found
            return found

    def _read(self, asset: str, scopes: Sequence[str], ledger: Ledger) -> RecordSet:
        found = {scope: self._computed.get(ResultKey(asset, scope)) for scope in scopes}
        computed = {scope: record for scope, record in found.items() if record is not None}
        missing = [scope for scope in scopes if scope not in computed]
        if not missing:
            return RecordSet(asset, computed)
        read = RecordSet.read(ledger, asset, missing)
        return RecordSet(asset, {**computed, **read.records}, read.problems)


class RecordLookup(Mapping[str, RecordSet]):
    """The records that one job is built from, by upstream asset.

    For a job of all samples each is read whenever it is asked for, and not kept: those of ten thousand samples take
    hundreds of megabytes for each asset.

    Attributes:
        released: Those of the records so far whose files were released.
    """

    def __init__(
        self, records: UpstreamRecords, key: ResultKey, parents: Sequence[str], provisional: Mapping[str, RecordSet]
    ) -> None:
        self.released: dict[ResultKey, Record] = {}
        self._records = records
        self._key = key
        self._parents = tuple(parents)
        self._kept = {parent: provisional[parent] for parent in parents if parent in provisional}

    def __getitem__(self, parent: str) -> RecordSet:
        if parent not in self._parents:
            raise KeyError(parent)
        if parent in self._kept:
            return self._kept[parent]
        found = self._records.read(parent, self._key, self._ledger)
        self.released |= {record.key: record for record in found.records.values() if record.released is not None}
        if self._key.partition_key is not None:
            self._kept[parent] = found
        return found

    @cached_property
    def _ledger(self) -> Ledger:
        return self._records.ledger_of(self._key, self._parents)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parents)

    def __len__(self) -> int:
        return len(self._parents)
