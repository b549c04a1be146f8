"""The assets of the pipeline: one row each.

A row states what an asset is computed from, by which job, with which tools and settings, and which of its files people,
the report and Dagit read. Dagster's assets, dry runs, code versions and outputs all come from these rows, so that a new
asset takes a step with its script, a row here, and tests.
"""

from collections.abc import Mapping
from typing import Final

from bioinfo_assets.launch.job import Job
from bioinfo_assets.pipeline import jobs, result_metrics
from bioinfo_assets.pipeline.asset_spec import AssetSpec
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.records.record import Record
from bioinfo_assets.result_key import (
    ALIGNED_BAM,
    COHORT,
    KNOWN_SITES_SOURCE,
    MARKED_BAM,
    MERGED_READS,
    RAW_READS,
    RECALIBRATED_BAM,
    RECALIBRATED_CRAM,
    REFERENCE_INDEX,
    REFERENCE_SOURCE,
    REFERENCES,
    TRIMMED_READS,
    ResultKey,
)
from bioinfo_assets.retention_settings import NEVER
from bioinfo_assets.settings import Settings
from bioinfo_assets.steps import (
    alignment,
    cram,
    duplicates,
    known_sites,
    metrics,
    reads,
    recalibration,
    reference,
    report,
)
from bioinfo_assets.steps import trimming as trimming_step

COHORT_SOURCE: Final = "cohort"
SOURCES: Final = (RAW_READS, REFERENCE_SOURCE, KNOWN_SITES_SOURCE, COHORT_SOURCE)
"""What is observed, not computed: external files, and the set of samples that have results."""

ALIGNER: Final = "ALIGNER"
"""Stands for the command of the aligner, which is a setting."""


def _multiqc_report(upstream: Upstream, _: str) -> Job:
    return jobs.multiqc_report(upstream, REPORT_FILES)


_INDEXED: Final = ("reference_genome", REFERENCE_INDEX)

