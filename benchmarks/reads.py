"""The reads that the chain is run on: simulated ones, or those of a folder."""

from dataclasses import dataclass
from pathlib import Path

from bioinfo_assets.genomics.read_group import ReadGroup, read_groups_of
from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.genomics.samplesheet import pair_up
from bioinfo_assets.genomics.simulation import LANES, compress_sites, simulate
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.records.samples import samples_of
from bioinfo_assets.steps.known_sites import KnownSites
from bioinfo_assets.steps.reads import LaneFiles
from bioinfo_assets.storage.store import Store


@dataclass(frozen=True, slots=True)
class Reads:
    """A sample, the genome it is aligned to, and known sites.

    Attributes:
        sample: The sample and its lanes.
        reference: A FASTA, plain or gzipped.
        known_sites: VCFs, bgzipped and indexed.
    """

    sample: Sample
    reference: Path
    known_sites: tuple[Path, ...]

    @property
    def groups(self) -> tuple[ReadGroup, ...]:
        """A read group for each lane."""
        return read_groups_of(self.sample, "ILLUMINA")

    @property
    def lanes(self) -> list[LaneFiles]:
        """The lanes as inputs of our first step."""
        return [
            LaneFiles(group, stored(Path(lane.read1)), stored(Path(lane.read2)))
            for group, lane in zip(self.groups, self.sample.lanes, strict=True)
        ]

    @property
    def source(self) -> StoredFile:
        """The reference as an input of our first step."""
        return stored(self.reference)

    @property
    def sites(self) -> tuple[KnownSites, ...]:
        """The known sites as inputs of our steps."""
        return tuple(KnownSites(stored(vcf), stored(vcf.with_name(f"{vcf.name}.tbi"))) for vcf in self.known_sites)


def simulate_reads(folder: Path, pairs: int) -> Reads:
    """Simulate reads of one sample, with this total number of pairs in its lanes."""
    data = simulate(folder, pairs_per_lane=max(1, pairs // len(LANES)))
    known_sites = tuple(map(compress_sites, data.known_sites))
    return read_folder(folder / "samples" / data.samples[0], data.reference, known_sites)


def read_folder(folder: Path, reference: Path, known_sites: tuple[Path, ...]) -> Reads:
    """Read the sample whose FASTQs are in a folder.

    Raises:
        ValueError: There are no FASTQs, or those of several samples.
    """
    samples = samples_of(Store(), pair_up(str(path.absolute()) for path in sorted(folder.iterdir())))
    if len(samples) != 1:
        raise ValueError(f"{folder} has the FASTQs of {len(samples)} samples: give a folder with those of one")
    return Reads(samples[0], reference.absolute(), tuple(vcf.absolute() for vcf in known_sites))


def stored(path: Path) -> StoredFile:
    """A local file as an input of jobs."""
    return StoredFile(str(path), path.stat().st_size, Store().digest(str(path)))
