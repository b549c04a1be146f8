"""The files of a sample: a job's outputs, and the groups of them that steps pass to other steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from bioinfo_assets.launch.job import RAW_BYTES, Input, Output, StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps import canonical

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


def sample_output(
    layout: OutputLayout,
    key: str,
    sample: str,
    suffix: str,
    form: str | None = RAW_BYTES,
    *,
    size_share: float = 0.0,
) -> Output:
    """A file of one sample as an output; its local name contains the sample's, which logs and reports then show."""
    return Output(key, f"{sample}.{suffix}", layout.sample(sample, suffix), canonical=form, size_share=size_share)


def sorted_bam_outputs(layout: OutputLayout, sample: str, suffix: str) -> tuple[Output, Output, Output]:
    """A BAM as an output, with its index and MD5 file, which are derived from it."""
    return (
        sample_output(layout, "bam", sample, suffix, canonical.BAM, size_share=1.0),
        sample_output(layout, "bai", sample, f"{suffix}.bai", canonical.DERIVED_FILE),
        sample_output(layout, "md5", sample, f"{suffix}.md5", canonical.DERIVED_FILE),
    )
