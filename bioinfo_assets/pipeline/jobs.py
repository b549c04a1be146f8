"""The job that computes each asset, from what is upstream of it.

Runs and dry runs build their jobs here, which is why a dry run predicts what a run does.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.bam_header import parse_read_group
from bioinfo_assets.genomics.known_sites import check_known_sites, contigs_of_vcf
from bioinfo_assets.genomics.read_group import ReadGroup, check_platform, read_groups_of
from bioinfo_assets.genomics.reference import parse_fai
from bioinfo_assets.launch.job import Job, StoredFile
from bioinfo_assets.pipeline.project import Project, Sources
from bioinfo_assets.pipeline.quality import quality_table
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.records.samples import sample_names
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import metrics
from bioinfo_assets.steps.alignment import align
from bioinfo_assets.steps.contamination import estimate_contamination
from bioinfo_assets.steps.cram import compress
from bioinfo_assets.steps.duplicates import mark_duplicates
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import IndexedBam, ReadFiles
from bioinfo_assets.steps.fingerprint import Comparison, take_fingerprint
from bioinfo_assets.steps.genome_metrics import genome_metrics as collect_genome_metrics
from bioinfo_assets.steps.known_sites import KnownSites, fetch_known_sites
from bioinfo_assets.steps.read_quality import measure_read_quality
from bioinfo_assets.steps.reads import merge_reads
from bioinfo_assets.steps.recalibration import Recalibration, recalibrate
from bioinfo_assets.steps.reference import Aligner, IndexedReference, fetch_reference, index_reference
from bioinfo_assets.steps.report import multiqc
from bioinfo_assets.steps.trimming import trim_reads
from bioinfo_assets.storage.store import Store

_HEADER_BYTES: Final = 256 * 1024
_MAX_HEADER_BYTES: Final = 64 * 1024 * 1024  # compressed; a VCF may consist of empty blocks
"""How much of a VCF is read for its header at first; doubled until the header is complete."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What jobs are built from.

    Attributes:
        project: The project.
        sources: The external files.
        records: The records of the assets upstream, by asset.
        choose_aligner: The aligner of the settings, or the one that is installed where jobs run.
    """

    project: Project
    sources: Sources
    records: Mapping[str, RecordSet]
    choose_aligner: Callable[[], Aligner]

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

    def engine_of(self, asset: str) -> Engine:
        """The engine that the settings choose for an asset."""
        return Engine(self.project.settings.engine_of(asset))

    @property
    def reference(self) -> IndexedReference:
        """The genome with its indexes.

        Raises:
            InputError: it does not exist yet.
        """
        index = self.shared("reference_index")
        aligner = Aligner(str(index.parameters["aligner"]))
        return IndexedReference.of(self.shared("reference_genome").file("fasta"), aligner, index.files)


def reference_genome(upstream: Upstream, _: str) -> Job:
    """Fetch the genome."""
    fasta = next(file.stored for file in upstream.sources.reference.files if file.key == "fasta")
    return fetch_reference(fasta, upstream.project.layout)


def reference_index(upstream: Upstream, _: str) -> Job:
    """Index the genome, for the aligner among others."""
    alt = next((file.stored for file in upstream.sources.reference.files if file.key == "alt"), None)
    ready_made = upstream.project.ready_made_index(upstream.sources.reference)
    fasta = upstream.shared("reference_genome").file("fasta")
    return index_reference(fasta, alt, upstream.choose_aligner(), upstream.project.layout, ready_made)


def known_sites(upstream: Upstream, _: str) -> Job:
    """Fetch and index the known sites, if their contigs are the reference's.

    Raises:
        InputError: they belong to another assembly.
    """
    store, fai = upstream.project.store, upstream.shared("reference_index").file("fai")
    sites = upstream.project.known_sites(upstream.sources.known_sites)
    contigs = parse_fai(store.read_small(fai.uri).decode(errors="replace"))
    for site in sites:
        header_contigs = vcf_contigs(store, site.vcf.uri)
        if header_contigs:  # otherwise the job checks the records, once they are indexed
            check_known_sites(site.vcf.uri, header_contigs, contigs)
    return fetch_known_sites(sites, fai, upstream.project.layout)


def merged_reads(upstream: Upstream, sample: str) -> Job:
    """Merge a sample's lanes."""
    engine = upstream.engine_of("merged_reads")
    return merge_reads(sample, upstream.sources.lanes(sample), upstream.project.layout, engine)


