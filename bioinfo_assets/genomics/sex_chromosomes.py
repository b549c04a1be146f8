"""The sex chromosomes of a sample, by depth.

>>> SexDepths(x=0.51, y=0.24).karyotype
'XY'
"""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Sex = Literal["XX", "XY"]

_AUTOSOME: Final = re.compile(r"(chr)?([1-9]|1\d|2[0-2])")
_TWO_X: Final = 0.75
"""Two X have the depth of the autosomes, and one has half of it: half-way between them."""
_ANY_Y: Final = 0.1
"""One Y has half the depth of the autosomes. Of the 57.2 Mb of chrY in GRCh38, 26.6 are sequence and the rest is N, so
over its whole length that is 0.23: about half-way between it and no Y."""
_MIN_Y_BASES: Final = 5_000
"""Bases on Y at `_ANY_Y`, some 33 reads of 150 bases: what is expected of fewer may be missing by chance."""


@dataclass(frozen=True, slots=True)
class SexDepths:
    """The mean depths of X and Y, as multiples of that of the autosomes."""

    x: float
    y: float

    @property
    def karyotype(self) -> Literal["XX", "XY", "XXY", "X0"]:
        """The sex chromosomes that these depths are nearest to."""
        if self.x >= _TWO_X:
            return "XXY" if self.y >= _ANY_Y else "XX"
        return "XY" if self.y >= _ANY_Y else "X0"


def sex_depths(summary: str, lengths: Mapping[str, int]) -> SexDepths | None:
    r"""Return the depths of X and Y relative to the autosomes.

    Args:
        summary: mosdepth's summary, which leaves out contigs without reads.
        lengths: The length of each contig of the reference.

    Returns:
        None if the reference has no X, Y or autosomes by the names of human assemblies, or there are too few reads.

    >>> summary = "chrom\tlength\tbases\nchr1\t10000\t300000\nchrX\t5000\t75000\n"
    >>> sex_depths(summary, {"chr1": 10_000, "chrX": 5_000, "chrY": 2_000})
    SexDepths(x=0.5, y=0.0)
    """
    rows = csv.DictReader(io.StringIO(summary), delimiter="\t", quoting=csv.QUOTE_NONE)
    bases = {row["chrom"]: int(row["bases"]) for row in rows}
    autosomes = [name for name in lengths if _AUTOSOME.fullmatch(name)]
    chromosomes = {name.removeprefix("chr"): name for name in lengths}
    if not autosomes or not {"X", "Y"} <= chromosomes.keys():
        return None
    depth = sum(bases.get(name, 0) for name in autosomes) / sum(lengths[name] for name in autosomes)
    if depth * lengths[chromosomes["Y"]] * _ANY_Y < _MIN_Y_BASES:
        return None
    x, y = (bases.get(name, 0) / lengths[name] / depth for name in (chromosomes["X"], chromosomes["Y"]))
    return SexDepths(x, y)
