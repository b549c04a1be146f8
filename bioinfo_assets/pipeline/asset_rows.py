"""The rows of the graph: one for each asset that the pipeline computes.

A row states what an asset is computed from, by which job, with which tools and settings, and which of its files people,
the report and Dagit read. Dagster's assets, dry runs, code versions and outputs all come from these rows, so that a new
asset takes a step with its script, a row here, and tests (docs/guides/new-step.md).
"""

from typing import Final

from bioinfo_assets.launch.job import Job
from bioinfo_assets.pipeline import jobs, result_metrics
from bioinfo_assets.pipeline.asset_spec import ALIGNER, AssetSpec
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.result_key import (
    ALIGNED_BAM,
    COHORT,
    COHORT_SOURCE,
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
)
from bioinfo_assets.steps import (
    alignment,
    contamination,
    cram,
    duplicates,
    fingerprint,
    genome_metrics,
    known_sites,
    metrics,
    read_quality,
    reads,
    recalibration,
    reference,
    report,
)
from bioinfo_assets.steps import trimming as trimming_step

_INDEXED: Final = ("reference_genome", REFERENCE_INDEX)

_BEFORE_REPORT: Final = (
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
        how_to_enable="no known sites are set: give --known-sites",
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
        description="The reads without adapters, if any are set, and without pairs in which a read has too many Ns "
        "(`max_n`).",
        group="reads",
        kinds=frozenset({"fastq", "cutadapt"}),
        version=trimming_step.VERSION,
        build=jobs.trimmed_reads,
        upstream=(MERGED_READS,),
        settings=("trimming",),
        tools=("cutadapt", "bgzip"),
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
        alignment="bam",
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
        alignment="cram",
        stands_in_for=RECALIBRATED_BAM,
        enabled=lambda settings: settings.cram != "off",
        how_to_enable="CRAM is not enabled: give --cram embedded or --cram external",
    ),
    AssetSpec(
        name="read_quality",
        description=(
            "How good the reads are as the sequencer delivered them, before trimming: base qualities, GC content, and "
            "estimates of duplication and fragment length."
        ),
        group="metrics",
        kinds=frozenset({"fastp"}),
        version=read_quality.VERSION,
        build=jobs.read_quality,
        upstream=(MERGED_READS,),
        settings=("read_quality",),
        tools=("fastp",),
        final_files=("html",),
        report_files=("json",),
        metrics=result_metrics.read_quality_metrics,
        enabled=lambda settings: settings.read_quality,
        how_to_enable="read quality is not enabled: give --read-quality",
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
        name="genome_metrics",
        description=(
            "How evenly the genome is covered: Picard's coverage with what is left out of it, bias by GC content, and "
            "base qualities by cycle."
        ),
        group="metrics",
        kinds=frozenset({"picard"}),
        version=genome_metrics.VERSION,
        build=jobs.genome_metrics,
        upstream=(RECALIBRATED_BAM, *_INDEXED),
        settings=("genome_metrics",),
        tools=("picard", "Rscript"),
        final_files=("wgs",),
        report_files=("wgs", "gc_summary", "gc_detail", "qualities"),
        metrics=result_metrics.genome_metrics,
        enabled=lambda settings: settings.genome_metrics,
        how_to_enable="genome metrics are not enabled: give --genome-metrics",
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
        name="contamination",
        description=(
            "How much of the sample's DNA is another person's.\n\nIt is estimated at common variants: at sites "
            "homozygous for the alternate allele, reads with the other allele are another person's. GATK's estimate is "
            "right up to about a fifth; above that, the number of heterozygous sites shows it."
        ),
        group="metrics",
        kinds=frozenset({"gatk"}),
        version=contamination.VERSION,
        build=jobs.contamination,
        upstream=(RECALIBRATED_BAM,),
        settings=("contamination_sites",),
        tools=("gatk", "samtools", "tabix"),
        final_files=("table",),
        report_files=("table",),
        metrics=result_metrics.contamination_metrics,
        enabled=lambda settings: settings.contamination_sites is not None,
        how_to_enable="no common variants are set: give --contamination-sites",
    ),
    AssetSpec(
        name="fingerprint",
        description=(
            "The sample's genotypes at common variants, by which it is recognized.\n\nIts lanes are compared by them "
            "here, and all samples with each other in the report."
        ),
        group="metrics",
        kinds=frozenset({"picard"}),
        version=fingerprint.VERSION,
        build=jobs.fingerprint,
        upstream=(RECALIBRATED_BAM, *_INDEXED),
        settings=("haplotype_map",),
        tools=("picard", "samtools"),
        final_files=("lanes",),
        report_files=("fingerprint",),
        metrics=result_metrics.fingerprint_metrics,
        enabled=lambda settings: settings.haplotype_map is not None,
        how_to_enable="no haplotype map is set: give --haplotype-map",
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
)


_REPORTED: Final = tuple(spec for spec in _BEFORE_REPORT if spec.report_files)


def _multiqc_report(upstream: Upstream, _: str) -> Job:
    settings = upstream.project.settings
    reported = {spec.name: spec.report_files for spec in _REPORTED if spec.enabled(settings)}
    return jobs.multiqc_report(upstream, reported)


ROWS: Final = (
    *_BEFORE_REPORT,
    AssetSpec(
        name="multiqc_report",
        description="One page that shows all samples with results side by side.",
        group="report",
        kinds=frozenset({"multiqc"}),
        version=report.VERSION,
        build=_multiqc_report,
        upstream=(*(spec.name for spec in _REPORTED), COHORT_SOURCE),
        settings=("haplotype_map",),
        tools=("multiqc",),
        optional_tools={"haplotype_map": ("picard",)},
        scope=COHORT,
        final_files=("report",),
        page="report",
        metrics=result_metrics.report_metrics,
    ),
)
"""In the order in which they are computed."""
