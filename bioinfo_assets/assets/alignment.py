"""A sample's reads in their places on the genome: aligned, duplicates marked, base qualities recalibrated."""

import dagster as dg

from bioinfo_assets.assets.declare import sample_asset
from bioinfo_assets.assets.figures import duplication_figures, recalibration_figures
from bioinfo_assets.assets.project import Project
from bioinfo_assets.assets.reference import indexed
from bioinfo_assets.genomics.read_group import check_platform, read_groups_of
from bioinfo_assets.launch.job import Job
from bioinfo_assets.orchestration.launcher import JobLauncher
from bioinfo_assets.orchestration.record_set import RecordSet
from bioinfo_assets.orchestration.step_run import StepEvents
from bioinfo_assets.records.samples import load_sample
from bioinfo_assets.steps.alignment import align
from bioinfo_assets.steps.duplicates import mark_duplicates
from bioinfo_assets.steps.files import IndexedBam, ReadFiles
from bioinfo_assets.steps.known_sites import KnownSites
from bioinfo_assets.steps.recalibration import Recalibration, recalibrate


@sample_asset(group="alignment", kinds={"bam", "bwa"})
def aligned_bam(
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    trimmed_reads: RecordSet,
    reference_genome: RecordSet,
    reference_index: RecordSet,
) -> StepEvents:
    """Where on the genome each read pair belongs, in the order of the reads."""

    def job(sample: str) -> Job:
        groups = read_groups_of(load_sample(project.ledger, sample), check_platform(project.settings.platform))
        reads = ReadFiles.of(trimmed_reads.of(sample).files)
        return align(sample, reads, groups, indexed(reference_genome, reference_index), project.layout)

    yield from launcher.materialize_samples(context, job)


@sample_asset(group="alignment", kinds={"bam", "picard"})
def marked_bam(
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    aligned_bam: RecordSet,
    reference_genome: RecordSet,
    reference_index: RecordSet,
) -> StepEvents:
    """The alignment in genome order, with copies of one DNA fragment (PCR and optical duplicates) flagged."""
    yield from launcher.materialize_samples(
        context,
        lambda sample: mark_duplicates(
            sample,
            aligned_bam.of(sample).file("bam"),
            indexed(reference_genome, reference_index),
            project.layout,
            optical_distance=project.settings.optical_distance,
        ),
        lambda record: duplication_figures(project.store, record),
    )


@sample_asset(group="alignment", kinds={"bam", "gatk"})
def recalibrated_bam(
    context: dg.AssetExecutionContext,
    launcher: JobLauncher,
    project: dg.ResourceParam[Project],
    marked_bam: RecordSet,
    reference_genome: RecordSet,
    reference_index: RecordSet,
    known_sites: RecordSet,
) -> StepEvents:
    """The final alignment, ready for variant calling: base qualities corrected for the errors each lane really made."""

    def job(sample: str) -> Job:
        sites = KnownSites.all_of(known_sites.only.files) if project.settings.known_sites else ()
        recalibration = Recalibration(sites, project.settings.quantized_quals)
        marked = IndexedBam.of(marked_bam.of(sample).files)
        return recalibrate(sample, marked, indexed(reference_genome, reference_index), recalibration, project.layout)

    yield from launcher.materialize_samples(context, job, recalibration_figures)
