"""The genome that reads are aligned to, its indexes, and the sites known to vary in it."""

from collections.abc import Mapping, Sequence

import dagster as dg

from bioinfo_assets.assets.declare import shared_asset
from bioinfo_assets.assets.project import Project
from bioinfo_assets.assets.sources import known_sites_source, reference_source, see_known_sites, see_reference
from bioinfo_assets.genomics.known_sites import check_known_sites, contigs_of_vcf, names_in_tabix
from bioinfo_assets.genomics.reference import parse_fai
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.store import Store
from bioinfo_assets.orchestration.launcher import JobLauncher
from bioinfo_assets.orchestration.record_set import RecordSet
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.steps.known_sites import KnownSites, fetch_known_sites
from bioinfo_assets.steps.reference import Aligner, IndexedReference, fetch_reference, index_reference

HEADER_BYTES = 256 * 1024
"""How much of a VCF is read for its header at first; doubled until the header is whole."""


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
        aligner = project.aligner(launcher.session.backend)
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
            check_known_sites(one.vcf.uri, contigs_of(project.store, one), contigs)
        return fetch_known_sites(sites, project.layout)

    yield from launcher.materialize(context, job)


def indexed(genome: RecordSet, index: RecordSet) -> IndexedReference:
    """The reference as steps read it, from the records of its two assets."""
    record = index.only
    return IndexedReference.of(genome.only.file("fasta"), Aligner(str(record.parameters["aligner"])), record.files)


def contigs_of(store: Store, sites: KnownSites) -> Mapping[str, int | None]:
    """The contigs of known sites, from the VCF's header, or from its index where the header names none.

    Raises:
        InputError: the file is no bgzipped VCF.
    """
    contigs = _contigs_in_header(store, sites.vcf.uri, sites.vcf.size)
    if not contigs and sites.tbi is not None:
        names: Sequence[str] = names_in_tabix(store.read_bytes(sites.tbi.uri), sites.tbi.uri)
        return dict.fromkeys(names)
    return contigs


def _contigs_in_header(store: Store, uri: str, size: int) -> Mapping[str, int | None]:
    length = HEADER_BYTES
    while True:
        contigs = contigs_of_vcf(uri, store.read_bytes(uri, 0, length), whole=length >= size)
        if contigs is not None:
            return contigs
        length *= 2
