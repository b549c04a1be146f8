"""Pairs of FASTQs: whether two files hold the two reads of the same pairs, and of which lane.

Single files are parsed by `fastq_name`, `read_name` and `fastq_head`, whose public names are exported here too.
"""

import re
from collections import Counter
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.fastq_head import HEAD_BYTES, FastqHead, read_group_ids, read_head
from bioinfo_assets.genomics.fastq_name import (
    FastqName,
    ReadNumber,
    is_fastq,
    is_index_or_undetermined,
    parse_fastq_name,
)
from bioinfo_assets.genomics.read_name import ReadName, parse_read_name
from bioinfo_assets.genomics.sample import Lane

__all__ = [
    "HEAD_BYTES",
    "FastqHead",
    "FastqName",
    "ReadName",
    "ReadNumber",
    "check_pair",
    "is_fastq",
    "is_index_or_undetermined",
    "lane_of",
    "parse_fastq_name",
    "parse_read_name",
    "read_group_ids",
    "read_head",
]

UNKNOWN_FLOWCELL: Final = "NOFC"
"""The flow cell where neither read names nor file names have one; the lanes of one library must still differ."""

_MIN_FLOWCELL_LENGTH: Final = 4
"""Characters of a flow cell that distinguish it, where a file name has a part of it."""


def check_pair(read1: FastqHead, read2: FastqHead) -> None:
    """Check that the first records of two FASTQs are the two reads of the same pairs, in the same order.

    Both reads of a pair have the same name, or names that end in `/1` and `/2`, or in `.1` and `.2` as the Sequence
    Read Archive's `fastq-dump -I --split-files` writes them.

    Raises:
        InputError: The files are swapped, hold the same read, or differ in read names or in the number of records.
    """
    numbers = (read1.reads[0].read or 1, read2.reads[0].read or 2)
    if numbers == (2, 1):
        raise InputError(f"{read1.uri} holds read 2 and {read2.uri} read 1, by their read names: swap them")
    if numbers[0] == numbers[1]:
        raise InputError(f"{read1.uri} and {read2.uri} both hold read {numbers[0]}, by their read names: give the mate")
    for number, (first, second) in enumerate(zip(read1.reads, read2.reads, strict=False), start=1):
        if first.name != second.name and not _are_archive_mates(first.name, second.name):
            raise InputError(
                f"{read1.uri} and {read2.uri} do not hold the same pairs: record {number} is {first.name} in the first "
                f"and {second.name} in the second; give the files as the sequencer wrote them, or put both in the same "
                "order"
            )
    if read1.complete and read2.complete and len(read1.reads) != len(read2.reads):
        raise InputError(
            f"{read1.uri} has {len(read1.reads)} reads and {read2.uri} has {len(read2.reads)}: "
            "copy both again from their source"
        )


def lane_of(
    read1: FastqHead, read2: FastqHead, *, library: str, lane: str | None = None, flowcell: str | None = None
) -> Lane:
    """Find flow cell, lane and barcode in the read names, then the file names, then the samplesheet.

    Read names since Casava 1.8 contain the flow cell. Older ones have the instrument in its place: their first field
    is taken for the flow cell where it begins with the one in the file name, or where the file name has none. An
    unknown flow cell is `NOFC`. Reads of several lanes in one file, as bcl2fastq writes them with
    `--no-lane-splitting`, count as one lane, the first.

    Args:
        read1: The first records of the first reads.
        read2: The first records of the second reads.
        library: The library that was sequenced.
        lane: The samplesheet's label of the lane, such as `lane_1`, `L001` or `1`: its number is used where neither
            read names nor file names have one.
        flowcell: The samplesheet's flow cell, used likewise.

    Raises:
        InputError: The file name and the read names contradict each other, or the lane is unknown.
    """
    try:
        name: FastqName | None = parse_fastq_name(read1.uri)
    except InputError:
        name = None  # Files of a samplesheet may have any name.
    reads = read1.reads
    number = reads[0].lane or (name.lane if name else None) or trailing_number(lane)
    if not number:
        raise InputError(
            f"the lane of {read1.uri} is unknown: put a number into the samplesheet's lane column, "
            "or name the file SAMPLE_FLOWCELL_LANE_READ.fastq.gz"
        )
    if name and name.lane is not None:
        _check_lane(read1, name.lane)
    if name and name.flowcell and reads[0].flowcell:
        _check_flowcell(read1, name.flowcell, reads[0].flowcell)
    barcodes = Counter(read.barcode for read in reads if read.barcode)
    return Lane(
        flowcell=_flowcell_of((name.flowcell if name else None) or flowcell, reads[0]),
        number=number,
        read1=read1.uri,
        read2=read2.uri,
        library=library,
        barcode=barcodes.most_common(1)[0][0] if barcodes else None,
    )


def _are_archive_mates(first: str, second: str) -> bool:
    return first.endswith(".1") and second == f"{first[:-2]}.2"


def _check_lane(head: FastqHead, lane: int) -> None:
    other = next((read for read in head.reads if read.lane not in {None, lane}), None)
    if other:
        raise InputError(
            f"{head.uri} is of lane {lane} by its name, but its read {other.name} is of lane {other.lane}: "
            "rename the file, or list it in a samplesheet under a name without lane"
        )


def _check_flowcell(head: FastqHead, in_name: str, in_reads: str) -> None:
    """Check that a name's flow cell is not the end of its sample's name, as in `patient_01_L001_R1.fastq.gz`.

    Samples would become one. Names may have a part of the flow cell, or its side before it; `S1` is bcl2fastq's number
    of a sample, where `_001` is missing at the end.
    """
    shorter, longer = sorted((in_name.upper(), in_reads.upper()), key=len)
    is_part = len(shorter) >= _MIN_FLOWCELL_LENGTH and shorter in longer
    if not is_part and shorter != longer and not re.fullmatch(r"S\d+", in_name):
        raise InputError(
            f"{head.uri} is of flow cell {in_name} by its name, but its reads are of {in_reads}: rename the file, or, "
            f"if {in_name} is a part of the sample's name, list it in a samplesheet"
        )


def _flowcell_of(file_flowcell: str | None, read: ReadName) -> str:
    if read.flowcell:
        return read.flowcell
    if read.first and (not file_flowcell or read.first.startswith(file_flowcell)):
        return re.sub(r"[^A-Za-z0-9_-]|^[_-]+", "-", read.first).lstrip("-") or UNKNOWN_FLOWCELL
    return file_flowcell or UNKNOWN_FLOWCELL


def trailing_number(label: str | None) -> int | None:
    """The last number in a lane's label; None where it has none, or one of more than nine digits.

    >>> trailing_number("lane_1"), trailing_number("L004"), trailing_number(None)
    (1, 4, None)
    """
    match = re.search(r"(?<!\d)(\d{1,9})\D*$", label or "")
    return int(match[1]) if match else None
