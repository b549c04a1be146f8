"""What comes from outside: FASTQs, the genome, known variants. Observed by digest, never made here."""

from typing import Final

import dagster as dg

from bioinfo_assets.assets.cohort import cohort
from bioinfo_assets.assets.decorators import source_asset
from bioinfo_assets.orchestration.metadata import files_table
from bioinfo_assets.orchestration.partitions import samples
from bioinfo_assets.orchestration.source_observations import report_observations
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.sources import Sources
from bioinfo_assets.records.record import Observation
from bioinfo_assets.records.record_set import ONE
from bioinfo_assets.records.samples import sample_names


@source_asset(kind="fastq", partitions_def=samples)
def raw_reads(context: dg.OpExecutionContext, project: dg.ResourceParam[Project]) -> dg.DataVersionsByPartition:
    """The FASTQs of each sample as the sequencer's software wrote them: one pair for each lane of each flow cell.

    They are not made here. They are looked at before each run: by the digest of their contents, and by their first
    records (reads in pairs, qualities in Phred+33, the same lane for both reads).
    """
    sources = Sources(project)
    sources.look_at_reads(name for name in sample_names(project.ledger) if project.sample(name).lanes)
    for problem in sources.problems.values():
        context.log.warning("%s", problem)
    return dg.DataVersionsByPartition({name: seen.data_version for name, seen in sources.reads.items()})


@source_asset(kind="fasta")
def reference_source(project: dg.ResourceParam[Project]) -> dg.ObserveResult:
    """The genome's FASTA where it was published, with its `.alt` file if it is ALT-aware."""
    return _result(project.observe_reference())


@source_asset(kind="vcf")
def known_sites_source(project: dg.ResourceParam[Project]) -> dg.ObserveResult:
    """VCFs of variants known in many people, where they were published: dbSNP, Mills, 1000 Genomes."""
    return _result(project.observe_known_sites())


def _result(seen: Observation) -> dg.ObserveResult:
    return dg.ObserveResult(data_version=dg.DataVersion(seen.data_version), metadata={"files": files_table(seen.files)})


SOURCES: Final = (raw_reads, reference_source, known_sites_source, cohort)


def observe_reads(instance: dg.DagsterInstance, project: Project, names: tuple[str, ...]) -> Sources:
    """Looks at the FASTQs of samples, and tells Dagster what changed."""
    sources = Sources(project)
    sources.look_at_reads(names)
    report_observations(instance, raw_reads.key, sources.reads)
    return sources


def observe_reference(instance: dg.DagsterInstance, project: Project) -> Sources:
    """Looks at the reference, and tells Dagster if it changed."""
    sources = Sources(project)
    report_observations(instance, reference_source.key, {ONE: sources.reference})
    return sources


def observe_known_sites(instance: dg.DagsterInstance, project: Project) -> Sources:
    """Looks at the known sites, and tells Dagster if they changed."""
    sources = Sources(project)
    report_observations(instance, known_sites_source.key, {ONE: sources.known_sites})
    return sources
