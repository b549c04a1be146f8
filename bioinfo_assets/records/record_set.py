"""What assets hand to each other: the records of results, never their bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bioinfo_assets.errors import InputError
from bioinfo_assets.records.record import Record

ONE = ""
"""Stands for the only subject of an asset without partitions."""


@dataclass(frozen=True, slots=True)
class RecordSet:
    """The records of one asset, by partition.

    Attributes:
        step: The asset.
        records: The results that are there and whole.
        problems: A sentence for each result that is not.
    """

    step: str
    records: Mapping[str, Record]
    problems: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_whole(cls, step: str, records: Mapping[str, Record]) -> "RecordSet":
        """Results of which none is missing."""
        return cls(step, dict(records))

    def of(self, partition: str) -> Record:
        """The record of a partition.

        Raises:
            InputError: there is no such result; the sentence says what to materialize.
        """
        record = self.records.get(partition)
        if record is None:
            raise InputError(self.problems.get(partition) or _missing(self.step, partition))
        return record

    @property
    def only(self) -> Record:
        """The record of an asset without partitions.

        Raises:
            InputError: there is no such result.
        """
        return self.of(ONE)


def _missing(step: str, partition: str) -> str:
    whose = f" of {partition}" if partition else ""
    return f"there is no {step}{whose} yet: materialize it first"
