"""A sample's reads: its lanes in one pair of files, then trimmed."""

from functools import partial

import dagster as dg

from bioinfo_assets.assets.decorators import sample_asset
from bioinfo_assets.assets.result_metrics import metrics_of
from bioinfo_assets.assets.sources import observe_reads, raw_reads
from bioinfo_assets.orchestration.launcher import JobLauncher
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.pipeline import jobs
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.record_set import RecordSet


@sample_asset(group="reads", kinds={"fastq"}, deps=[raw_reads])
def merged_reads(
    context: dg.AssetExecutionContext, launcher: JobLauncher, project: dg.ResourceParam[Project]
) -> StepEvents:
    """A sample's reads from all its lanes in one pair of FASTQs.

    Each read says which read group it is of, the lane of the flow cell it was sequenced on, so that later steps can
    tell the errors of one lane from those of another.
    """
    up = Upstream.of(project, sources=observe_reads(context.instance, project, tuple(context.partition_keys)))
    yield from launcher.materialize_samples(context, partial(jobs.merged_reads, up))


@sample_asset(group="reads", kinds={"fastq", "cutadapt"})
def trimmed_reads(
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    merged_reads: RecordSet,
) -> StepEvents:
    """The reads without adapters, where any were given, and without pairs that are unknown bases for the most part."""
    up = Upstream.of(project, merged_reads)
    figures = partial(metrics_of, project.store)
    yield from launcher.materialize_samples(context, partial(jobs.trimmed_reads, up), figures)
