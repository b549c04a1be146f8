r"""Read groups: the `@RG` lines of a BAM's header (SAM specification, section 1.3).

Each lane is a read group, because base qualities are recalibrated and optical duplicates are found per lane.

>>> group = ReadGroup("HK3T5.3", sample="expt", library="expt", platform="ILLUMINA", platform_unit="HK3T5.3.ACGT")
>>> group.header_line()
'@RG\tID:HK3T5.3\tSM:expt\tLB:expt\tPL:ILLUMINA\tPU:HK3T5.3.ACGT'
>>> group.comment()
'RG:Z:HK3T5.3'
"""

import re
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.sample import Lane, Sample

PLATFORMS: Final = (
    "CAPILLARY",
    "DNBSEQ",
    "ELEMENT",
    "HELICOS",
    "ILLUMINA",
    "IONTORRENT",
    "LS454",
    "ONT",
    "PACBIO",
    "SINGULAR",
    "SOLID",
    "ULTIMA",
)
"""The values of PL (SAM specification, section 1.3)."""

_VALUE: Final = re.compile(r"[ -~]+")


@dataclass(frozen=True, slots=True)
class ReadGroup:
    """One `@RG` line.

    Attributes:
        id: Its name within the BAM (ID).
        sample: The sample (SM).
        library: The library (LB); duplicates are searched within a library.
        platform: The sequencing technology (PL), one of `PLATFORMS`.
        platform_unit: The unit of sequencing (PU), `FLOWCELL.LANE.BARCODE`; BQSR builds a model for each.

    Raises:
        InputError: A value is empty or holds a control or non-ASCII character.
    """

    id: str
    sample: str
    library: str
    platform: str
    platform_unit: str

    def __post_init__(self) -> None:
        for tag, value in self._fields():
            if not _VALUE.fullmatch(value):
                raise InputError(
                    f"{value!r} is not a valid {tag} of a BAM's header: use printable ASCII characters only"
                )
        check_platform(self.platform)

    def header_line(self) -> str:
        """Its line in a SAM header, without a newline."""
        return "\t".join(["@RG", *(f"{tag}:{value}" for tag, value in self._fields())])

    def comment(self) -> str:
        """The FASTQ comment of its reads, which `bwa mem -C` turns into a tag."""
        return f"RG:Z:{self.id}"

    def _fields(self) -> tuple[tuple[str, str], ...]:
        return (
            ("ID", self.id),
            ("SM", self.sample),
            ("LB", self.library),
            ("PL", self.platform),
            ("PU", self.platform_unit),
        )


def check_platform(text: str) -> str:
    """Return a sequencing platform in the upper case of PL.

    Raises:
        InputError: The platform is not in `PLATFORMS`.

    >>> check_platform("illumina")
    'ILLUMINA'
    """
    platform = text.upper()
    if platform not in PLATFORMS:
        raise InputError(f"{text!r} is not a sequencing platform: use one of {', '.join(PLATFORMS)}")
    return platform


def read_groups_of(sample: Sample, platform: str) -> tuple[ReadGroup, ...]:
    """Return a read group for each of a sample's lanes, in their order.

    ID is `FLOWCELL.LANE`, followed by the library where the sample has several. PU is `FLOWCELL.LANE.BARCODE`, with
    the library in place of the barcode where a sample of several libraries has no barcodes.

    Raises:
        InputError: Two libraries share a lane and a barcode, so that BQSR could not distinguish them.
    """
    groups = tuple(_read_group(sample, lane, platform) for lane in sample.lanes)
    lane_of: dict[str, Lane] = {}
    for lane, group in zip(sample.lanes, groups, strict=True):
        other = lane_of.setdefault(group.platform_unit, lane)
        if other is not lane:
            raise InputError(
                f"sample {sample.name} has libraries {other.library} and {lane.library} with one barcode on flow cell "
                f"{lane.flowcell}, lane {lane.number}: correct the samplesheet's library column"
            )
    return groups


def escape_for_bwa(header_line: str) -> str:
    r"""Escape a header line for the file that `bwa mem -H` reads.

    bwa replaces `\t`, `\n`, `\r` and `\\` in those lines (`bwa_escape` in its `bwa.c`), so backslashes are doubled.
    Tab characters are not changed.

    >>> print(escape_for_bwa("@RG ID:a SM:b\\t1"))
    @RG ID:a SM:b\\t1
    """
    return header_line.replace("\\", "\\\\")


def _read_group(sample: Sample, lane: Lane, platform: str) -> ReadGroup:
    has_libraries = len(sample.libraries) > 1
    flowcell_lane = f"{lane.flowcell}.{lane.number}"
    barcode = lane.barcode or (lane.library if has_libraries else None)
    return ReadGroup(
        id=f"{flowcell_lane}.{lane.library}" if has_libraries else flowcell_lane,
        sample=sample.name,
        library=lane.library,
        platform=check_platform(platform),
        platform_unit=f"{flowcell_lane}.{barcode}" if barcode else flowcell_lane,
    )
