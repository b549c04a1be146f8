"""Our chain of steps, one job after the other, beside the seed's step of the same name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from benchmarks.bench import Bench, Figures
from benchmarks.reads import Reads
from bioinfo_assets.launch.job import Job, StoredFile
from bioinfo_assets.steps import alignment, duplicates, metrics, recalibration, reference, trimming
from bioinfo_assets.steps import reads as reads_step
from bioinfo_assets.steps.files import IndexedBam, ReadFiles
from bioinfo_assets.steps.layout import Layout
from bioinfo_assets.steps.reference import Aligner, IndexedReference


@dataclass(frozen=True, slots=True)
class Ours:
    """Our steps at work on one sample.

    Attributes:
        bench: Where they run.
        reads: What on.
        made: What each step made, by its name and key.
    """

    bench: Bench
    reads: Reads
    made: dict[str, Mapping[str, StoredFile]] = field(default_factory=dict)

    def run(self, step: str) -> tuple[Figures, Figures]:
        """Runs the jobs that stand for a step of the seed; what they took, and the account of outputs within it."""
        took, account = Figures.none(), Figures.none()
        for build in STEPS[step]:
            job = build(self)
            figures, self.made[job.key.asset] = self.bench.run(job)
            took, account = took + figures, account + self.bench.account(job)
        return took, account

    @property
    def sample(self) -> str:
        """The sample's name."""
        return self.reads.sample.name

    @property
    def layout(self) -> Layout:
        """Where results go."""
        return Layout(str(self.bench.folder / "ours"))

    @property
    def reference(self) -> IndexedReference:
        """The reference, once it is indexed."""
        return IndexedReference.of(self.made["reference_genome"]["fasta"], Aligner.BWA, self.made["reference_index"])

    @property
    def final(self) -> IndexedBam:
        """The recalibrated BAM."""
        return IndexedBam.of(self.made["recalibrated_bam"])


def _merge(ours: Ours) -> Job:
    return reads_step.merge_reads(ours.sample, ours.reads.lanes, ours.layout)


def _trim(ours: Ours) -> Job:
    return trimming.trim_reads(ours.sample, ReadFiles.of(ours.made["merged_reads"]), trimming.Trimming(), ours.layout)


def _align(ours: Ours) -> Job:
    trimmed = ReadFiles.of(ours.made["trimmed_reads"])
    return alignment.align(ours.sample, trimmed, ours.reads.groups, ours.reference, ours.layout)


def _mark(ours: Ours) -> Job:
    return duplicates.mark_duplicates(ours.sample, ours.made["aligned_bam"]["bam"], ours.reference, ours.layout)


def _recalibrate(ours: Ours) -> Job:
    marked = IndexedBam.of(ours.made["marked_bam"])
    by = recalibration.Recalibration(ours.reads.sites)
    return recalibration.recalibrate(ours.sample, marked, ours.reference, by, ours.layout)


def _index(ours: Ours) -> Job:
    return reference.index_reference(ours.made["reference_genome"]["fasta"], None, Aligner.BWA, ours.layout)


def _fetch(ours: Ours) -> Job:
    return reference.fetch_reference(ours.reads.source, ours.layout)


STEPS: Final[Mapping[str, tuple[Callable[[Ours], Job], ...]]] = {
    "reference": (_fetch, _index),
    "merge": (_merge,),
    "trim": (_trim,),
    "align": (_align,),
    "duplicates, sort, tags": (_mark,),
    "recalibrate": (_recalibrate,),
    "alignment metrics": (
        lambda ours: metrics.alignment_metrics(ours.sample, ours.final, ours.reference, ours.layout),
    ),
    "insert metrics": (lambda ours: metrics.insert_size_metrics(ours.sample, ours.final, ours.layout),),
    "depth": (lambda ours: metrics.depth(ours.sample, ours.final, ours.layout),),
}
"""By the name of the seed's step: the jobs of ours that make the same."""
