"""Our jobs for each step of the seed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from benchmarks.bench import Bench, Figures
from benchmarks.reads import Reads
from bioinfo_assets.launch.job import Job, StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps import alignment, duplicates, metrics, recalibration, reference, trimming
from bioinfo_assets.steps import reads as reads_step
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import IndexedBam, ReadFiles
from bioinfo_assets.steps.reference import Aligner, IndexedReference

# The options of the seed's commands.
TRIMMING: Final = trimming.Trimming(poly_g=False, max_n=0.1, minimum_length=20)
OPTICAL_DISTANCE: Final = 2500
QUANTIZED_QUALS: Final = (10, 20, 30)


@dataclass(frozen=True, slots=True)
class Ours:
    """Our steps for one sample.

    Attributes:
        bench: Runs the jobs.
        reads: The sample's reads.
        engine: Computes the steps that both engines can.
        cpus: What each job has at least, as the option `vcpus` sets it.
        outputs: The output files of each asset by key.
    """

    bench: Bench
    reads: Reads
    engine: Engine = Engine.GATK
    cpus: int = 1
    outputs: dict[str, Mapping[str, StoredFile]] = field(default_factory=dict)

    def run(self, step: str) -> tuple[Figures, Figures]:
        """Run our jobs for a step of the seed; return their figures, and those of the account of outputs in it."""
        total, account = Figures.none(), Figures.none()
        for build in STEPS[step]:
            job = build(self)
            job = replace(job, resources=replace(job.resources, cpus=max(job.resources.cpus, self.cpus)))
            figures, self.outputs[job.key.asset] = self.bench.run(job)
            total, account = total + figures, account + self.bench.account(job)
        return total, account

    @property
    def sample(self) -> str:
        """The sample's name."""
        return self.reads.sample.name

    @property
    def layout(self) -> OutputLayout:
        """The layout of our results."""
        return OutputLayout(str(self.bench.folder / "ours"))

    @property
    def reference(self) -> IndexedReference:
        """The indexed reference."""
        return IndexedReference.of(
            self.outputs["reference_genome"]["fasta"], Aligner.BWA, self.outputs["reference_index"]
        )

    @property
    def final(self) -> IndexedBam:
        """The recalibrated BAM."""
        return IndexedBam.of(self.outputs["recalibrated_bam"])


def _merge(ours: Ours) -> Job:
    return reads_step.merge_reads(ours.sample, ours.reads.lanes, ours.layout, ours.engine)


def _trim(ours: Ours) -> Job:
    return trimming.trim_reads(ours.sample, ReadFiles.of(ours.outputs["merged_reads"]), TRIMMING, ours.layout)


def _align(ours: Ours) -> Job:
    trimmed = ReadFiles.of(ours.outputs["trimmed_reads"])
    return alignment.align(ours.sample, trimmed, ours.reads.groups, ours.reference, ours.layout, ours.engine)


def _mark(ours: Ours) -> Job:
    aligned = ours.outputs["aligned_bam"]["bam"]
    return duplicates.mark_duplicates(
        ours.sample,
        aligned,
        ours.reference,
        ours.layout,
        optical_distance=OPTICAL_DISTANCE,
        engine=ours.engine,
    )


def _recalibrate(ours: Ours) -> Job:
    marked = IndexedBam.of(ours.outputs["marked_bam"])
    options = recalibration.Recalibration(ours.reads.sites, QUANTIZED_QUALS, ours.engine)
    return recalibration.recalibrate(ours.sample, marked, ours.reference, options, ours.layout)


def _index(ours: Ours) -> Job:
    return reference.index_reference(ours.outputs["reference_genome"]["fasta"], None, Aligner.BWA, ours.layout)


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
        lambda ours: metrics.alignment_metrics(ours.sample, ours.final, ours.reference, ours.layout, ours.engine),
    ),
    "insert metrics": (lambda ours: metrics.insert_size_metrics(ours.sample, ours.final, ours.layout, ours.engine),),
    "depth": (lambda ours: metrics.depth(ours.sample, ours.final, ours.layout, genome=ours.reference.fasta.size),),
}
"""Our jobs by the name of the seed's step."""
