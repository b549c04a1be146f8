"""Reads of simulated people, who differ at common variants."""

import random
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from bioinfo_assets.steps.files import IndexedBam
from bioinfo_assets_tests.steps.bench import stored

CONTIG, LENGTH, READ_LENGTH = "c1", 200_000, 100


class People:
    """A contig with a common SNP every so many bases, and two people with two random copies of it each.

    Args:
        seed: Of what is random.
        frequency: Of the rarer allele of each SNP.
        distance: Bases from one SNP to the next.
    """

    def __init__(self, seed: int, frequency: float, distance: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - no secret
        self.frequency = frequency
        self.bases = "".join(self.random.choices("ACGT", k=LENGTH))
        self.alternatives = {
            place: self.random.choice([base for base in "ACGT" if base != self.bases[place]])
            for place in range(distance, LENGTH - distance, distance)
        }
        self.copies = [[self._copy() for _ in range(2)] for _ in range(2)]

    def _copy(self) -> str:
        bases = list(self.bases)
        for place, alternative in self.alternatives.items():
            if self.random.random() < self.frequency:
                bases[place] = alternative
        return "".join(bases)

    def write_bam(
        self, path: Path, sample: str, groups: Sequence[str], person_of: Callable[[str], int], reads: int
    ) -> IndexedBam:
        """Write reads of a sample; each is of one of the read groups, and of the person of it."""
        header = f"@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:{CONTIG}\tLN:{LENGTH}\n"
        lines = [header, *(f"@RG\tID:{group}\tSM:{sample}\tPL:ILLUMINA\tLB:l\tPU:{group}\n" for group in groups)]
        starts = sorted(self.random.randrange(LENGTH - READ_LENGTH) for _ in range(reads))
        for number, start in enumerate(starts):
            group = self.random.choice(groups)
            bases = self.random.choice(self.copies[person_of(group)])[start : start + READ_LENGTH]
            fields = (f"r{number}", "0", CONTIG, str(start + 1), "60", f"{READ_LENGTH}M", "*", "0", "0", bases)
            lines.append("\t".join((*fields, "I" * READ_LENGTH, f"RG:Z:{group}")) + "\n")
        command = ["samtools", "view", "-b", "--write-index", "-o", f"{path}##idx##{path}.bai", "-"]
        subprocess.run(command, input="".join(lines), text=True, check=True)
        return IndexedBam(stored(path), stored(path.with_name(f"{path.name}.bai")))
