"""The cohort: which samples there are results of, and what these are, as one digest.

Dagster leaves dependencies on a hundred partitions or more out when it tells what is stale (`data_version.py`,
SKIP_PARTITION_DATA_VERSION_DEPENDENCY_THRESHOLD). So the report over all samples depends on this digest as well, which
has no partitions: however many samples there are, the report is stale when one of them has another result, is new, or
was removed.
"""

from hashlib import sha256

import dagster as dg

from bioinfo_assets.assets.decorators import source_asset
from bioinfo_assets.orchestration.internals import DATA_VERSION_IS_USER_PROVIDED_TAG, DATA_VERSION_TAG
from bioinfo_assets.orchestration.partitions import samples
from bioinfo_assets.orchestration.provenance import newest_versions, versions_of_partitions
from bioinfo_assets.pipeline.jobs import REPORTED
from bioinfo_assets.records.record_set import ONE


@source_asset(kind="cohort")
def cohort(context: dg.OpExecutionContext) -> dg.ObserveResult:
    """Which samples there are results of, and a digest of all these: what the report is to show."""
    version, count = _version(context.instance)
    return dg.ObserveResult(data_version=dg.DataVersion(version), metadata={"samples": count})


def cohort_observation(instance: dg.DagsterInstance) -> dg.AssetObservation | None:
    """What Dagster is to be told of the cohort; None where it knows."""
    version, count = _version(instance)
    if newest_versions(instance, cohort.key, [])[ONE] == version:
        return None
    return dg.AssetObservation(
        asset_key=cohort.key,
        metadata={"samples": count},
        tags={DATA_VERSION_TAG: version, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"},
    )


def report_cohort(instance: dg.DagsterInstance) -> None:
    """Tells Dagster of the cohort, where it does not know."""
    seen = cohort_observation(instance)
    if seen is not None:
        instance.report_runless_asset_event(seen)


def _version(instance: dg.DagsterInstance) -> tuple[str, int]:
    """The digest of what each sample gave to the report, and the number of samples that gave something."""
    there = set(instance.get_dynamic_partitions(str(samples.name)))
    given = {
        (sample, asset): version
        for asset in REPORTED
        for sample, (version, _) in versions_of_partitions(instance, dg.AssetKey(asset), None).items()
        if sample in there
    }
    lines = "".join(f"{sample}\t{asset}\t{version}\n" for (sample, asset), version in sorted(given.items()))
    return sha256(lines.encode()).hexdigest(), len({sample for sample, _ in given})
