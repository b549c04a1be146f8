"""A sample's reads in their places on the genome: aligned, duplicates marked, base qualities recalibrated."""

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


@sample_asset(group="alignment", kinds={"bam", "bwa"})
def aligned_bam(
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    trimmed_reads: RecordSet,
    reference_genome: RecordSet,
    reference_index: RecordSet,
) -> StepEvents:
    """Where on the genome each read pair belongs, in the order of the reads."""
    up = Upstream.of(project, trimmed_reads, reference_genome, reference_index)
    yield from launcher.materialize_samples(context, partial(jobs.aligned_bam, up))


@sample_asset(group="alignment", kinds={"bam", "picard"})
def marked_bam(
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    aligned_bam: RecordSet,
    reference_genome: RecordSet,
    reference_index: RecordSet,
) -> StepEvents:
    """The alignment in genome order, with copies of one DNA fragment (PCR and optical duplicates) flagged."""
    up = Upstream.of(project, aligned_bam, reference_genome, reference_index)
    figures = partial(metrics_of, project.store)
    yield from launcher.materialize_samples(context, partial(jobs.marked_bam, up), figures)


@sample_asset(group="alignment", kinds={"bam", "gatk"})
def recalibrated_bam(
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    marked_bam: RecordSet,
    reference_genome: RecordSet,
    reference_index: RecordSet,
    known_sites: RecordSet,
) -> StepEvents:
    """The final alignment, ready for variant calling: base qualities corrected for the errors each lane really made."""
    up = Upstream.of(project, marked_bam, reference_genome, reference_index, known_sites)
    yield from launcher.materialize_samples(
        context, partial(jobs.recalibrated_bam, up), partial(metrics_of, project.store)
    )
