"""The name of a FASTQ: sample, flow cell, lane and read.

Two conventions are supported: `SAMPLE_FLOWCELL_LANE_READ.fastq.gz`, and that of Illumina's bcl2fastq and BCL Convert,
`SAMPLE_S1_L001_R1_001.fastq.gz`, which has no lane with `--no-lane-splitting`.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.sample import check_sample_name
from bioinfo_assets.genomics.uri import file_name

ReadNumber = Literal[1, 2]

_END: Final = r"\.(fastq|fq)\.gz"
_BY_FLOWCELL: Final = re.compile(
    r"(?P<sample>.+)_(?P<flowcell>[A-Za-z0-9-]+)_L(?P<lane>\d{1,9})_R?(?P<read>[12])" + _END
)
_BY_BCL2FASTQ: Final = re.compile(
    r"(?P<sample>.+)_S\d+(_L(?P<lane>\d{3}))?_(?P<kind>[RI])(?P<read>\d)_(?P<part>\d{3})" + _END
)
_READS: Final[dict[str, ReadNumber]] = {"1": 1, "2": 2}
_FASTQ: Final = re.compile(r".+\.(fastq|fq)(\.gz)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FastqName:
    """The fields of a FASTQ's name.

    Attributes:
        sample: The sample.
        flowcell: The flow cell, or None where the name has none.
        lane: The lane's number, or None where the name has none.
        read: 1 or 2.
        part: The number of the part of the lane, from 1; old versions of Illumina's software split a lane into several.
        pair_pattern: The name with `*` for the read number; equal in both files of a pair.
    """

    sample: str
    flowcell: str | None
    lane: int | None
    read: ReadNumber
    part: int
    pair_pattern: str


def is_fastq(uri: str) -> bool:
    """Whether a file's name has the suffix of a FASTQ, compressed or not.

    >>> is_fastq("expt_FC1_L4_1.fq.gz"), is_fastq("expt.bam")
    (True, False)
    """
    return _FASTQ.fullmatch(file_name(uri)) is not None


def is_index_or_undetermined(uri: str) -> bool:
    """Whether a FASTQ of bcl2fastq belongs to no sample: it holds index reads, or reads without a sample's barcode.

    >>> is_index_or_undetermined("expt_S1_L001_I1_001.fastq.gz")
    True
    >>> is_index_or_undetermined("Undetermined_S0_L001_R1_001.fastq.gz")
    True
    """
    match = _BY_BCL2FASTQ.fullmatch(file_name(uri))
    return match is not None and (match["kind"] == "I" or file_name(uri).startswith("Undetermined_S0_"))


def parse_fastq_name(uri: str) -> FastqName:
    """Parse the name of a gzipped FASTQ.

    Raises:
        InputError: The name follows neither convention, is that of an uncompressed file, of index reads or of a third
            read, or its sample name is not valid.

    >>> name = parse_fastq_name("/reads/my_expt_FC1_L4_1.fastq.gz")
    >>> name.sample, name.flowcell, name.lane, name.read
    ('my_expt', 'FC1', 4, 1)
    >>> name = parse_fastq_name("/reads/expt_S1_L002_R2_001.fastq.gz")
    >>> name.sample, name.flowcell, name.lane, name.read
    ('expt', None, 2, 2)
    """
    name = file_name(uri)
    if _FASTQ.fullmatch(name) and not name.endswith(".gz"):
        raise InputError(f"{uri} is not compressed: compress it with `gzip`")
    match = _BY_BCL2FASTQ.fullmatch(name) or _BY_FLOWCELL.fullmatch(name)
    if not match:
        raise InputError(
            f"the name of {uri} has no lane and read: name it SAMPLE_FLOWCELL_LANE_READ.fastq.gz, "
            "such as expt_FC1_L4_1.fastq.gz, or list it in a samplesheet"
        )
    fields = match.groupdict()
    if fields.get("kind") == "I":
        raise InputError(f"{uri} holds index reads: give the files of read 1 and read 2 only")
    read = _READS.get(match["read"])
    if read is None:
        raise InputError(
            f"{uri} holds read {match['read']}, as in UMI or single-cell data: give only read 1 and read 2"
        )
    start, end = match.span("read")
    return FastqName(
        sample=check_sample_name(match["sample"], source=uri),
        flowcell=fields.get("flowcell"),
        lane=int(match["lane"]) if match["lane"] else None,
        read=read,
        part=int(fields.get("part") or 1),
        pair_pattern=f"{match.string[:start]}*{match.string[end:]}",
    )
