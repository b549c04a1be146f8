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
from bioinfo_assets.genomics.sex_chromosomes import Sex
from bioinfo_assets.result_key import SHARED_SCOPES

RESERVED_NAMES: Final = SHARED_SCOPES | {"records", "samples", "data"}
"""Names that no sample can have: folders under the output path, and scopes of jobs on more than one sample."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MAX_NAME_LENGTH: Final = 64
_FLOWCELL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_BARCODE: Final = re.compile(r"[ACGTN]+([+-][ACGTN]+)?")


def check_sample_name(name: str, *, source: str = "") -> str:
    """Return a sample's name if it can name files, folders, jobs and a read group's SM.

    Args:
        name: The name.
        source: The file or line with the name, for error messages.

    Raises:
        InputError: The name has other characters than letters, digits, `.`, `_` and `-`, does not begin with one of the
            first two, has `..` in it, is longer than 64 characters, or is one of `RESERVED_NAMES`.

    >>> check_sample_name("NA12878.rep-1")
    'NA12878.rep-1'
    """
    prefix = f"{source}: " if source else ""
    if name.lower() in RESERVED_NAMES:
        raise InputError(f"{prefix}sample name {name!r} is reserved for a folder of the output: use another name")
    return _check_label("sample", name, prefix)


def is_barcode(text: str) -> bool:
    """Whether a text is an index sequence: `ACGTACGT`, or `ACGT+TTGA` for a dual index."""
    return _BARCODE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Lane:
    """The read pairs of one library from one lane of one flow cell.

    Attributes:
        flowcell: The flow cell's barcode, such as `HK3T5CCXX`.
        number: The number of the lane on it, from 1.
        read1: The FASTQ of the first reads: a path or URI.
        read2: The FASTQ of the second reads.
        library: The library that was sequenced.
        barcode: The library's index sequence, or None where the reads do not have it.

    Raises:
        InputError: A value is not valid.
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
                f"{self.flowcell!r} of {self.read1} is not a valid flow cell: "
                "use letters, digits, '_' and '-' only, beginning with a letter or digit"
            )
        if self.number < 1:
            raise InputError(f"lane {self.number} of {self.read1} is not a valid lane: number lanes from 1")
        if self.barcode is not None and not is_barcode(self.barcode):
            raise InputError(f"{self.barcode!r} of {self.read1} is not an index sequence: use A, C, G, T, N and '+'")


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample and its lanes, sorted by library, flow cell and lane number.

    Attributes:
        name: Its name.
        lanes: Its lanes; at least one, unless the sample was imported.
        imported: Whether results of it were imported, so that it may have no FASTQs.
        sex: Its sex by the samplesheet, or None; quality control compares it with the depths of X and Y.
        patient: Whose it is by the samplesheet, or None; samples of one patient should have the same genotypes.

    Raises:
        InputError: There is no lane, a lane is twice in one library, a FASTQ is used twice, or the patient has a
            control character.
    """

    name: str
    lanes: tuple[Lane, ...]
    imported: bool = False
    sex: Sex | None = None
    patient: str | None = None

    def __post_init__(self) -> None:
        check_sample_name(self.name)
        if self.patient is not None and not self.patient.isprintable():
            raise InputError(f"patient {self.patient!r} of sample {self.name} has a control character: remove it")
        if not self.lanes and not self.imported:
            raise InputError(f"sample {self.name} has no FASTQs: give it at least one pair, or leave it out")
        object.__setattr__(self, "lanes", tuple(sorted(self.lanes, key=_lane_order)))
        uris = self.fastqs
        if repeated := next((uri for uri in uris if uris.count(uri) > 1), None):
            raise InputError(f"sample {self.name} uses {repeated} twice: give each FASTQ once")
        self._check_lanes()

    @property
    def fastqs(self) -> tuple[str, ...]:
        """The FASTQs of all lanes, in order."""
        return tuple(uri for lane in self.lanes for uri in (lane.read1, lane.read2))

    @property
    def libraries(self) -> tuple[str, ...]:
        """The names of its libraries, in order."""
        return tuple(dict.fromkeys(lane.library for lane in self.lanes))

    def _check_lanes(self) -> None:
        lanes: dict[tuple[str, str, int], Lane] = {}
        for lane in self.lanes:
            other = lanes.setdefault(_lane_order(lane), lane)
            if other is not lane:
                raise InputError(
                    f"sample {self.name} has flow cell {lane.flowcell}, lane {lane.number} twice, in {other.read1} "
                    f"and {lane.read1}: leave one out, join them if they are parts of one lane, "
                    "or distinguish two libraries in a samplesheet's library column"
                )


def check_distinct(samples: Iterable[Sample]) -> None:
    """Check that no FASTQ belongs to two samples, as after a row of a samplesheet was copied and not edited.

    Nor may two names differ in upper and lower case only: their folders are one on some disks, such as those of macOS.

    Raises:
        InputError: One does.
    """
    owners: dict[str, str] = {}
    names: dict[str, str] = {}
    for sample in samples:
        other = names.setdefault(sample.name.casefold(), sample.name)
        if other != sample.name:
            raise InputError(
                f"the names of samples {other} and {sample.name} differ in upper and lower case only, and some disks "
                "have one folder for both: rename one of them"
            )
        for uri in sample.fastqs:
            if owners.setdefault(uri, sample.name) != sample.name:
                raise InputError(
                    f"samples {owners[uri]} and {sample.name} both have the reads of {uri}: "
                    "correct one of them, or leave it out"
                )


def _lane_order(lane: Lane) -> tuple[str, str, int]:
    return lane.library, lane.flowcell, lane.number


def _check_label(kind: str, name: str, prefix: str = "") -> str:
    if not _NAME.fullmatch(name) or ".." in name:
        raise InputError(
            f"{prefix}{name!r} is not a valid {kind} name: use letters, digits, '.', '_' and '-' only, "
            "beginning with a letter or digit and without '..'"
        )
    if len(name) > _MAX_NAME_LENGTH:
        raise InputError(
            f"{prefix}{kind} name {name!r} has {len(name)} characters: shorten it to at most {_MAX_NAME_LENGTH}"
        )
    return name
