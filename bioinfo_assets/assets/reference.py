"""The genome that reads are aligned to, its indexes, and the sites known to vary in it."""

from functools import partial

import dagster as dg

from bioinfo_assets.assets.decorators import shared_asset
from bioinfo_assets.assets.sources import known_sites_source, observe_known_sites, observe_reference, reference_source
from bioinfo_assets.launch.job import Job
from bioinfo_assets.orchestration.launcher import JobLauncher
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.pipeline import jobs
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.records.record_set import RecordSet


@shared_asset(group="reference", kinds={"fasta"}, deps=[reference_source])
def reference_genome(
    context: dg.AssetExecutionContext, launcher: JobLauncher, project: dg.ResourceParam[Project]
) -> StepEvents:
    """The genome's sequence: every chromosome, uncompressed, as aligners and GATK want it."""
    up = Upstream.of(project, sources=observe_reference(context.instance, project))
    yield from launcher.materialize(context, partial(jobs.reference_genome, up))


@shared_asset(group="reference", kinds={"index"}, deps=[reference_source])
def reference_index(
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    reference_genome: RecordSet,
) -> StepEvents:
    """What lets a program find a place in the genome at once: the aligner's index, samtools' and GATK's."""
    up = Upstream.of(project, reference_genome, sources=observe_reference(context.instance, project))

    def job() -> Job:
        return jobs.reference_index(up, project.aligner(launcher.session.backend, launcher.options(context)))

    yield from launcher.materialize(context, job)


@shared_asset(group="reference", kinds={"vcf"}, deps=[known_sites_source])
def known_sites(
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    reference_index: RecordSet,
) -> StepEvents:
    """Places where people are known to differ. A mismatch there may be a variant; elsewhere it counts as an error.

    They are of the reference's assembly: contig names are shared and their lengths agree. Without any, base qualities
    are not recalibrated.
    """
    if not project.settings.known_sites:
        context.log.info("no known sites are set: base qualities will not be recalibrated")
        yield dg.Output(RecordSet.of_whole(context.asset_key.path[-1], {}))
        return
    up = Upstream.of(project, reference_index, sources=observe_known_sites(context.instance, project))
    yield from launcher.materialize(context, partial(jobs.known_sites, up))
