"""What the name of a FASTQ tells: sample, flow cell, lane and read.

Two conventions are known: `SAMPLE_FLOWCELL_LANE_READ.fastq.gz`, and that of Illumina's bcl2fastq and BCL Convert,
`SAMPLE_S1_L001_R1_001.fastq.gz`, of which `--no-lane-splitting` leaves the lane out.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.sample import check_sample_name
from bioinfo_assets.genomics.uri import file_name

ReadNumber = Literal[1, 2]

_END: Final = r"\.(fastq|fq)\.gz"
_BY_FLOWCELL: Final = re.compile(r"(?P<sample>.+)_(?P<flowcell>[A-Za-z0-9-]+)_L(?P<lane>\d+)_R?(?P<read>[12])" + _END)
_BY_BCL2FASTQ: Final = re.compile(
    r"(?P<sample>.+)_S\d+(_L(?P<lane>\d{3}))?_(?P<kind>[RI])(?P<read>\d)_(?P<chunk>\d{3})" + _END
)
_READS: Final[dict[str, ReadNumber]] = {"1": 1, "2": 2}
_FASTQ: Final = re.compile(r".+\.(fastq|fq)(\.gz)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FastqName:
    """What a FASTQ's name tells.

    Attributes:
        sample: The sample.
        flowcell: The flow cell, or None where the name has none.
        lane: The lane's number, or None where the name has none.
        read: 1 or 2.
        chunk: Which part of the lane it is, from 1; old versions of Illumina's software cut a lane in several.
        pair: The name without its read number; equal in both files of a pair.
    """

    sample: str
    flowcell: str | None
    lane: int | None
    read: ReadNumber
    chunk: int
    pair: str


def is_fastq(uri: str) -> bool:
    """Whether a file's name ends like a FASTQ's, compressed or not.

    >>> is_fastq("expt_FC1_L4_1.fq.gz"), is_fastq("expt.bam")
    (True, False)
    """
    return _FASTQ.fullmatch(file_name(uri)) is not None


def is_left_out(uri: str) -> bool:
    """Whether a FASTQ of bcl2fastq belongs to no sample: index reads, and reads that no sample's barcode claims.

    >>> is_left_out("expt_S1_L001_I1_001.fastq.gz"), is_left_out("Undetermined_S0_L001_R1_001.fastq.gz")
    (True, True)
    """
    match = _BY_BCL2FASTQ.fullmatch(file_name(uri))
    return match is not None and (match["kind"] == "I" or file_name(uri).startswith("Undetermined_S0_"))


def parse_fastq_name(uri: str) -> FastqName:
    """Read what the name of a gzipped FASTQ tells.

    Raises:
        InputError: The name follows neither convention, is not compressed, is that of an index read or of a third
            read, or holds a sample's name that cannot be one.

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
            f"{uri} does not say which lane and read it holds: name it SAMPLE_FLOWCELL_LANE_READ.fastq.gz, "
            "such as expt_FC1_L4_1.fastq.gz, or list it in a samplesheet"
        )
    return _fastq_name(uri, match)


def _fastq_name(uri: str, match: re.Match[str]) -> FastqName:
    found = match.groupdict()
    if found.get("kind") == "I":
        raise InputError(f"{uri} holds index reads: give the files of read 1 and read 2 only")
    read = _READS.get(match["read"])
    if read is None:
        raise InputError(f"{uri} holds read {match['read']}, as of UMIs or single cells: give pairs of two reads only")
    start, end = match.span("read")
    return FastqName(
        sample=_sample_name(uri, match["sample"]),
        flowcell=found.get("flowcell"),
        lane=int(match["lane"]) if match["lane"] else None,
        read=read,
        chunk=int(found.get("chunk") or 1),
        pair=f"{match.string[:start]}*{match.string[end:]}",
    )


def _sample_name(uri: str, name: str) -> str:
    try:
        return check_sample_name(name)
    except InputError as error:
        raise InputError(f"{uri}: {error}") from error
