"""The contigs that known sites speak of, read before anything is fetched. Needs no Dagster."""

from collections.abc import Mapping
from typing import Final

from bioinfo_assets.genomics.known_sites import contigs_of_vcf, names_in_tabix
from bioinfo_assets.launch.store import Store
from bioinfo_assets.steps.known_sites import KnownSites

HEADER_BYTES: Final = 256 * 1024
"""How much of a VCF is read for its header at first; doubled until the header is whole."""


def contigs_of(store: Store, sites: KnownSites) -> Mapping[str, int | None]:
    """The contigs of known sites, from the VCF's header, or from its index where the header names none.

    Raises:
        InputError: the file is no bgzipped VCF.
    """
    contigs = _contigs_in_header(store, sites.vcf.uri, sites.vcf.size)
    if not contigs and sites.tbi is not None:
        return dict.fromkeys(names_in_tabix(store.read_bytes(sites.tbi.uri), sites.tbi.uri))
    return contigs


def _contigs_in_header(store: Store, uri: str, size: int) -> Mapping[str, int | None]:
    length = HEADER_BYTES
    while True:
        contigs = contigs_of_vcf(uri, store.read_bytes(uri, 0, length), whole=length >= size)
        if contigs is not None:
            return contigs
        length *= 2
