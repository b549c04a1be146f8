"""What the name of a read tells: the flow cell, lane and barcode that an Illumina machine wrote into it.

Three forms are known, as Illumina's software has written them:

- `INSTRUMENT:RUN:FLOWCELL:LANE:TILE:X:Y[:UMI] READ:FILTERED:CONTROL:BARCODE`, since Casava 1.8;
- `INSTRUMENT:LANE:TILE:X:Y[#BARCODE][/READ]`, before; public data often have the flow cell where the instrument was;
- anything else, such as the Sequence Read Archive's `SRR1.1`, which tells nothing of the lane.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

_SINCE_CASAVA_1_8: Final = re.compile(
    r"[^:\s]+:\d+:(?P<flowcell>[A-Za-z0-9][A-Za-z0-9_-]*):(?P<lane>\d+):\d+:-?\d+:-?\d+(:[A-Za-z+_-]+)?"
)
_BEFORE: Final = re.compile(r"(?P<first>[^:\s#]+):(?P<lane>\d+):\d+:-?\d+:-?\d+(#(?P<barcode>[^/\s]+))?")
_COMMENT: Final = re.compile(r"(?P<read>[12]):[YN]:\d+:(?P<barcode>\S*)")
_BARCODE: Final = re.compile(r"[ACGTN]+([+-][ACGTN]+)?")


@dataclass(frozen=True, slots=True)
class ReadName:
    """What a FASTQ record's first line tells.

    Attributes:
        name: The read's name, equal in both reads of a pair: without comment, and without `/1` or `/2`.
        read: Whether it says to be read 1 or 2 of its pair; None where it does not.
        form: Which of the module's three forms it has.
        first: The first field of the form before Casava 1.8: the instrument, or the flow cell.
        flowcell: The flow cell, in the form since Casava 1.8.
        lane: The lane's number.
        barcode: The index sequence.
    """

    name: str
    read: Literal[1, 2] | None = None
    form: Literal["since 1.8", "before 1.8", "other"] = "other"
    first: str | None = None
    flowcell: str | None = None
    lane: int | None = None
    barcode: str | None = None


def parse_read_name(header: str) -> ReadName:
    """Read the first line of a FASTQ record, with or without its `@`.

    >>> read = parse_read_name("@A00:12:HK3T5CCXX:3:1101:2000:1000 1:N:0:ACGT+TTGA")
    >>> read.flowcell, read.lane, read.barcode, read.read
    ('HK3T5CCXX', 3, 'ACGT+TTGA', 1)
    >>> read = parse_read_name("@HK3T5CCXX160204:3:1123:21318:57126")
    >>> read.first, read.lane
    ('HK3T5CCXX160204', 3)
    >>> parse_read_name("@SRR1.1 1 length=100").lane is None
    True
    """
    word, _, comment = header.removeprefix("@").replace("\t", " ").partition(" ")
    name, read = _without_read_number(word)
    said = _COMMENT.match(comment)
    barcode = said["barcode"] if said else None
    if said:
        read = 1 if said["read"] == "1" else 2
    if match := _SINCE_CASAVA_1_8.fullmatch(name):
        return ReadName(name, read, "since 1.8", None, match["flowcell"], _lane_number(match), _index_sequence(barcode))
    if match := _BEFORE.fullmatch(name):
        barcode = barcode or match["barcode"]
        return ReadName(name, read, "before 1.8", match["first"], None, _lane_number(match), _index_sequence(barcode))
    return ReadName(name, read)


def _without_read_number(word: str) -> tuple[str, Literal[1, 2] | None]:
    if word.endswith("/1"):
        return word[:-2], 1
    if word.endswith("/2"):
        return word[:-2], 2
    return word, None


def _lane_number(match: re.Match[str]) -> int | None:
    # A lane of 0 is what some simulators write: it names no lane.
    return int(match["lane"]) or None


def _index_sequence(text: str | None) -> str | None:
    # Where a run was not demultiplexed, the sample's number stands in the barcode's place.
    return text if text and _BARCODE.fullmatch(text) else None
