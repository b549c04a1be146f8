"""The sources: FASTQs, the genome, known variants. They are observed by checksum, never computed."""

import inspect
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, Final

import dagster as dg

from bioinfo_assets.orchestration.internals import DATA_VERSION_IS_USER_PROVIDED_TAG, DATA_VERSION_TAG
from bioinfo_assets.orchestration.metadata import files_table
from bioinfo_assets.orchestration.partitions import samples
from bioinfo_assets.orchestration.provenance import newest_versions, report_observations, versions_of_partitions
from bioinfo_assets.pipeline.graph import COHORT_SOURCE, REPORT_FILES
from bioinfo_assets.pipeline.project import Project, Sources
from bioinfo_assets.records.record import Observation
from bioinfo_assets.records.samples import sample_names
from bioinfo_assets.result_key import KNOWN_SITES_SOURCE, RAW_READS, REFERENCE_SOURCE

_KEY = dg.AssetKey(COHORT_SOURCE)


def cohort_observation(instance: dg.DagsterInstance) -> dg.AssetObservation | None:
    """The observation of the cohort that Dagster does not have yet; None where it is up to date."""
    version, count = cohort_data_version(instance)
    if newest_versions(instance, _KEY, [])[None] == version:
        return None
    return dg.AssetObservation(
        asset_key=_KEY,
        metadata={"samples": count},
        tags={DATA_VERSION_TAG: version, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"},
    )


def report_cohort(instance: dg.DagsterInstance) -> None:
    """Report the cohort to Dagster, if it has changed."""
    observation = cohort_observation(instance)
    if observation is not None:
        instance.report_runless_asset_event(observation)


def cohort_data_version(instance: dg.DagsterInstance) -> tuple[str, int]:
    """The digest of all results that a report reads, and the number of samples that have some."""
    current = set(instance.get_dynamic_partitions(str(samples.name)))
    versions = {
        (sample, asset): version
        for asset in REPORT_FILES
        for sample, (version, _) in versions_of_partitions(instance, dg.AssetKey(asset), None).items()
        if sample in current
    }
    lines = "".join(f"{sample}\t{asset}\t{version}\n" for (sample, asset), version in sorted(versions.items()))
    return sha256(lines.encode()).hexdigest(), len({sample for sample, _ in versions})


@contextmanager
def accept_beta_features() -> Iterator[None]:
    """Keep Dagster from warning of each beta feature; its minor version is pinned here."""
    with warnings.catch_warnings(action="ignore", category=dg.BetaWarning):
        yield


def source_asset(
    *, kind: str, group: str = "sources", partitions_def: dg.PartitionsDefinition[str] | None = None
) -> Callable[[Callable[..., Any]], dg.SourceAsset]:
    """Declare an observable source; its docstring is its description in Dagit."""

    def declare(observe: Callable[..., Any]) -> dg.SourceAsset:
        with accept_beta_features():
            # Source assets take no `kinds`: Dagit draws them by this tag.
            return dg.observable_source_asset(
                group_name=group,
                description=inspect.getdoc(observe),
                tags={f"dagster/kind/{kind}": ""},
                partitions_def=partitions_def,
            )(observe)

    return declare


@source_asset(kind="fastq", partitions_def=samples)
def raw_reads(context: dg.OpExecutionContext, project: dg.ResourceParam[Project]) -> dg.DataVersionsByPartition:
    """The FASTQs of each sample as the sequencer's software wrote them: one pair for each lane of each flow cell.

    They are not computed here. They are checked before each run: by the checksum of their contents, and by their first
    records (reads in pairs, qualities in Phred+33, the same lane for both reads).
    """
    sources = Sources(project)
    sources.observe_reads(name for name in sample_names(project.ledger) if project.sample(name).lanes)
    for problem in sources.problems.values():
        context.log.warning("%s", problem)
    return dg.DataVersionsByPartition({name: reads.data_version for name, reads in sources.reads.items()})


@source_asset(kind="fasta")
def reference_source(project: dg.ResourceParam[Project]) -> dg.ObserveResult:
    """The genome's FASTA where it was published, with its `.alt` file if it is ALT-aware."""
    return _observe_result(project.observe_reference())


@source_asset(kind="vcf")
def known_sites_source(project: dg.ResourceParam[Project]) -> dg.ObserveResult:
    """VCFs of variants known in many people, where they were published: dbSNP, Mills, 1000 Genomes."""
    return _observe_result(project.observe_known_sites())


@source_asset(kind="cohort")
def cohort(context: dg.OpExecutionContext) -> dg.ObserveResult:
    """Which samples have results, and a digest of all these: what the report shows."""
    version, count = cohort_data_version(context.instance)
    return dg.ObserveResult(data_version=dg.DataVersion(version), metadata={"samples": count})


SOURCE_ASSETS: Final = (raw_reads, reference_source, known_sites_source, cohort)


def observe_upstream(
    instance: dg.DagsterInstance, project: Project, upstream: Collection[str], scopes: Collection[str]
) -> Sources:
    """Observe those sources that are upstream of an asset, and report changes to Dagster.

    Args:
        instance: Dagster.
        project: The project.
        upstream: What the asset is computed from.
        scopes: The samples of the run.
    """
    sources = Sources(project)
    if RAW_READS in upstream:
        sources.observe_reads(scopes)
        report_observations(instance, sources.reads.values())
    if REFERENCE_SOURCE in upstream:
        report_observations(instance, [sources.reference])
    if KNOWN_SITES_SOURCE in upstream:
        report_observations(instance, [sources.known_sites])
    if COHORT_SOURCE in upstream:
        report_cohort(instance)
    return sources


def _observe_result(observation: Observation) -> dg.ObserveResult:
    return dg.ObserveResult(
        data_version=dg.DataVersion(observation.data_version), metadata={"files": files_table(observation.files)}
    )
