"""What tells whether a sample's sequencing and alignment are good."""

import dagster as dg

from bioinfo_assets.assets.declare import sample_asset
from bioinfo_assets.assets.figures import alignment_figures, depth_figures, insert_size_figures
from bioinfo_assets.assets.project import Project
from bioinfo_assets.assets.reference import indexed
from bioinfo_assets.orchestration.launcher import JobLauncher
from bioinfo_assets.orchestration.record_set import RecordSet
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.steps import metrics
from bioinfo_assets.steps.files import IndexedBam


@sample_asset(group="metrics", kinds={"picard"})
def alignment_metrics(
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    recalibrated_bam: RecordSet,
    reference_genome: RecordSet,
    reference_index: RecordSet,
) -> StepEvents:
    """How many reads were aligned, how well they match the genome, and how many pairs do not fit together."""
    yield from launcher.materialize_samples(
        context,
        lambda sample: metrics.alignment_metrics(
            sample,
            IndexedBam.of(recalibrated_bam.of(sample).files),
            indexed(reference_genome, reference_index),
            project.layout,
        ),
        lambda record: alignment_figures(project.store, record),
    )


@sample_asset(group="metrics", kinds={"picard"})
def insert_size_metrics(
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    recalibrated_bam: RecordSet,
) -> StepEvents:
    """How long the sequenced DNA fragments were. A sample without proper pairs has the status `fail`."""
    yield from launcher.materialize_samples(
        context,
        lambda sample: metrics.insert_size_metrics(
            sample, IndexedBam.of(recalibrated_bam.of(sample).files), project.layout
        ),
        lambda record: insert_size_figures(project.store, record),
    )


@sample_asset(group="metrics", kinds={"samtools"})
def depth(
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    recalibrated_bam: RecordSet,
) -> StepEvents:
    """How many reads cover each position of the genome, and a summary of the coverage.

    The table counts both reads of a pair where they overlap (samtools), the summary counts them once (mosdepth).
    """
    yield from launcher.materialize_samples(
        context,
        lambda sample: metrics.depth(
            sample,
            IndexedBam.of(recalibrated_bam.of(sample).files),
            project.layout,
            plain_text=project.settings.depth_as_text,
        ),
        lambda record: depth_figures(project.store, record),
    )