def trimmed_reads(upstream: Upstream, sample: str) -> Job:
    """Trim a sample's reads."""
    reads = ReadFiles.of(upstream.record("merged_reads", sample).files)
    return trim_reads(sample, reads, upstream.sources.trimming, upstream.project.layout)


def aligned_bam(upstream: Upstream, sample: str) -> Job:
    """Align a sample's reads."""
    trimmed = upstream.record("trimmed_reads", sample)
    reads, read_groups = ReadFiles.of(trimmed.files), _read_groups(upstream, sample, trimmed)
    layout, engine = upstream.project.layout, upstream.engine_of("aligned_bam")
    return align(sample, reads, read_groups, upstream.reference, layout, engine)


def marked_bam(upstream: Upstream, sample: str) -> Job:
    """Mark a sample's duplicates."""
    settings, bam = upstream.project.settings, upstream.record("aligned_bam", sample).file("bam")
    return mark_duplicates(
        sample,
        bam,
        upstream.reference,
        upstream.project.layout,
        optical_distance=settings.optical_distance,
        engine=upstream.engine_of("marked_bam"),
    )


def recalibrated_bam(upstream: Upstream, sample: str) -> Job:
    """Recalibrate a sample's base qualities."""
    settings = upstream.project.settings
    sites = KnownSites.all_of(upstream.shared("known_sites").files) if settings.known_sites else ()
    marked = IndexedBam.of(upstream.record("marked_bam", sample).files)
    recalibration = Recalibration(sites, settings.quantized_quals, upstream.engine_of("recalibrated_bam"))
    return recalibrate(sample, marked, upstream.reference, recalibration, upstream.project.layout)


def recalibrated_cram(upstream: Upstream, sample: str) -> Job:
    """Compress a sample's final BAM."""
    project = upstream.project
    embedded = project.settings.cram == "embedded"
    return compress(sample, _final_bam(upstream, sample), upstream.reference, project.layout, embedded=embedded)


def read_quality(upstream: Upstream, sample: str) -> Job:
    """Measure the quality of a sample's reads, as they were sequenced."""
    reads = ReadFiles.of(upstream.record("merged_reads", sample).files)
    return measure_read_quality(sample, reads, upstream.project.layout)


def alignment_metrics(upstream: Upstream, sample: str) -> Job:
    """Collect a sample's alignment summary."""
    bam, engine = _final_bam(upstream, sample), upstream.engine_of("alignment_metrics")
    return metrics.alignment_metrics(sample, bam, upstream.reference, upstream.project.layout, engine)


def genome_metrics(upstream: Upstream, sample: str) -> Job:
    """Collect a sample's coverage, GC bias and base qualities by cycle."""
    return collect_genome_metrics(sample, _final_bam(upstream, sample), upstream.reference, upstream.project.layout)


def insert_size_metrics(upstream: Upstream, sample: str) -> Job:
    """Collect a sample's insert sizes."""
    bam, engine = _final_bam(upstream, sample), upstream.engine_of("insert_size_metrics")
    return metrics.insert_size_metrics(sample, bam, upstream.project.layout, engine)


def contamination(upstream: Upstream, sample: str) -> Job:
    """Estimate how much of a sample is somebody else's."""
    sites = upstream.sources.contamination_sites
    return estimate_contamination(sample, _final_bam(upstream, sample), sites, upstream.project.layout)