_SPECS: Final = (
    AssetSpec(
        name="reference_genome",
        description="The genome's sequence: every chromosome, uncompressed, as aligners and GATK require it.",
        group="reference",
        kinds=frozenset({"fasta"}),
        version=reference.FETCH_VERSION,
        build=jobs.reference_genome,
        upstream=(REFERENCE_SOURCE,),
        settings=("reference",),
        scope=REFERENCES,
        intermediate_files=("fasta",),
    ),
    AssetSpec(
        name=REFERENCE_INDEX,
        description="The indexes by which programs find a place in the genome: the aligner's, samtools' and GATK's.",
        group="reference",
        kinds=frozenset({"index"}),
        version=reference.INDEX_VERSION,
        build=jobs.reference_index,
        upstream=(REFERENCE_SOURCE, "reference_genome"),
        settings=("aligner", "reference_alt", "reference_index"),
        tools=(ALIGNER, "samtools"),
        scope=REFERENCES,
    ),
    AssetSpec(
        name="known_sites",
        description=(
            "Places where people are known to differ. A mismatch there may be a variant; elsewhere it counts as an "
            "error.\n\nThey belong to the reference's assembly: contig names are shared and their lengths agree. "
            "Without known sites, base qualities are not recalibrated."
        ),
        group="reference",
        kinds=frozenset({"vcf"}),
        version=known_sites.VERSION,
        build=jobs.known_sites,
        upstream=(KNOWN_SITES_SOURCE, REFERENCE_INDEX),
        settings=("known_sites",),
        tools=("bgzip", "tabix"),
        scope=REFERENCES,
        enabled=lambda settings: bool(settings.known_sites),
    ),
    AssetSpec(
        name=MERGED_READS,
        description=(
            "A sample's reads from all its lanes in one pair of FASTQs.\n\nEach read names its read group, the lane of "
            "the flow cell it was sequenced on, so that later steps can separate the errors of one lane from another's."
        ),
        group="reads",
        kinds=frozenset({"fastq"}),
        version=reads.VERSION,
        build=jobs.merged_reads,
        upstream=(RAW_READS,),
        settings=("platform",),
        tools=("bgzip",),
        native_tools=("bioinfo-assets-engine", "bgzip"),
        intermediate_files=("reads1", "reads2"),
        bulk_files=("reads1", "reads2"),
    ),
    AssetSpec(
        name=TRIMMED_READS,
        description="The reads without adapters, if any are set, and without pairs of mostly unknown bases.",
        group="reads",
        kinds=frozenset({"fastq", "cutadapt"}),
        version=trimming_step.VERSION,
        build=jobs.trimmed_reads,
        upstream=(MERGED_READS,),
        settings=("trimming",),
        tools=("cutadapt",),
        intermediate_files=("reads1", "reads2", "log"),
        report_files=("log",),
        bulk_files=("reads1", "reads2"),
        metrics=result_metrics.trimming_metrics,
    ),
    AssetSpec(
        name=ALIGNED_BAM,
        description="Where on the genome each read pair belongs, in the order of the reads.",
        group="alignment",
        kinds=frozenset({"bam", "bwa"}),
        version=alignment.VERSION,
        build=jobs.aligned_bam,
        upstream=(TRIMMED_READS, *_INDEXED),
        settings=("platform",),
        tools=(ALIGNER, "samtools", "bgzip"),
        native_tools=(ALIGNER, "bioinfo-assets-engine", "samtools", "bgzip"),
        intermediate_files=("bam",),
        bulk_files=("bam",),
    ),
    AssetSpec(
        name=MARKED_BAM,
        description="The alignment in genome order, with PCR and optical duplicates of a DNA fragment flagged.",
        group="alignment",
        kinds=frozenset({"bam", "picard"}),
        version=duplicates.VERSION,
        build=jobs.marked_bam,
        upstream=(ALIGNED_BAM, *_INDEXED),
        settings=("optical_distance",),
        tools=("picard", "samtools", "bgzip"),
        native_tools=("bioinfo-assets-engine", "samtools", "bgzip"),
        intermediate_files=("bam", "metrics"),
        report_files=("metrics",),
        bulk_files=("bam", "bai", "md5"),
        metrics=result_metrics.duplication_metrics,
    ),
    AssetSpec(
        name=RECALIBRATED_BAM,
        description=(
            "The final alignment, ready for variant calling: base qualities corrected for each lane's actual errors."
        ),
        group="alignment",
        kinds=frozenset({"bam", "gatk"}),
        version=recalibration.VERSION,
        build=jobs.recalibrated_bam,
        upstream=(MARKED_BAM, *_INDEXED, "known_sites"),
        settings=("known_sites", "quantized_quals"),
        tools=("gatk", "samtools", "bgzip"),
        native_tools=("bioinfo-assets-engine", "samtools", "bgzip"),
        final_files=("bam",),
        report_files=("table",),
        bulk_files=("bam", "bai", "md5"),
        metrics=result_metrics.recalibration_metrics,
    ),
    AssetSpec(
        name=RECALIBRATED_CRAM,
        description=(
            "The final alignment in less space, as the differences from the genome.\n\nIts header and every record are "
            "compared with the BAM, which may then be released."
        ),
        group="alignment",
        kinds=frozenset({"cram", "samtools"}),
        version=cram.VERSION,
        build=jobs.recalibrated_cram,
        upstream=(RECALIBRATED_BAM, *_INDEXED),
        settings=("cram",),
        tools=("samtools",),
        final_files=("cram",),
        stands_in_for=RECALIBRATED_BAM,
        enabled=lambda settings: settings.cram != "off",
    ),
    AssetSpec(
        name="alignment_metrics",
        description="How many reads were aligned, how well they match the genome, and how many pairs are discordant.",
        group="metrics",
        kinds=frozenset({"picard"}),
        version=metrics.ALIGNMENT_VERSION,
        build=jobs.alignment_metrics,
        upstream=(RECALIBRATED_BAM, *_INDEXED),
        tools=("picard",),
        native_tools=("bioinfo-assets-engine",),
        final_files=("metrics",),
        report_files=("metrics",),
        metrics=result_metrics.alignment_metrics,
    ),
    AssetSpec(
        name="insert_size_metrics",
        description="How long the sequenced DNA fragments were. A sample without proper pairs has the status `fail`.",
        group="metrics",
        kinds=frozenset({"picard"}),
        version=metrics.INSERT_SIZE_VERSION,
        build=jobs.insert_size_metrics,
        upstream=(RECALIBRATED_BAM,),
        tools=("picard", "Rscript"),
        native_tools=("bioinfo-assets-engine", "Rscript"),
        final_files=("metrics", "status"),
        report_files=("metrics",),
        metrics=result_metrics.insert_size_metrics,
    ),
    AssetSpec(
        name="depth",
        description=(
            "How many reads cover each position of the genome, and a summary of the coverage.\n\nThe table counts both "
            "reads of a pair where they overlap (samtools), the summary counts them once (mosdepth)."
        ),
        group="metrics",
        kinds=frozenset({"samtools"}),
        version=metrics.DEPTH_VERSION,
        build=jobs.depth,
        upstream=(RECALIBRATED_BAM,),
        settings=("depth_as_text",),
        tools=("samtools", "bgzip", "tabix", "mosdepth"),
        final_files=("depth", "summary"),
        report_files=("summary", "distribution"),
        metrics=result_metrics.depth_metrics,
    ),
    AssetSpec(
        name="multiqc_report",
        description="One page that shows all samples with results side by side.",
        group="report",
        kinds=frozenset({"multiqc"}),
        version=report.VERSION,
        build=_multiqc_report,
        upstream=(
            TRIMMED_READS,
            MARKED_BAM,
            RECALIBRATED_BAM,
            "alignment_metrics",
            "insert_size_metrics",
            "depth",
            COHORT_SOURCE,
        ),
        tools=("multiqc",),
        scope=COHORT,
        final_files=("report",),
    ),
)

