"""The job that makes each asset, from what is upstream of it.

Dagster's assets run these jobs; `pipeline.forecast` asks of each whether it would have to run. That both build them
here is why what is foretold is what happens.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.genomics.bam_header import parse_read_group
from bioinfo_assets.genomics.known_sites import check_known_sites
from bioinfo_assets.genomics.read_group import ReadGroup, check_platform, read_groups_of
from bioinfo_assets.genomics.reference import parse_fai
from bioinfo_assets.launch.job import Job, StoredFile
from bioinfo_assets.pipeline.contigs import contigs_of
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.sources import Sources
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.steps import metrics
from bioinfo_assets.steps.alignment import align
from bioinfo_assets.steps.duplicates import mark_duplicates
from bioinfo_assets.steps.files import IndexedBam, ReadFiles
from bioinfo_assets.steps.known_sites import KnownSites, fetch_known_sites
from bioinfo_assets.steps.reads import merge_reads
from bioinfo_assets.steps.recalibration import Recalibration, recalibrate
from bioinfo_assets.steps.reference import Aligner, IndexedReference, fetch_reference, index_reference
from bioinfo_assets.steps.report import multiqc
from bioinfo_assets.steps.trimming import trim_reads

REPORTED: Final[Mapping[str, tuple[str, ...]]] = {
    "trimmed_reads": ("log",),
    "marked_bam": ("metrics",),
    "recalibrated_bam": ("table",),
    "alignment_metrics": ("metrics",),
    "insert_size_metrics": ("metrics",),
    "depth": ("summary", "distribution"),
}
"""The files of each asset that MultiQC reads, by key."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What jobs are built from.

    Attributes:
        project: Settings, and where results are published.
        sources: What comes from outside.
        records: Of the assets upstream, by asset.
    """

    project: Project
    sources: Sources
    records: Mapping[str, RecordSet]

    @classmethod
    def of(cls, project: Project, *records: RecordSet, sources: Sources | None = None) -> "Upstream":
        """From the record sets of assets."""
        return cls(project, sources or Sources(project), {found.asset: found for found in records})

    def record(self, asset: str, sample: str) -> Record:
        """The record of a sample.

        Raises:
            InputError: there is no such result.
        """
        return self.records[asset].of(sample)

    def shared(self, asset: str) -> Record:
        """The record of an asset that all samples share.

        Raises:
            InputError: there is no such result.
        """
        return self.records[asset].only

    @property
    def reference(self) -> IndexedReference:
        """The genome with its indexes.

        Raises:
            InputError: it is not there yet.
        """
        index = self.shared("reference_index")
        aligner = Aligner(str(index.parameters["aligner"]))
        return IndexedReference.of(self.shared("reference_genome").file("fasta"), aligner, index.files)


def reference_genome(up: Upstream) -> Job:
    """Fetches the genome."""
    fasta = next(file.stored for file in up.sources.reference.files if file.key == "fasta")
    return fetch_reference(fasta, up.project.layout)


def reference_index(up: Upstream, aligner: Aligner) -> Job:
    """Indexes the genome, for an aligner among others."""
    alt = next((file.stored for file in up.sources.reference.files if file.key == "alt"), None)
    return index_reference(up.shared("reference_genome").file("fasta"), alt, aligner, up.project.layout)


def known_sites(up: Upstream) -> Job:
    """Fetches and indexes the known sites, once their contigs are the reference's.

    Raises:
        InputError: they are of another assembly.
    """
    store, fai = up.project.store, up.shared("reference_index").file("fai")
    sites = up.project.known_sites(up.sources.known_sites)
    contigs = parse_fai(store.read_bytes(fai.uri).decode())
    for one in sites:
        named = contigs_of(store, one.vcf.uri)
        if named:  # else its records are looked at by the job, once they have an index
            check_known_sites(one.vcf.uri, named, contigs)
    return fetch_known_sites(sites, fai, up.project.layout)


def merged_reads(up: Upstream, sample: str) -> Job:
    """Merges a sample's lanes."""
    return merge_reads(sample, up.sources.lanes(sample), up.project.layout)


def trimmed_reads(up: Upstream, sample: str) -> Job:
    """Trims a sample's reads."""
    reads = ReadFiles.of(up.record("merged_reads", sample).files)
    return trim_reads(sample, reads, up.sources.trimming, up.project.layout)


def aligned_bam(up: Upstream, sample: str) -> Job:
    """Aligns a sample's reads."""
    trimmed = up.record("trimmed_reads", sample)
    return align(
        sample, ReadFiles.of(trimmed.files), _read_groups(up, sample, trimmed), up.reference, up.project.layout
    )


def marked_bam(up: Upstream, sample: str) -> Job:
    """Marks a sample's duplicates."""
    bam, distance = up.record("aligned_bam", sample).file("bam"), up.project.settings.optical_distance
    return mark_duplicates(sample, bam, up.reference, up.project.layout, optical_distance=distance)


def recalibrated_bam(up: Upstream, sample: str) -> Job:
    """Recalibrates a sample's base qualities."""
    settings = up.project.settings
    sites = KnownSites.all_of(up.shared("known_sites").files) if settings.known_sites else ()
    marked = IndexedBam.of(up.record("marked_bam", sample).files)
    recalibration = Recalibration(sites, settings.quantized_quals)
    return recalibrate(sample, marked, up.reference, recalibration, up.project.layout)


def alignment_metrics(up: Upstream, sample: str) -> Job:
    """Measures how a sample's reads are aligned."""
    return metrics.alignment_metrics(sample, _final(up, sample), up.reference, up.project.layout)


def insert_size_metrics(up: Upstream, sample: str) -> Job:
    """Measures a sample's fragments."""
    return metrics.insert_size_metrics(sample, _final(up, sample), up.project.layout)


def depth(up: Upstream, sample: str) -> Job:
    """Measures how deep a sample covers the genome."""
    plain_text = up.project.settings.depth_as_text
    return metrics.depth(sample, _final(up, sample), up.project.layout, plain_text=plain_text)


def multiqc_report(up: Upstream) -> Job:
    """Reports on all samples whose results are there."""
    files: dict[str, list[StoredFile]] = defaultdict(list)
    for asset, keys in REPORTED.items():
        for sample, record in up.records[asset].records.items():
            made = record.files
            files[sample] += [made[key] for key in keys if key in made and made[key].size > 0]
    return multiqc(files, up.project.layout)


OF_SAMPLES: Final[Mapping[str, Callable[[Upstream, str], Job]]] = {
    "merged_reads": merged_reads,
    "trimmed_reads": trimmed_reads,
    "aligned_bam": aligned_bam,
    "marked_bam": marked_bam,
    "recalibrated_bam": recalibrated_bam,
    "alignment_metrics": alignment_metrics,
    "insert_size_metrics": insert_size_metrics,
    "depth": depth,
}
"""The job of a sample, by asset."""


def _read_groups(up: Upstream, sample: str, trimmed: Record) -> Sequence[ReadGroup]:
    """The read groups of a sample's lanes; of reads that were imported without them, those that were given then."""
    lanes = up.sources.sample(sample)
    if lanes.lanes:
        return read_groups_of(lanes, check_platform(up.project.settings.platform))
    read = trimmed if trimmed.imported else up.project.ledger.read(sample, "merged_reads")
    given = read.parameters.get("read_groups") if read is not None else None
    return [parse_read_group(str(line)) for line in given] if isinstance(given, tuple | list) else ()


def _final(up: Upstream, sample: str) -> IndexedBam:
    return IndexedBam.of(up.record("recalibrated_bam", sample).files)
