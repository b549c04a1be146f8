"""Reads to test with: real data sets stored next to the clone, with folders `fastq/` and `ref/`, or simulated ones."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from bioinfo_assets.genomics.simulation import compress_sites, simulate

SHARED = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True, slots=True)
class DataSet:
    """FASTQs with a reference and known sites."""

    folder: Path

    @property
    def fastqs(self) -> Path:
        return self.folder / "fastq"

    @property
    def reference(self) -> Path:
        return min(path for path in (self.folder / "ref").iterdir() if path.name.endswith((".fa", ".fa.gz")))

    @property
    def known_sites(self) -> tuple[Path, ...]:
        return tuple(sorted((self.folder / "ref").glob("*.vcf.gz")))


def data_sets() -> list[DataSet]:
    """All real data sets: the project's own CI has at least one, a clone by itself has none."""
    found = [DataSet(path.parent) for path in sorted(SHARED.glob("*/fastq"))]
    if not found and os.environ.get("CI") == "true":
        raise RuntimeError(f"{SHARED} has no real reads to test with")
    return found


def na12878() -> DataSet:
    """NA12878's mitochondrial reads on 24 lanes; the test is skipped in a clone without them."""
    for data_set in data_sets():
        if data_set.folder.name == "na12878_chrM":
            return data_set
    pytest.skip(f"there are no real reads in {SHARED}")


def simulated(folder: Path) -> DataSet:
    """A simulated data set in the same layout: two samples on four lanes each."""
    data = simulate(folder / "simulated", pairs_per_lane=3000)
    (folder / "fastq").mkdir()
    (folder / "ref").mkdir()
    for file in (folder / "simulated").rglob("*.fastq.gz"):
        file.rename(folder / "fastq" / file.name)
    data.reference.rename(folder / "ref" / data.reference.name)
    for vcf in map(compress_sites, data.known_sites):
        for file in (vcf, vcf.with_name(f"{vcf.name}.tbi")):
            file.rename(folder / "ref" / file.name)
    return DataSet(folder)
