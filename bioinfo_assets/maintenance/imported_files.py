"""Whether files from elsewhere are what a result must be, told from their first bytes and their last."""

import shlex
from collections.abc import Collection, Sequence

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.bam_header import (
    EOF_BLOCK,
    BamHeader,
    contig_difference,
    count_indexed_contigs,
    parse_bam_header,
)
from bioinfo_assets.genomics.fastq import HEAD_BYTES, FastqHead, check_pair, read_group_ids, read_head
from bioinfo_assets.genomics.reference import Contig
from bioinfo_assets.storage.store import Store

HEADER_BYTES = 256 * 1024
"""How much of a BAM is read for its header at first; doubled until the header is whole."""


def read_bam_header(store: Store, uri: str) -> BamHeader:
    """The header of a BAM, which must end with the block that BGZF files end with.

    Raises:
        InputError: there is no such file, it is no BAM, it is damaged, or it is cut short.
    """
    size, length = store.stat(uri).size, HEADER_BYTES
    while True:
        header = parse_bam_header(uri, store.read_bytes(uri, 0, min(length, size)), complete=length >= size)
        if header is not None:
            break
        length *= 2
    if store.read_bytes(uri, max(0, size - len(EOF_BLOCK)), len(EOF_BLOCK)) != EOF_BLOCK:
        raise InputError(f"{uri} is cut short, the block that ends a BAM is missing: copy it again from where it came")
    return header


def check_sample_of(uri: str, header: BamHeader, sample: str) -> None:
    """Checks that all read groups of a BAM are of a sample.

    Raises:
        InputError: one is of another sample, or there is none.
    """
    if not header.read_groups:
        raise InputError(
            f"{uri} has no read groups, which the steps after it go by: add them with `samtools addreplacerg`"
        )
    other = next((name for name in header.samples if name != sample), None)
    if other is not None:
        whose = f"of sample {other!r} (SM)" if other else "without a sample (SM)"
        raise InputError(
            f"{uri} has read groups {whose}, and is to be of sample {sample!r}: give --sample {other or 'NAME'}, or "
            "change the header with `samtools reheader`"
        )


def check_sorted(uri: str, header: BamHeader) -> None:
    """Checks that a BAM says to be sorted by coordinate.

    Raises:
        InputError: it says something else, or nothing.
    """
    if header.sort_order != "coordinate":
        raise InputError(
            f"{uri} is not sorted by coordinate, its header says {header.sort_order} (@HD SO): sort it with "
            "`samtools sort`, and index it"
        )


def check_grouped(uri: str, header: BamHeader) -> None:
    """Checks that the records of a read stand together, as far as the header and the first records tell.

    Raises:
        InputError: they do not.
    """
    if header.sort_order == "coordinate" or header.has_scattered_reads:
        raise InputError(
            f"{uri} does not have the records of each read together, as aligners write them: bring them together with "
            "`samtools collate`"
        )


def check_contigs(uri: str, header: BamHeader, reference: Sequence[Contig]) -> None:
    """Checks that a BAM is aligned to a reference.

    Raises:
        InputError: its contigs are others.
    """
    found = contig_difference(header.contigs, reference)
    if found:
        raise InputError(f"{uri} is not aligned to the reference of this project: {found}")


def find_index(store: Store, bam: str) -> str:
    """The index beside a BAM: `x.bam.bai`, or `x.bai`.

    Raises:
        InputError: there is none.
    """
    for uri in (f"{bam}.bai", f"{bam.removesuffix('.bam')}.bai"):
        if store.exists(uri):
            return uri
    raise InputError(f"{bam} has no index beside it: make it with `samtools index -b {shlex.quote(bam)}`")


def check_index(store: Store, uri: str, bam: str, header: BamHeader) -> None:
    """Checks that a file is the index of a BAM with so many contigs.

    Raises:
        InputError: it is no index, or that of another BAM.
    """
    contigs = count_indexed_contigs(uri, store.read_bytes(uri, 0, 8))
    if contigs != len(header.contigs):
        raise InputError(
            f"{uri} is of a BAM with {contigs} contigs, and {bam} has {len(header.contigs)}: make it again with "
            f"`samtools index -b {shlex.quote(bam)}`"
        )


def read_groups_in(store: Store, files: Sequence[str]) -> tuple[str, ...]:
    """The read groups that the first records of a pair of FASTQs tell, once the records themselves are checked.

    Raises:
        InputError: one is no FASTQ, they are no pair, or a comment tells no read group.
    """
    heads: list[FastqHead] = []
    found: dict[str, None] = {}
    for uri in files:
        data = store.read_bytes(uri, 0, HEAD_BYTES)
        head = read_head(uri, data, complete=len(data) < HEAD_BYTES)
        for group in read_group_ids(data, len(head.reads)):
            if group is None:
                raise InputError(
                    f"{uri} has reads whose comments tell no read group (RG:Z:…), as merged and trimmed reads have "
                    "them: add raw FASTQs with `samples add`"
                )
            found[group] = None
        heads.append(head)
    check_pair(heads[0], heads[1])
    return tuple(found)


def check_read_groups(files: Sequence[str], found: Collection[str], known: Collection[str], sample: str) -> None:
    """Checks that the read groups of FASTQs are those that a sample has.

    Raises:
        InputError: one is not.
    """
    other = next((group for group in found if group not in known), None)
    if other is None:
        return
    what = f"it has {', '.join(sorted(known))}" if known else "none of it is known"
    raise InputError(
        f"{files[0]} has reads of read group {other}, and of sample {sample} {what}: give each with --read-group "
        rf"'@RG\tID:{other}\tSM:{sample}\tLB:…\tPL:…\tPU:…'"
    )
