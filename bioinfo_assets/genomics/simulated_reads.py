"""Simulated Illumina read pairs, with sequencing errors, duplicates, read-through into adapters, and uncalled bases.

Errors occur at the rate of the base qualities, so that recalibration should confirm these; one in twenty fragments is a
PCR duplicate of another of its library, one in a hundred an optical duplicate of its neighbour on the flow cell.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from bioinfo_assets.genomics.adapters import TRUSEQ_1, TRUSEQ_2

READ_LENGTH: Final = 100
# The rest of the TruSeq adapters: that of read 1 follows the barcode.
_ADAPTER_TAIL_1: Final = "ATCTCGTATGCCGTCTTCTGCTTG"
_ADAPTER_TAIL_2: Final = "AGATCTCGGTGGTCGCCGTATCATT"

_MEAN_INSERT: Final = 350
_SD_INSERT: Final = 60
_MIN_INSERT: Final = 30
_SHORT_FRACTION: Final = 0.03
_PCR_DUPLICATE_FRACTION: Final = 0.05
_OPTICAL_DUPLICATE_FRACTION: Final = 0.01
_FRACTION_WITH_N: Final = 0.004
_MAX_N: Final = 20
_TILES: Final = tuple(range(1101, 1117))
_MAX_COORDINATE: Final = 30_000
_OPTICAL_PIXELS: Final = 40
# The quality bins of recent sequencers, 37 most often; a read's qualities fall towards its end.
_QUALITY_BINS: Final = (37, 25, 11)
_PROFILES: Final = 400
_ERROR_SETS: Final = 40
_COMPLEMENT: Final = str.maketrans("ACGTN", "TGCAN")
_OTHER_BASES: Final = {"A": "CGT", "C": "AGT", "G": "ACT", "T": "ACG", "N": "N"}


@dataclass(frozen=True, slots=True)
class LaneLibrary:
    """A library on a lane, as in each read's name and adapter.

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
    """The qualities of a read, and sets of positions of errors drawn from them."""

    qualities: str
    error_sets: tuple[tuple[int, ...], ...]


@dataclass(slots=True)
class Sequencer:
    """Draws read pairs of one library; lanes share its molecules, so that PCR duplicates span them.

    Attributes:
        rng: The source of random numbers.
        sequences: The contigs of the haplotypes, sequenced in proportion to their length.
        molecules: The fragments so far, from which PCR duplicates are drawn.
    """

    rng: Random
    sequences: Sequence[str]
    molecules: list[str] = field(default_factory=list)
    _profiles: tuple[_Profile, ...] = field(init=False)
    _ends: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._profiles = tuple(_draw_profile(self.rng) for _ in range(_PROFILES))
        self._ends = [sum(map(len, self.sequences[: number + 1])) for number in range(len(self.sequences))]

    def pairs(self, lane: LaneLibrary, count: int) -> Iterator[tuple[str, str]]:
        """Draw FASTQ records of read 1 and read 2, in the order of the lane's tiles."""
        random = self.rng.random
        fragment, x, y = self._draw_molecule(), 0, 0
        adapter_1 = f"{TRUSEQ_1}{lane.barcode}{_ADAPTER_TAIL_1}".ljust(READ_LENGTH, "G")
        adapter_2 = f"{TRUSEQ_2}{_ADAPTER_TAIL_2}".ljust(READ_LENGTH, "G")
        prefix = f"@SIM01:7:{lane.flowcell}:{lane.lane}"
        for number in range(count):
            if number and random() < _OPTICAL_DUPLICATE_FRACTION:
                x, y = x + 1 + int(random() * _OPTICAL_PIXELS), y + int(random() * _OPTICAL_PIXELS)
            else:
                fragment = self._draw_molecule()
                x, y = 1000 + int(random() * _MAX_COORDINATE), 1000 + int(random() * _MAX_COORDINATE)
            name = f"{prefix}:{_TILES[number * len(_TILES) // count]}:{x}:{y}"
            reverse = fragment.translate(_COMPLEMENT)[::-1]
            yield (
                f"{name} 1:N:0:{lane.barcode}\n{self._draw_read(fragment, adapter_1)}",
                f"{name} 2:N:0:{lane.barcode}\n{self._draw_read(reverse, adapter_2)}",
            )

    def _draw_molecule(self) -> str:
        """Draw a fragment in the direction of read 1: a copy of an earlier one, or a new one."""
        random = self.rng.random
        if self.molecules and random() < _PCR_DUPLICATE_FRACTION:
            return self.molecules[int(random() * len(self.molecules))]
        if random() < _SHORT_FRACTION:
            length = _MIN_INSERT + int(random() * (READ_LENGTH - _MIN_INSERT))
        else:
            length = max(_MIN_INSERT, int(self.rng.gauss(_MEAN_INSERT, _SD_INSERT)))
        offset = int(random() * self._ends[-1])
        sequence = next(text for text, end in zip(self.sequences, self._ends, strict=True) if offset < end)
        start = int(random() * (len(sequence) - length))
        fragment = sequence[start : start + length]
        if random() < 0.5:
            fragment = fragment.translate(_COMPLEMENT)[::-1]
        self.molecules.append(fragment)
        return fragment

    def _draw_read(self, fragment: str, adapter: str) -> str:
        """Draw the lines of a record that follow its name."""
        random = self.rng.random
        profile = self._profiles[int(random() * _PROFILES)]
        bases = (fragment + adapter)[:READ_LENGTH]
        qualities = profile.qualities
        for cycle in profile.error_sets[int(random() * _ERROR_SETS)]:
            errors = _OTHER_BASES[bases[cycle]]
            bases = f"{bases[:cycle]}{errors[int(random() * len(errors))]}{bases[cycle + 1 :]}"
        if random() < _FRACTION_WITH_N:
            uncalled = 1 + int(random() * _MAX_N)
            bases = bases[:-uncalled] + "N" * uncalled
            qualities = qualities[:-uncalled] + "#" * uncalled
        return f"{bases}\n+\n{qualities}\n"


def _draw_profile(rng: Random) -> _Profile:
    scores = [_draw_score(rng, cycle) for cycle in range(READ_LENGTH)]
    error_rates = [10 ** (-score / 10) for score in scores]
    error_sets = tuple(
        tuple(cycle for cycle, rate in enumerate(error_rates) if rng.random() < rate) for _ in range(_ERROR_SETS)
    )
    return _Profile("".join(chr(33 + score) for score in scores), error_sets)


def _draw_score(rng: Random, cycle: int) -> int:
    low = 0.02 + 0.18 * (cycle / READ_LENGTH) ** 3
    return rng.choices(_QUALITY_BINS, weights=(1 - low, low * 0.8, low * 0.2))[0]
