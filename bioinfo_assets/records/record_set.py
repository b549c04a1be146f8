"""What assets hand to each other: the records of results, never their bytes."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bioinfo_assets.errors import InputError
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record

READERS = 16
"""Records read side by side: in S3 each takes tenths of a second."""

ONE = ""
"""Stands for the only scope of an asset without partitions."""


@dataclass(frozen=True, slots=True)
class RecordSet:
    """The records of one asset, by partition.

    Attributes:
        asset: The asset.
        records: The results that are there and whole.
        problems: A sentence for each result that is not.
    """

    asset: str
    records: Mapping[str, Record]
    problems: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_whole(cls, asset: str, records: Mapping[str, Record]) -> "RecordSet":
        """Results of which none is missing."""
        return cls(asset, dict(records))

    @classmethod
    def read(cls, ledger: Ledger, asset: str, scopes: Mapping[str, str]) -> "RecordSet":
        """Reads records beside the data, and looks whether their files are still as they were published.

        Args:
            ledger: The records.
            asset: The asset.
            scopes: The scope of each partition's record.
        """
        with ThreadPoolExecutor(READERS) as pool:
            found = pool.map(lambda scope: _read(ledger, asset, scope), scopes.values())
            read = dict(zip(scopes, found, strict=True))
        records = {partition: one for partition, one in read.items() if isinstance(one, Record)}
        problems = {partition: one for partition, one in read.items() if isinstance(one, str)}
        return cls(asset, records, problems)

    def of(self, partition: str) -> Record:
        """The record of a partition.

        Raises:
            InputError: there is no such result; the sentence says what to materialize.
        """
        record = self.records.get(partition)
        if record is None:
            raise InputError(self.problems.get(partition) or _missing(self.asset, partition))
        return record

    @property
    def only(self) -> Record:
        """The record of an asset without partitions.

        Raises:
            InputError: there is no such result.
        """
        return self.of(ONE)


def _read(ledger: Ledger, asset: str, scope: str) -> Record | str | None:
    """A record that is whole, a sentence on one that is not, or None where there is none."""
    record = ledger.read(scope, asset)
    if record is None:
        return None
    found = ledger.verify(record)
    return f"{found.damage}: materialize {asset} of {scope} again" if found.damage else found.record


def _missing(asset: str, partition: str) -> str:
    whose = f" of {partition}" if partition else ""
    return f"there is no {asset}{whose} yet: materialize it first"
