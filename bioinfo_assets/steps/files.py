"""What steps hand on to one another: files that belong together.

Each is made from the outputs of the job that made it: `IndexedBam.of(outputs)`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from bioinfo_assets.launch.job import Input, StoredFile

Outputs = Mapping[str, StoredFile]
"""The published files of a job, by the keys of its outputs."""


@dataclass(frozen=True, slots=True)
class ReadFiles:
    """The FASTQs of a sample: first and second reads in step."""

    reads1: StoredFile
    reads2: StoredFile

    @classmethod
    def of(cls, outputs: Outputs) -> Self:
        """From what `merge_reads` or `trim_reads` made."""
        return cls(outputs["reads1"], outputs["reads2"])

    @property
    def size(self) -> int:
        """Bytes of both."""
        return self.reads1.size + self.reads2.size


@dataclass(frozen=True, slots=True)
class IndexedBam:
    """A BAM sorted by coordinate, and its index."""

    bam: StoredFile
    bai: StoredFile

    @classmethod
    def of(cls, outputs: Outputs) -> Self:
        """From what `mark_duplicates` or `recalibrate` made."""
        return cls(outputs["bam"], outputs["bai"])

    def staged(self, local: str) -> tuple[Input, Input]:
        """Both as a job finds them: the BAM under this name, the index beside it."""
        return Input(local, self.bam), Input(f"{local}.bai", self.bai)
