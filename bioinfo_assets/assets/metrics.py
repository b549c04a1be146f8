"""What tells whether a sample's sequencing and alignment are good."""

from functools import partial

import dagster as dg

from bioinfo_assets.assets.decorators import sample_asset
from bioinfo_assets.assets.result_metrics import metrics_of
from bioinfo_assets.orchestration.launcher import JobLauncher
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.pipeline import jobs
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.record_set import RecordSet


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
    up = Upstream.of(project, recalibrated_bam, reference_genome, reference_index)
    figures = partial(metrics_of, project.store)
    yield from launcher.materialize_samples(context, partial(jobs.alignment_metrics, up), figures)


@sample_asset(group="metrics", kinds={"picard"})
def insert_size_metrics(
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    recalibrated_bam: RecordSet,
) -> StepEvents:
    """How long the sequenced DNA fragments were. A sample without proper pairs has the status `fail`."""
    up = Upstream.of(project, recalibrated_bam)
    figures = partial(metrics_of, project.store)
    yield from launcher.materialize_samples(context, partial(jobs.insert_size_metrics, up), figures)


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
    up = Upstream.of(project, recalibrated_bam)
    yield from launcher.materialize_samples(context, partial(jobs.depth, up), partial(metrics_of, project.store))
