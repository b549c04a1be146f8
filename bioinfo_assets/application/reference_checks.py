"""Whether reference and known sites can be used, as far as that can be told before they are fetched and indexed."""

from collections.abc import Sequence

from bioinfo_assets.genomics import known_sites
from bioinfo_assets.genomics.reference import MAX_FASTA_BYTES, Contig, contigs_of_fasta, fasta_name, parse_fai
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.pipeline.jobs import vcf_contigs
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.steps.known_sites import KnownSites, check_sources
from bioinfo_assets.storage.store import local_path


def check_reference(project: Project) -> tuple[Contig, ...] | None:
    """Checks that the reference is there; gives its contigs, where they can be had in seconds.

    Of a remote or very large FASTA they are not known until it is indexed, unless its `.fai` lies beside it. The job
    of known sites looks at them again in any case.

    Raises:
        InputError: the reference is missing, or is no FASTA.
    """
    uri = project.settings.reference or ""
    fasta_name(uri)
    size, path, fai = project.store.stat(uri).size, local_path(uri), f"{uri}.fai"
    if path is not None and size <= MAX_FASTA_BYTES:
        return contigs_of_fasta(path)
    return parse_fai(project.store.read_bytes(fai).decode()) if project.store.exists(fai) else None


def check_known_sites(project: Project, contigs: Sequence[Contig] | None) -> None:
    """Checks that each VCF can be used with a reference of these contigs.

    Raises:
        InputError: one is missing, is not bgzipped, or is of another assembly.
    """
    uris = project.settings.known_sites
    check_sources([KnownSites(StoredFile(uri, project.store.stat(uri).size, None), None) for uri in uris])
    for uri in uris:
        header = vcf_contigs(project.store, uri)
        if contigs is not None and header:
            known_sites.check_known_sites(uri, header, contigs)