GRAPH: Final[Mapping[str, AssetSpec]] = {spec.name: spec for spec in _SPECS}
"""By name, in the order in which they are computed."""

ASSETS: Final = tuple(GRAPH)
"""The names of all assets."""

SHARED: Final = tuple(spec.name for spec in _SPECS if spec.scope == REFERENCES)
"""Computed once for all samples, before them."""

PER_SAMPLE: Final = tuple(spec.name for spec in _SPECS if spec.scope is None)
"""Computed for each sample."""

OVER_SAMPLES: Final = tuple(spec.name for spec in _SPECS if spec.scope == COHORT)
"""Computed once, from the results of all samples."""

PARTITIONED: Final = frozenset({RAW_READS, *PER_SAMPLE})
"""The assets and sources that have a partition for each sample."""

SHARED_SCOPES_BY_ASSET: Final[Mapping[str, str]] = {
    REFERENCE_SOURCE: REFERENCES,
    KNOWN_SITES_SOURCE: REFERENCES,
    COHORT_SOURCE: COHORT,
    **{spec.name: spec.scope for spec in _SPECS if spec.scope is not None},
}
"""The scope of each asset and source without partitions."""

REPORT_FILES: Final[Mapping[str, tuple[str, ...]]] = {
    spec.name: spec.report_files for spec in _SPECS if spec.report_files
}
"""By asset, the keys of the files that MultiQC reads."""


def result_key(asset: str, sample: str) -> ResultKey:
    """The key of an asset or source for a sample; of one that samples share, whatever the sample."""
    return ResultKey(asset, SHARED_SCOPES_BY_ASSET.get(asset, sample))


def parents_of(asset: str) -> tuple[str, ...]:
    """The assets that an asset is computed from directly, without sources."""
    return tuple(name for name in GRAPH[asset].upstream if name in GRAPH)


def upstream_of(asset: str) -> frozenset[str]:
    """All assets that an asset is computed from, directly or not."""
    parents = frozenset(parents_of(asset))
    return parents.union(*map(upstream_of, parents))


def downstream_of(asset: str) -> frozenset[str]:
    """All assets that are computed from an asset, directly or not."""
    return frozenset(name for name in ASSETS if asset in upstream_of(name))


def enabled_assets(settings: Settings) -> tuple[str, ...]:
    """The assets that the settings ask for, in the order of the graph."""
    return tuple(spec.name for spec in GRAPH.values() if spec.enabled(settings))


def files_not_published(asset: str, settings: Settings) -> Mapping[str, frozenset[str]]:
    """The files of an asset that need not be published where all that read them run on the machine that made them.

    Returns:
        The assets that read them, by key of the file; none unless the retention of the asset is `never`.
    """
    if settings.retention.of(asset) != NEVER:
        return {}
    enabled = enabled_assets(settings)
    readers = frozenset(name for name in enabled if asset in parents_of(name) and GRAPH[name].scope is None)
    return dict.fromkeys(GRAPH[asset].bulk_files, readers)


def superseded_by_imports(records: Mapping[str, Record | None]) -> frozenset[str]:
    """The assets of a sample that nothing needs any more, because a later one was imported.

    Args:
        records: The sample's records by asset.
    """
    imported = [asset for asset, record in records.items() if record is not None and record.imported]
    return frozenset().union(*map(upstream_of, imported)).difference(SHARED)
