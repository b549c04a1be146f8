"""Read pairs as an Illumina machine would write them: errors, duplicates, read-through into adapters, unread bases.

Errors follow the qualities, so that recalibration should find what the machine says to be true; one in twenty fragments
is a PCR duplicate of another of its library, one in a hundred an optical duplicate of its neighbour on the flow cell.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

READ_LENGTH: Final = 100
# The TruSeq adapters as they are read, and what lies behind them (Illumina Adapter Sequences, 1000000002694).
ADAPTER_1: Final = "AGATCGGAAGAGCACACGTCTGAACTCCAGTCA"
ADAPTER_2: Final = "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT"
_BEHIND_1: Final = "ATCTCGTATGCCGTCTTCTGCTTG"
_BEHIND_2: Final = "AGATCTCGGTGGTCGCCGTATCATT"

_MEAN_INSERT: Final = 350
_SD_INSERT: Final = 60
_SHORT_FRAGMENTS: Final = 0.03
_SHORTEST: Final = 30
_PCR_DUPLICATES: Final = 0.05
_OPTICAL_DUPLICATES: Final = 0.01
_READS_WITH_N: Final = 0.004
_MAX_N: Final = 20
_TILES: Final = tuple(range(1101, 1117))
_WIDEST: Final = 30_000
_OPTICAL_PIXELS: Final = 40
# The bins that recent machines write, 37 most often; a read's qualities fall towards its end.
_BINS: Final = (37, 25, 11)
_PROFILES: Final = 400
_ERROR_SETS: Final = 40
_COMPLEMENT: Final = str.maketrans("ACGTN", "TGCAN")
_OTHER_BASES: Final = {"A": "CGT", "C": "AGT", "G": "ACT", "T": "ACG", "N": "N"}


@dataclass(frozen=True, slots=True)
class Barcoded:
    """What one machine's lane and one library put into each read's name and adapter.

    Attributes:
        flowcell: The flow cell.
        lane: The lane's number.
        barcode: The library's index.
    """

    flowcell: str
    lane: int
    barcode: str


@dataclass(frozen=True, slots=True)
class _Profile:
    """The qualities of a read, and samples of where such a read goes wrong."""

    qualities: str
    errors: tuple[tuple[int, ...], ...]


@dataclass(slots=True)
class Sequencer:
    """Draws read pairs of one library; lanes share its molecules, so that PCR duplicates span them.

    Attributes:
        rng: Where chance comes from.
        sequences: The haplotypes' contigs that are sequenced, each as likely as it is long.
        molecules: The fragments so far, for PCR to copy.
    """

    rng: Random
    sequences: Sequence[str]
    molecules: list[str] = field(default_factory=list)
    _profiles: tuple[_Profile, ...] = field(init=False)
    _ends: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._profiles = tuple(_profile(self.rng) for _ in range(_PROFILES))
        self._ends = [sum(map(len, self.sequences[: number + 1])) for number in range(len(self.sequences))]

    def pairs(self, lane: Barcoded, count: int) -> Iterator[tuple[str, str]]:
        """Give FASTQ records of read 1 and read 2, in the order of the lane's tiles."""
        random = self.rng.random
        fragment, x, y = self._molecule(), 0, 0
        after_1 = f"{ADAPTER_1}{lane.barcode}{_BEHIND_1}".ljust(READ_LENGTH, "G")
        after_2 = f"{ADAPTER_2}{_BEHIND_2}".ljust(READ_LENGTH, "G")
        before = f"@SIM01:7:{lane.flowcell}:{lane.lane}"
        for number in range(count):
            if number and random() < _OPTICAL_DUPLICATES:
                x, y = x + int(random() * _OPTICAL_PIXELS), y + int(random() * _OPTICAL_PIXELS)
            else:
                fragment = self._molecule()
                x, y = 1000 + int(random() * _WIDEST), 1000 + int(random() * _WIDEST)
            name = f"{before}:{_TILES[number * len(_TILES) // count]}:{x}:{y}"
            back = fragment.translate(_COMPLEMENT)[::-1]
            yield (
                f"{name} 1:N:0:{lane.barcode}\n{self._read(fragment, after_1)}",
                f"{name} 2:N:0:{lane.barcode}\n{self._read(back, after_2)}",
            )

    def _molecule(self) -> str:
        """Give a fragment in the direction in which it is read: a copy of a former one, or a new one."""
        random = self.rng.random
        if self.molecules and random() < _PCR_DUPLICATES:
            return self.molecules[int(random() * len(self.molecules))]
        if random() < _SHORT_FRAGMENTS:
            length = _SHORTEST + int(random() * (READ_LENGTH - _SHORTEST))
        else:
            length = max(_SHORTEST, int(self.rng.gauss(_MEAN_INSERT, _SD_INSERT)))
        place = int(random() * self._ends[-1])
        sequence = next(text for text, end in zip(self.sequences, self._ends, strict=True) if place < end)
        start = int(random() * (len(sequence) - length))
        fragment = sequence[start : start + length]
        if random() < 0.5:
            fragment = fragment.translate(_COMPLEMENT)[::-1]
        self.molecules.append(fragment)
        return fragment

    def _read(self, fragment: str, after: str) -> str:
        """Give a record's lines from the second on."""
        random = self.rng.random
        profile = self._profiles[int(random() * _PROFILES)]
        bases = (fragment + after)[:READ_LENGTH]
        qualities = profile.qualities
        errors = profile.errors[int(random() * _ERROR_SETS)]
        for place in errors:
            wrong = _OTHER_BASES[bases[place]]
            bases = f"{bases[:place]}{wrong[int(random() * len(wrong))]}{bases[place + 1 :]}"
        if random() < _READS_WITH_N:
            unread = 1 + int(random() * _MAX_N)
            bases = bases[:-unread] + "N" * unread
            qualities = qualities[:-unread] + "#" * unread
        return f"{bases}\n+\n{qualities}\n"


def _profile(rng: Random) -> _Profile:
    scores = [_score(rng, cycle) for cycle in range(READ_LENGTH)]
    chances = [10 ** (-score / 10) for score in scores]
    errors = tuple(
        tuple(cycle for cycle, chance in enumerate(chances) if rng.random() < chance) for _ in range(_ERROR_SETS)
    )
    return _Profile("".join(chr(33 + score) for score in scores), errors)


def _score(rng: Random, cycle: int) -> int:
    low = 0.02 + 0.18 * (cycle / READ_LENGTH) ** 3
    return rng.choices(_BINS, weights=(1 - low, low * 0.8, low * 0.2))[0]
