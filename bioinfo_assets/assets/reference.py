"""The genome that reads are aligned to, its indexes, and the sites known to vary in it."""

import dagster as dg

from bioinfo_assets.assets.contigs import contigs_of
from bioinfo_assets.assets.declare import shared_asset
from bioinfo_assets.assets.project import Project
from bioinfo_assets.assets.sources import known_sites_source, reference_source, see_known_sites, see_reference
from bioinfo_assets.genomics.known_sites import check_known_sites
from bioinfo_assets.genomics.reference import parse_fai
from bioinfo_assets.launch.job import Job
from bioinfo_assets.orchestration.launcher import JobLauncher
from bioinfo_assets.orchestration.record_set import RecordSet
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.steps.known_sites import fetch_known_sites
from bioinfo_assets.steps.reference import Aligner, IndexedReference, fetch_reference, index_reference


@shared_asset(group="reference", kinds={"fasta"}, deps=[reference_source])
def reference_genome(
    context: dg.AssetExecutionContext, launcher: JobLauncher, project: dg.ResourceParam[Project]
) -> StepEvents:
    """The genome's sequence: every chromosome, uncompressed, as aligners and GATK want it."""
    seen = see_reference(context.instance, project)
    fasta = next(file.stored for file in seen.files if file.key == "fasta")
    yield from launcher.materialize(context, lambda: fetch_reference(fasta, project.layout))


@shared_asset(group="reference", kinds={"index"}, deps=[reference_source])
def reference_index(
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    reference_genome: RecordSet,
) -> StepEvents:
    """What lets a program find a place in the genome at once: the aligner's index, samtools' and GATK's."""

    def job() -> Job:
        alt = next((file.stored for file in project.observe_reference().files if file.key == "alt"), None)
        aligner = project.aligner(launcher.session.backend, launcher.options(context))
        return index_reference(reference_genome.only.file("fasta"), alt, aligner, project.layout)

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
    seen = see_known_sites(context.instance, project)

    def job() -> Job:
        sites = project.known_sites(seen)
        fai = reference_index.only.file("fai")
        contigs = parse_fai(project.store.read_bytes(fai.uri).decode())
        for one in sites:
            named = contigs_of(project.store, one.vcf.uri)
            if named:  # else its records are looked at by the job, once they have an index
                check_known_sites(one.vcf.uri, named, contigs)
        return fetch_known_sites(sites, fai, project.layout)

    yield from launcher.materialize(context, job)


def indexed(genome: RecordSet, index: RecordSet) -> IndexedReference:
    """The reference as steps read it, from the records of its two assets."""
    record = index.only
    return IndexedReference.of(genome.only.file("fasta"), Aligner(str(record.parameters["aligner"])), record.files)
