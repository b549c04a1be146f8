"""Pairs of FASTQs: whether two files hold the two reads of the same pairs, and of which lane.

What one file tells is read in `fastq_name`, `read_name` and `fastq_head`; their names stand here too.
"""

import re
from collections import Counter
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.fastq_head import HEAD_BYTES, FastqHead, read_head
from bioinfo_assets.genomics.fastq_name import FastqName, ReadNumber, is_fastq, is_left_out, parse_fastq_name
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
    "is_left_out",
    "lane_of",
    "parse_fastq_name",
    "parse_read_name",
    "read_head",
]

UNKNOWN_FLOWCELL: Final = "NOFC"
"""Stands for a flow cell that neither reads nor file names tell; the lanes of one library must still differ."""


def check_pair(read1: FastqHead, read2: FastqHead) -> None:
    """Check that two FASTQs hold the two reads of the same pairs, in the same order, as far as they were read.

    Both reads of a pair have one name, or end in `/1` and `/2`, or in `.1` and `.2` as the Sequence Read Archive's
    `fastq-dump -I --split-files` names them.

    Raises:
        InputError: The files are swapped, hold the same read, or have other names or another number of records.
    """
    said = (read1.reads[0].read or 1, read2.reads[0].read or 2)
    if said == (2, 1):
        raise InputError(f"{read1.uri} holds read 2 and {read2.uri} read 1, as their records say: swap them")
    if said[0] == said[1]:
        raise InputError(f"{read1.uri} and {read2.uri} both hold read {said[0]}, as their records say: give the mate")
    for number, (first, second) in enumerate(zip(read1.reads, read2.reads, strict=False), start=1):
        if first.name != second.name and not _named_by_archive(first.name, second.name):
            raise InputError(_unpaired(number, read1, read2))
    if read1.whole and read2.whole and len(read1.reads) != len(read2.reads):
        raise InputError(
            f"{read1.uri} has {len(read1.reads)} reads and {read2.uri} has {len(read2.reads)}: "
            "copy both again from where they came"
        )


def lane_of(read1: FastqHead, read2: FastqHead, *, library: str, lane: str | None = None) -> Lane:
    """Tell flow cell, lane and barcode from the reads, the files' names and the samplesheet's word, in this order.

    Reads named since Casava 1.8 tell the flow cell. Older names have the instrument in its place: they tell the flow
    cell where their first field begins with the one in the file's name, and stand for it where that name has none.
    Where nothing tells the flow cell it is `NOFC`. Reads of several lanes in one file, as bcl2fastq leaves them with
    `--no-lane-splitting`, count as one lane, the first.

    Args:
        read1: The first records of the first reads.
        read2: The first records of the second reads.
        library: The library that was sequenced.
        lane: What the samplesheet calls the lane, such as `lane_1`, `L001` or `1`: its number is used where neither
            reads nor names have one.

    Raises:
        InputError: The file's name and the reads contradict each other, or nothing tells the lane.
    """
    name = _name_if_known(read1.uri)
    reads = read1.reads
    number = _first(reads[0].lane, name.lane if name else None, number_in(lane))
    if number is None:
        raise InputError(
            f"nothing tells which lane {read1.uri} is from: put a number into the samplesheet's lane column, "
            "or name it SAMPLE_FLOWCELL_LANE_READ.fastq.gz"
        )
    if name and name.lane is not None:
        _check_lane(read1, name.lane)
    barcodes = Counter(read.barcode for read in reads if read.barcode)
    return Lane(
        flowcell=_flowcell_of(name.flowcell if name else None, reads[0]),
        number=number,
        read1=read1.uri,
        read2=read2.uri,
        library=library,
        barcode=barcodes.most_common(1)[0][0] if barcodes else None,
    )


def _named_by_archive(first: str, second: str) -> bool:
    return first.endswith(".1") and second == f"{first[:-2]}.2"


def _unpaired(number: int, read1: FastqHead, read2: FastqHead) -> str:
    first, second = read1.reads[number - 1].name, read2.reads[number - 1].name
    return (
        f"{read1.uri} and {read2.uri} do not hold the same pairs: record {number} is {first} in one and {second} "
        "in the other; give the files as the machine wrote them, or put both in the same order"
    )


def _name_if_known(uri: str) -> FastqName | None:
    try:
        return parse_fastq_name(uri)
    except InputError:
        return None  # Files of a samplesheet may have any name.


def _check_lane(head: FastqHead, lane: int) -> None:
    other = next((read for read in head.reads if read.lane not in {None, lane}), None)
    if other:
        raise InputError(
            f"{head.uri} is of lane {lane} by its name, but its read {other.name} is of lane {other.lane}: "
            "rename the file, or list it in a samplesheet under a name without lane"
        )


def _flowcell_of(named: str | None, read: ReadName) -> str:
    if read.flowcell:
        return read.flowcell
    if read.first and (not named or read.first.startswith(named)):
        return re.sub(r"[^A-Za-z0-9_-]|^[_-]+", "-", read.first).lstrip("-") or UNKNOWN_FLOWCELL
    return named or UNKNOWN_FLOWCELL


def number_in(label: str | None) -> int | None:
    """The number that what somebody calls a lane ends with; None where there is none.

    >>> number_in("lane_1"), number_in("L004"), number_in(None)
    (1, 4, None)
    """
    match = re.search(r"(\d+)\D*$", label or "")
    return int(match[1]) if match else None


def _first(*numbers: int | None) -> int | None:
    return next((number for number in numbers if number), None)
