"""The sources: FASTQs, the genome, known variants. They are observed by checksum, never computed."""

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, Final

import dagster as dg

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.orchestration.beta_features import accept_beta_features
from bioinfo_assets.orchestration.internals import DATA_VERSION_IS_USER_PROVIDED_TAG, DATA_VERSION_TAG
from bioinfo_assets.orchestration.metadata import files_table
from bioinfo_assets.orchestration.partitions import samples
from bioinfo_assets.orchestration.provenance import newest_versions, observation_event, versions_of_partitions
from bioinfo_assets.pipeline.graph import REPORT_FILES
from bioinfo_assets.pipeline.project import Project, Sources
from bioinfo_assets.records.observations import ReadBudget
from bioinfo_assets.records.parallel import map_reads
from bioinfo_assets.records.record import Observation
from bioinfo_assets.records.samples import sample_names
from bioinfo_assets.result_key import COHORT_SOURCE, KNOWN_SITES_SOURCE, RAW_READS, REFERENCE_SOURCE

_KEY = dg.AssetKey(COHORT_SOURCE)


def cohort_event(instance: dg.DagsterInstance) -> dg.AssetObservation:
    """The cohort as it is now, as Dagster's event."""
    version, count = cohort_data_version(instance)
    return dg.AssetObservation(
        asset_key=_KEY,
        metadata={"samples": count},
        tags={DATA_VERSION_TAG: version, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"},
    )


def cohort_observation(instance: dg.DagsterInstance) -> dg.AssetObservation | None:
    """The observation of the cohort that Dagster does not have yet; None where it is up to date."""
    event = cohort_event(instance)
    is_known = newest_versions(instance, _KEY, [])[None] == event.tags[DATA_VERSION_TAG]
    return None if is_known else event


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
    for outcome in observe_samples(project, sample_names(project.ledger)):
        if isinstance(outcome, Observation):
            context.log_event(observation_event(outcome))
        else:
            context.log.warning("%s", outcome)
    with accept_beta_features():
        return dg.DataVersionsByPartition({})  # Dagster's own events for these would have no list of files


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


def observe_samples(
    project: Project, names: Iterable[str], budget: ReadBudget | None = None
) -> Iterator[Observation | BioinfoAssetsError]:
    """Observe the FASTQs of samples: each observation, or why there is none; neither for an imported sample."""

    def observe_sample(name: str) -> Observation | BioinfoAssetsError | None:
        try:
            sample = project.sample(name)
            return project.observe_reads(sample, budget) if sample.lanes else None
        except BioinfoAssetsError as problem:
            return problem

    yield from filter(None, map_reads(project.ledger, observe_sample, names))


def observe_upstream(
    instance: dg.DagsterInstance, sources: Sources, upstream: Collection[str], scope: str
) -> Sequence[dg.AssetObservation]:
    """Observe those sources that are upstream of a result.

    Args:
        instance: Dagster, whose events show which results the cohort has.
        sources: The external files.
        upstream: What the result's asset is computed from.
        scope: The result's sample; for an asset without partitions its shared scope.

    Returns:
        Dagster's events for them, whether or not anything has changed; none for FASTQs that cannot be used.
    """
    observations: list[Observation] = []
    if RAW_READS in upstream:
        sources.observe_reads([scope])
        observations += [sources.reads[scope]] if scope in sources.reads else []
    if REFERENCE_SOURCE in upstream:
        observations.append(sources.reference)
    if KNOWN_SITES_SOURCE in upstream:
        observations.append(sources.known_sites)
    events = [observation_event(observation) for observation in observations]
    return [*events, cohort_event(instance)] if COHORT_SOURCE in upstream else events


def _observe_result(observation: Observation) -> dg.ObserveResult:
    return dg.ObserveResult(
        data_version=dg.DataVersion(observation.data_version), metadata={"files": files_table(observation.files)}
    )
