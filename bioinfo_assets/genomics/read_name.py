"""The name of a read: the flow cell, lane and barcode that an Illumina sequencer wrote into it.

Four forms are parsed:

- `INSTRUMENT:RUN:FLOWCELL:LANE:TILE:X:Y[:UMI] READ:FILTERED:CONTROL:BARCODE`, since Casava 1.8; the run
  of Element's sequencers is a name, and umi_tools writes `_UMI`;
- `INSTRUMENT:LANE:TILE:X:Y[#BARCODE][/READ]`, before; public data often have the flow cell in place of the instrument;
- `FLOWCELL`L`LANE`C`COLUMN`R`ROW``NUMBER`, of DNBSEQ sequencers, such as `V350012345L1C001R0010000001`;
- any other name, such as the Sequence Read Archive's `SRR1.1`, which has no lane.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from bioinfo_assets.genomics.sample import is_barcode

_SINCE_CASAVA_1_8: Final = re.compile(
    r"[^:\s]+:[^:\s]+:(?P<flowcell>[A-Za-z0-9][A-Za-z0-9_-]*):(?P<lane>\d{1,9}):\d+:-?\d+:-?\d+([:_][A-Za-z0-9+_-]+)?"
)
_BEFORE: Final = re.compile(r"(?P<first>[^:\s#]+):(?P<lane>\d{1,9}):\d+:-?\d+:-?\d+(#(?P<barcode>[^/\s]+))?")
_DNBSEQ: Final = re.compile(r"(?P<flowcell>[A-Z]{1,4}\d{6,})L(?P<lane>\d)C\d{3}R\d{3}_?\d+")
_COMMENT: Final = re.compile(r"(?P<read>[12]):[YN]:\d+:(?P<barcode>\S*)")


MAX_NAME_LENGTH: Final = 254
"""Characters of a read's name that a SAM record can hold (SAM specification, section 1.4)."""


@dataclass(frozen=True, slots=True)
class ReadName:
    """The fields of a FASTQ record's first line.

    Attributes:
        name: The read's name, equal in both reads of a pair: without comment, and without `/1` or `/2`.
        read: The number of the read in its pair, or None where the line has none.
        form: Which of the module's four forms the name has.
        first: The first field of the form before Casava 1.8: the instrument, or the flow cell.
        flowcell: The flow cell, in the form since Casava 1.8 and in that of DNBSEQ.
        lane: The lane's number.
        barcode: The index sequence.
    """

    name: str
    read: Literal[1, 2] | None = None
    form: Literal["since 1.8", "before 1.8", "dnbseq", "other"] = "other"
    first: str | None = None
    flowcell: str | None = None
    lane: int | None = None
    barcode: str | None = None


def parse_read_name(header: str) -> ReadName:
    """Parse the first line of a FASTQ record, with or without its `@`.

    >>> read = parse_read_name("@A00:12:HK3T5CCXX:3:1101:2000:1000 1:N:0:ACGT+TTGA")
    >>> read.flowcell, read.lane, read.barcode, read.read
    ('HK3T5CCXX', 3, 'ACGT+TTGA', 1)
    >>> read = parse_read_name("@HK3T5CCXX160204:3:1123:21318:57126")
    >>> read.first, read.lane
    ('HK3T5CCXX160204', 3)
    >>> read = parse_read_name("@V350012345L1C001R0010000001/1")
    >>> read.flowcell, read.lane
    ('V350012345', 1)
    >>> parse_read_name("@SRR1.1 1 length=100").lane is None
    True
    """
    word, _, comment = header.removeprefix("@").replace("\t", " ").partition(" ")
    name, read = _split_read_number(word)
    casava = _COMMENT.match(comment)
    barcode = casava["barcode"] if casava else None
    if casava:
        read = 1 if casava["read"] == "1" else 2
    if match := _SINCE_CASAVA_1_8.fullmatch(name):
        return ReadName(name, read, "since 1.8", None, match["flowcell"], _lane_number(match), _valid_barcode(barcode))
    if match := _BEFORE.fullmatch(name):
        barcode = barcode or match["barcode"]
        return ReadName(name, read, "before 1.8", match["first"], None, _lane_number(match), _valid_barcode(barcode))
    if match := _DNBSEQ.fullmatch(name):
        return ReadName(name, read, "dnbseq", None, match["flowcell"], _lane_number(match))
    return ReadName(name, read)


def _split_read_number(word: str) -> tuple[str, Literal[1, 2] | None]:
    if word.endswith("/1"):
        return word[:-2], 1
    if word.endswith("/2"):
        return word[:-2], 2
    return word, None


def _lane_number(match: re.Match[str]) -> int | None:
    # Some simulators write a lane of 0, which is not a lane.
    return int(match["lane"]) or None


def _valid_barcode(text: str | None) -> str | None:
    # A run that was not demultiplexed has the sample's number in place of the barcode.
    return text if text and is_barcode(text) else None
