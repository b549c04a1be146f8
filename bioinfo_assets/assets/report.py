"""All samples side by side."""

from collections import defaultdict

import dagster as dg

from bioinfo_assets.assets.declare import shared_asset
from bioinfo_assets.assets.project import Project
from bioinfo_assets.launch.job import Job, StoredFile
from bioinfo_assets.orchestration.launcher import JobLauncher
from bioinfo_assets.orchestration.record_set import RecordSet
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.steps.report import multiqc

REPORTED = {"trimmed_reads": ("log",), "marked_bam": ("metrics",), "recalibrated_bam": ("table",)}
"""The files of each asset that MultiQC reads, by key; of assets not named here, all."""


@shared_asset(group="report", kinds={"multiqc"})
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

    def job() -> Job:
        files: dict[str, list[StoredFile]] = defaultdict(list)
        for records in read:
            for sample, record in records.records.items():
                files[sample] += _reported(records.step, record.files)
        return multiqc(files, project.layout)

    yield from launcher.materialize(context, job)


def _reported(step: str, files: dict[str, StoredFile]) -> list[StoredFile]:
    keys = REPORTED.get(step) or tuple(key for key in files if key in {"metrics", "summary", "distribution"})
    return [files[key] for key in keys if key in files and files[key].size > 0]
