"""The cohort: which samples have results, and which versions of them, as one digest.

Dagster ignores dependencies on a hundred partitions or more when it decides what is stale (`data_version.py`,
SKIP_PARTITION_DATA_VERSION_DEPENDENCY_THRESHOLD). So the report on all samples depends on this digest as well, which
has no partitions: however many samples there are, the report is stale when one of them has another result, is new, or
was removed.
"""

from hashlib import sha256

import dagster as dg

from bioinfo_assets.orchestration.internals import DATA_VERSION_IS_USER_PROVIDED_TAG, DATA_VERSION_TAG
from bioinfo_assets.orchestration.partitions import samples
from bioinfo_assets.orchestration.provenance import newest_versions, versions_of_partitions
from bioinfo_assets.pipeline.graph import COHORT_SOURCE, REPORT_FILES

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
