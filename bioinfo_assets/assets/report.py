"""All samples side by side."""

from functools import partial

import dagster as dg

from bioinfo_assets.assets.cohort import cohort, report_cohort
from bioinfo_assets.assets.decorators import shared_asset
from bioinfo_assets.orchestration.launcher import JobLauncher
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.pipeline import jobs
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.record_set import RecordSet


@shared_asset(group="report", kinds={"multiqc"}, deps=[cohort])
def multiqc_report(  # noqa: PLR0913, PLR0917 - each is an upstream asset, an arrow of the lineage graph
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    trimmed_reads: RecordSet,
    marked_bam: RecordSet,
    recalibrated_bam: RecordSet,
    alignment_metrics: RecordSet,
    insert_size_metrics: RecordSet,
    depth: RecordSet,
) -> StepEvents:
    """One page that shows all samples side by side, those whose results are there."""
    read = (trimmed_reads, marked_bam, recalibrated_bam, alignment_metrics, insert_size_metrics, depth)
    report_cohort(context.instance)
    yield from launcher.materialize(context, partial(jobs.multiqc_report, Upstream.of(project, *read)))
