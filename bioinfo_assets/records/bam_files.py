"""The header and the end of a BAM in a store, without its records."""

from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.bam_header import EOF_BLOCK, BamHeader, parse_bam_header
from bioinfo_assets.storage.store import Store

HEADER_BYTES: Final = 256 * 1024
"""Bytes of a BAM that are read for its header at first; doubled until the header is complete."""

MAX_HEADER_BYTES: Final = 128 * 1024 * 1024
"""Compressed bytes in which a header is looked for: a BAM may consist of empty blocks."""


def read_bam_header(store: Store, uri: str) -> BamHeader:
    """Read the header of a BAM, and check that the file ends with the end-of-file block of BGZF.

    Raises:
        InputError: the file does not exist, is not a BAM, is damaged, or is truncated.
    """
    size, length = store.stat(uri).size, HEADER_BYTES
    while True:
        header = parse_bam_header(uri, store.read_bytes(uri, 0, min(length, size)), complete=length >= size)
        if header is not None:
            break
        length *= 2
        if length > MAX_HEADER_BYTES:
            raise InputError(
                f"{uri} has no complete header in its first {MAX_HEADER_BYTES >> 20} MiB: check that it is a BAM of "
                "a genome"
            )
    if store.read_bytes(uri, max(0, size - len(EOF_BLOCK)), len(EOF_BLOCK)) != EOF_BLOCK:
        raise InputError(f"{uri} is truncated, as its end-of-file block is missing: copy it again from its source")
    return header
