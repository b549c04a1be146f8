"""A sample, and the flow-cell lanes on which it was sequenced.

>>> lane = Lane("HK3T5", 3, "/reads/expt_HK3T5_L3_1.fastq.gz", "/reads/expt_HK3T5_L3_2.fastq.gz", library="expt")
>>> Sample("expt", (lane,)).lanes[0].number
3
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.result_key import SHARED_SCOPES

RESERVED_NAMES: Final = SHARED_SCOPES | {"records", "samples", "data"}
"""Names that no sample can have: folders under the output path, and scopes of jobs on more than one sample."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LONGEST_NAME: Final = 64
_FLOWCELL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_BARCODE: Final = re.compile(r"[ACGTN]+([+-][ACGTN]+)?")


def check_sample_name(name: str) -> str:
    """Give a sample's name back where it can name files, folders, jobs and a read group's SM.

    Raises:
        InputError: The name has another character than letters, digits, `.`, `_` and `-`, begins with none of the
            first two, holds `..`, is longer than 64 characters, or is one of `RESERVED_NAMES`.

    >>> check_sample_name("NA12878.rep-1")
    'NA12878.rep-1'
    """
    if name.lower() in RESERVED_NAMES:
        raise InputError(f"sample name {name!r} is taken by a folder of the output: give the sample another name")
    return _check_label("sample", name)


@dataclass(frozen=True, slots=True)
class Lane:
    """The read pairs that one lane of one flow cell gave for one library.

    Attributes:
        flowcell: The flow cell's barcode, such as `HK3T5CCXX`.
        number: The lane on it, from 1.
        read1: The FASTQ of the first reads: a path or URI.
        read2: The FASTQ of the second reads.
        library: The library that was sequenced.
        barcode: The library's index sequence, where the reads tell it: `ACGTACGT`, or `ACGT+TTGA` for a dual index.
    """

    flowcell: str
    number: int
    read1: str
    read2: str
    library: str
    barcode: str | None = None

    def __post_init__(self) -> None:
        _check_label("library", self.library)
        if not _FLOWCELL.fullmatch(self.flowcell):
            raise InputError(
                f"{self.flowcell!r} of {self.read1} cannot name a flow cell: "
                "use letters, digits, '_' and '-' only, beginning with a letter or digit"
            )
        if self.number < 1:
            raise InputError(f"lane {self.number} of {self.read1} is not a lane: number lanes from 1")
        if self.barcode is not None and not _BARCODE.fullmatch(self.barcode):
            raise InputError(f"{self.barcode!r} of {self.read1} is not an index sequence: use A, C, G, T, N and '+'")


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample and its lanes, which stand in the order of library, flow cell and lane number.

    Attributes:
        name: What it is called.
        lanes: Its lanes; at least one, unless it was imported.
        imported: Whether it came as a result that was made elsewhere, so that it may have no FASTQs here.

    Raises:
        InputError: No lane, the same lane twice in one library, or one FASTQ used twice.
    """

    name: str
    lanes: tuple[Lane, ...]
    imported: bool = False

    def __post_init__(self) -> None:
        check_sample_name(self.name)
        if not self.lanes and not self.imported:
            raise InputError(f"sample {self.name} has no FASTQs: give it at least one pair, or leave it out")
        object.__setattr__(self, "lanes", tuple(sorted(self.lanes, key=_lane_order)))
        self._check_files()
        self._check_lanes()

    @property
    def libraries(self) -> tuple[str, ...]:
        """The names of its libraries, in order."""
        return tuple(dict.fromkeys(lane.library for lane in self.lanes))

    def _check_files(self) -> None:
        twice = _first_repeated(uri for lane in self.lanes for uri in (lane.read1, lane.read2))
        if twice:
            raise InputError(f"sample {self.name} uses {twice} twice: name each FASTQ once")

    def _check_lanes(self) -> None:
        seen: dict[tuple[str, str, int], Lane] = {}
        for lane in self.lanes:
            other = seen.setdefault(_lane_order(lane), lane)
            if other is not lane:
                raise InputError(
                    f"sample {self.name} has flow cell {lane.flowcell}, lane {lane.number} twice, in {other.read1} "
                    f"and {lane.read1}: leave one out, join them if they are parts of one lane, "
                    "or tell two libraries apart in a samplesheet's library column"
                )


def _lane_order(lane: Lane) -> tuple[str, str, int]:
    return lane.library, lane.flowcell, lane.number


def _first_repeated(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _check_label(kind: str, name: str) -> str:
    if not _NAME.fullmatch(name) or ".." in name:
        raise InputError(
            f"{name!r} cannot name a {kind}: use letters, digits, '.', '_' and '-' only, "
            "beginning with a letter or digit and without '..'"
        )
    if len(name) > _LONGEST_NAME:
        raise InputError(f"{kind} name {name!r} has {len(name)} characters: shorten it to at most {_LONGEST_NAME}")
    return name
