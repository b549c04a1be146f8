"""A sample's reads: its lanes in one pair of files, then trimmed."""

import dagster as dg

from bioinfo_assets.assets.declare import sample_asset
from bioinfo_assets.assets.figures import trimming_figures
from bioinfo_assets.assets.project import Project
from bioinfo_assets.assets.sources import raw_reads, see_reads
from bioinfo_assets.orchestration.launcher import JobLauncher
from bioinfo_assets.orchestration.record_set import RecordSet
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.steps.files import ReadFiles
from bioinfo_assets.steps.reads import merge_reads
from bioinfo_assets.steps.trimming import trim_reads


@sample_asset(group="reads", kinds={"fastq"}, deps=[raw_reads])
def merged_reads(
    context: dg.AssetExecutionContext, launcher: JobLauncher, project: dg.ResourceParam[Project]
) -> StepEvents:
    """A sample's reads from all its lanes in one pair of FASTQs.

    Each read says which read group it is of, the lane of the flow cell it was sequenced on, so that later steps can
    tell the errors of one lane from those of another.
    """
    seen = see_reads(context.instance, project, tuple(context.partition_keys))
    yield from launcher.materialize_samples(
        context, lambda sample: merge_reads(sample, seen.lanes(project, sample), project.layout)
    )


@sample_asset(group="reads", kinds={"fastq", "cutadapt"})
def trimmed_reads(
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    merged_reads: RecordSet,
) -> StepEvents:
    """The reads without adapters, where any were given, and without pairs that are unknown bases for the most part."""
    yield from launcher.materialize_samples(
        context,
        lambda sample: trim_reads(
            sample, ReadFiles.of(merged_reads.of(sample).files), project.trimming(), project.layout
        ),
        lambda record: trimming_figures(project.store, record),
    )
