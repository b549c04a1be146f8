"""Groups of files that steps pass to other steps, built from the outputs of a job: `IndexedBam.of(outputs)`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from bioinfo_assets.launch.job import Input, StoredFile

OutputFiles = Mapping[str, StoredFile]
"""The published files of a job, by the keys of its outputs."""


@dataclass(frozen=True, slots=True)
class ReadFiles:
    """The FASTQs of a sample: first and second reads of the same pairs, in the same order."""

    reads1: StoredFile
    reads2: StoredFile

    @classmethod
    def of(cls, outputs: OutputFiles) -> Self:
        """Take the outputs of `merge_reads` or `trim_reads`."""
        return cls(outputs["reads1"], outputs["reads2"])

    @property
    def size(self) -> int:
        """The size of both files in bytes."""
        return self.reads1.size + self.reads2.size


@dataclass(frozen=True, slots=True)
class IndexedBam:
    """A BAM sorted by coordinate, and its index."""

    bam: StoredFile
    bai: StoredFile

    @classmethod
    def of(cls, outputs: OutputFiles) -> Self:
        """Take the outputs of `mark_duplicates` or `recalibrate`."""
        return cls(outputs["bam"], outputs["bai"])

    def inputs(self, local: str) -> tuple[Input, Input]:
        """The inputs of a job: the BAM under a local name, and its index."""
        return Input(local, self.bam), Input(f"{local}.bai", self.bai)
