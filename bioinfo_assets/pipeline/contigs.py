"""The contigs that known sites speak of, read before anything is fetched. Needs no Dagster."""

from collections.abc import Mapping
from typing import Final

from bioinfo_assets.genomics.known_sites import contigs_of_vcf
from bioinfo_assets.storage.store import Store

HEADER_BYTES: Final = 256 * 1024
"""How much of a VCF is read for its header at first; doubled until the header is whole."""


def contigs_of(store: Store, uri: str) -> Mapping[str, int | None]:
    """The contigs that a VCF's header names, with their lengths; none where it names none.

    Raises:
        InputError: the file is no bgzipped VCF.
    """
    size, length = store.stat(uri).size, HEADER_BYTES
    while True:
        contigs = contigs_of_vcf(uri, store.read_bytes(uri, 0, length), complete=length >= size)
        if contigs is not None:
            return contigs
        length *= 2
