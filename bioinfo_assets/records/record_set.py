"""What assets pass to each other: the records of results, never their bytes."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from bioinfo_assets.errors import InputError
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.parallel import MAX_CONCURRENT_READS
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.scope_lists import with_listed_files
from bioinfo_assets.result_key import SHARED_SCOPES, ResultKey


@dataclass(frozen=True, slots=True)
class RecordSet:
    """The records of one asset.

    Attributes:
        asset: The asset.
        records: The intact results, by scope, without their provenance: a report reads those of all samples.
        problems: By scope, a sentence for each result that is not intact.
    """

    asset: str
    records: Mapping[str, Record]
    problems: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, ledger: Ledger, asset: str, scopes: Iterable[str]) -> "RecordSet":
        """Read the records of these scopes, and check that their files are still as they were published."""
        keys = [ResultKey(asset, scope) for scope in scopes]
        if len(keys) == 1:  # a job of one sample: threads take longer to start than a record to read
            found = {keys[0].scope: _read(ledger, keys[0])}
        else:
            listed = with_listed_files(ledger, [key.scope for key in keys])
            with ThreadPoolExecutor(MAX_CONCURRENT_READS) as pool:
                found = {
                    key.scope: read for key, read in zip(keys, pool.map(partial(_read, listed), keys), strict=True)
                }
        records = {scope: result for scope, result in found.items() if isinstance(result, Record)}
        problems = {scope: result for scope, result in found.items() if isinstance(result, str)}
        return cls(asset, records, problems)

    def of(self, scope: str) -> Record:
        """The record of a sample, or of a shared scope.

        Raises:
            InputError: there is no such result.
        """
        record = self.records.get(scope)
        if record is None:
            label = self.asset if scope in SHARED_SCOPES else ResultKey(self.asset, scope).label
            raise InputError(self.problems.get(scope) or f"{label} does not exist yet: materialize it first")
        return record

    @property
    def only(self) -> Record:
        """The record of an asset without partitions.

        Raises:
            InputError: there is no such result.
        """
        for record in self.records.values():
            return record
        for problem in self.problems.values():
            raise InputError(problem)
        raise InputError(f"{self.asset} does not exist yet: materialize it first")


def _read(ledger: Ledger, key: ResultKey) -> Record | str | None:
    """An intact record, a sentence about a damaged one, or None where there is none."""
    record = ledger.read(key)
    if record is None:
        return None
    checked = ledger.check_files(record)
    if not checked.damage:
        ledger.refresh_stamps(record, checked.record)
    return f"{checked.damage}: materialize {key.label} again" if checked.damage else checked.record.without_provenance()