def fingerprint(upstream: Upstream, sample: str) -> Job:
    """Take the genotypes by which a sample is recognized."""
    haplotypes, layout = upstream.sources.haplotype_map, upstream.project.layout
    return take_fingerprint(sample, _final_bam(upstream, sample), upstream.reference, haplotypes, layout)


def depth(upstream: Upstream, sample: str) -> Job:
    """Measure a sample's coverage."""
    project, bam = upstream.project, _final_bam(upstream, sample)
    return metrics.depth(
        sample, bam, project.layout, genome=project.genome_size, plain_text=project.settings.depth_as_text
    )


def multiqc_report(upstream: Upstream, report_files: Mapping[str, tuple[str, ...]]) -> Job:
    """Report on all samples that have results; a backfill keeps the partitions of those that were removed meanwhile.

    Args:
        upstream: What is upstream.
        report_files: By asset, the keys of the files to report on.
    """
    saved = frozenset(sample_names(upstream.project.ledger))
    files: dict[str, list[StoredFile]] = defaultdict(list)
    fingerprinted: Sequence[str] = ()
    for asset, keys in report_files.items():
        # The records of all samples are read here and not kept: of ten thousand, those of one asset take 100 MB.
        reported = _add_files(files, upstream.records[asset].records, saved, keys)
        if asset == "fingerprint":
            fingerprinted = reported
    quality = quality_table(upstream.project, sorted(files))
    return multiqc(files, upstream.project.layout, quality, _comparison(upstream, fingerprinted))


def _add_files(
    files: dict[str, list[StoredFile]], records: Mapping[str, Record], saved: Collection[str], keys: Collection[str]
) -> list[str]:
    """Add the files of an asset to those of each sample; return the samples that have a result, in order."""
    reported = sorted(records.keys() & saved)
    for sample in reported:
        outputs = records[sample].files
        files[sample] += [outputs[key] for key in keys if key in outputs and outputs[key].size > 0]
    return reported


def _comparison(upstream: Upstream, samples: Sequence[str]) -> Comparison | None:
    """How to compare the fingerprints of samples; None if there are none."""
    if not samples:
        return None
    read = map_reads(upstream.project.ledger, upstream.sources.sample, samples)
    patients = {name: sample.patient for name, sample in zip(samples, read, strict=True)}
    return Comparison(upstream.sources.haplotype_map, patients)


def vcf_contigs(store: Store, uri: str) -> Mapping[str, int | None]:
    """The contigs in a VCF's header, with their lengths where it has them; empty where it names none.

    Raises:
        InputError: the file is not a bgzipped VCF.
    """
    size, length = store.stat(uri).size, _HEADER_BYTES
    while True:
        contigs = contigs_of_vcf(uri, store.read_bytes(uri, 0, length), complete=length >= size)
        if contigs is not None:
            return contigs
        length *= 2
        if length > _MAX_HEADER_BYTES:
            raise InputError(
                f"{uri} has no complete header in its first {_MAX_HEADER_BYTES >> 20} MiB: check that it is a VCF of "
                "a genome"
            )


def _read_groups(upstream: Upstream, sample: str, trimmed: Record) -> Sequence[ReadGroup]:
    """The read groups that were given when reads of a sample were imported; otherwise those of its lanes."""
    saved = upstream.sources.sample(sample)
    if saved.imported:
        merged = None if trimmed.imported else upstream.project.ledger.read(ResultKey("merged_reads", sample))
        imported = next((record for record in (trimmed, merged) if record is not None and record.imported), None)
        lines = imported.parameters.get("read_groups") if imported is not None else None
        if isinstance(lines, tuple | list) and lines:
            return [parse_read_group(str(line)) for line in lines]
    return read_groups_of(saved, check_platform(upstream.project.settings.platform)) if saved.lanes else ()


def _final_bam(upstream: Upstream, sample: str) -> IndexedBam:
    return IndexedBam.of(upstream.record("recalibrated_bam", sample).files)
