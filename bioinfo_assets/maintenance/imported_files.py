"""Checks of files to import, by their places, and their first and last bytes: BAMs, their indexes, and FASTQs."""

import shlex
from collections.abc import Collection, Sequence

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.bam_header import BamHeader, contig_difference, count_indexed_contigs
from bioinfo_assets.genomics.fastq import HEAD_BYTES, FastqHead, check_pair, read_group_ids, read_head
from bioinfo_assets.genomics.reference import Contig
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.storage.store import Store, local_path


def check_location(ledger: Ledger, uri: str, sample: str) -> None:
    """Check that a file is not among results, where the next job would overwrite it, nor a link to one.

    Raises:
        InputError: it is.
    """
    scope = _scope_of(ledger, uri)
    if scope and (scope == sample or ledger.store.list(ledger.layout.records(scope))):
        raise InputError(f"{uri} is among this project's own results, where jobs write: move it elsewhere first")


def _scope_of(ledger: Ledger, uri: str) -> str:
    """The scope in whose folder a file is, links followed; empty if it is outside of the output path."""
    path, output = local_path(uri), local_path(ledger.output_path)  # raises an InputError for an unsupported address
    if ledger.layout.contains(uri):
        return ledger.layout.relative(uri).partition("/")[0]
    if path is None or output is None or output.resolve() not in path.resolve().parents:
        return ""
    return path.resolve().relative_to(output.resolve()).parts[0]


def check_sample_of(uri: str, header: BamHeader, sample: str) -> None:
    """Check that all read groups of a BAM belong to a sample.

    Raises:
        InputError: a read group belongs to another sample, or there is none.
    """
    if not header.read_groups:
        raise InputError(
            f"{uri} has no read groups, which the steps downstream need: add them with `samtools addreplacerg`"
        )
    other = next((name for name in header.samples if name != sample), None)
    if other is not None:
        sample_of = f"of sample {other!r} (SM)" if other else "without a sample (SM)"
        raise InputError(
            f"{uri} has read groups {sample_of}, but is imported for sample {sample!r}: give "
            f"--sample {other or 'NAME'}, or change the header with `samtools reheader`"
        )


def check_sorted(uri: str, header: BamHeader) -> None:
    """Check that a BAM is sorted by coordinate, according to its header.

    Raises:
        InputError: the header has another sort order, or none.
    """
    if header.sort_order != "coordinate":
        raise InputError(
            f"{uri} is not sorted by coordinate, its header has the sort order {header.sort_order} (@HD SO): sort "
            "it with `samtools sort`, and index it"
        )


def check_grouped(uri: str, header: BamHeader) -> None:
    """Check that a BAM is grouped by read name, according to its header and its first records.

    Raises:
        InputError: it is not.
    """
    if header.sort_order == "coordinate" or header.has_scattered_reads:
        raise InputError(f"{uri} is not grouped by read name, as aligners write it: group it with `samtools collate`")


def check_contigs(uri: str, header: BamHeader, reference: Sequence[Contig]) -> None:
    """Check that a BAM is aligned to a reference.

    Raises:
        InputError: its contigs differ from the reference's.
    """
    difference = contig_difference(header.contigs, reference)
    if difference:
        raise InputError(f"{uri} is not aligned to the reference of this project: {difference}")


def find_index(store: Store, bam: str) -> str:
    """Find the index next to a BAM: `x.bam.bai`, or `x.bai`.

    Raises:
        InputError: there is none.
    """
    for uri in (f"{bam}.bai", f"{bam.removesuffix('.bam')}.bai"):
        if store.exists(uri):
            return uri
    raise InputError(f"{bam} has no index next to it: create one with `samtools index -b {shlex.quote(bam)}`")


def check_index(store: Store, uri: str, bam: str, header: BamHeader) -> None:
    """Check that a file is an index, and has as many contigs as the BAM.

    Raises:
        InputError: it is not an index, or belongs to another BAM.
    """
    contigs = count_indexed_contigs(uri, store.read_bytes(uri, 0, 8))
    if contigs != len(header.contigs):
        raise InputError(
            f"{uri} is the index of a BAM with {contigs} contigs, but {bam} has {len(header.contigs)}: create it with "
            f"`samtools index -b {shlex.quote(bam)}`"
        )


def read_groups_in(store: Store, files: Sequence[str]) -> tuple[str, ...]:
    """Check the first records of a pair of FASTQs, and return the read groups named in their comments.

    Raises:
        InputError: one is not a FASTQ, they are not a pair, or a comment does not name a read group.
    """
    heads: list[FastqHead] = []
    groups: dict[str, None] = {}
    for uri in files:
        data = store.read_bytes(uri, 0, HEAD_BYTES)
        head = read_head(uri, data, complete=len(data) < HEAD_BYTES)
        for group in read_group_ids(data, len(head.reads)):
            if group is None:
                raise InputError(
                    f"{uri} has reads whose comments name no read group (RG:Z:…), as those of merged and trimmed "
                    "reads do: add raw FASTQs with `samples add`"
                )
            groups[group] = None
        heads.append(head)
    check_pair(heads[0], heads[1])
    return tuple(groups)


def check_read_groups(files: Sequence[str], groups: Collection[str], known: Collection[str], sample: str) -> None:
    """Check that all read groups of FASTQs are among a sample's known read groups.

    Raises:
        InputError: one is not.
    """
    other = next((group for group in groups if group not in known), None)
    if other is None:
        return
    others = f"sample {sample} has {', '.join(sorted(known))}" if known else f"no read group of {sample} is known"
    raise InputError(
        f"{files[0]} has reads of read group {other}, but {others}: give each with --read-group "
        rf"'@RG\tID:{other}\tSM:{sample}\tLB:…\tPL:…\tPU:…'"
    )
