"""What a step computes, and how: its results, and what builds the job of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

import dagster as dg

from bioinfo_assets.launch.job import Job, JobOptions
from bioinfo_assets.orchestration.metadata import Metadata
from bioinfo_assets.orchestration.upstream_records import RecordLookup, UpstreamRecords
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.result_key import REFERENCES, ResultKey

NO_RECORDS: Final[Mapping[str, RecordSet]] = MappingProxyType({})
"""No records of jobs that have not run."""


def no_metadata(_: Record) -> Metadata:
    """Describe a result by its record alone."""
    return {}


def observe_nothing(_: ResultKey) -> Sequence[dg.AssetObservation]:
    """Observe nothing: the job reads no files but other results."""
    return ()


@dataclass(frozen=True, slots=True)
class JobBuilder:
    """How the results of an asset are computed.

    Attributes:
        build: Builds the job of a result from the records of the assets upstream; a `BioinfoAssetsError` from it fails
            that result alone.
        describe: What Dagit shows of a result in addition to its record.
        observe: Observes the external files that a result is computed from; what is new is reported to Dagster. Called
            in one of several threads, before the versions upstream are read.
        scope: The shared scope of an asset without partitions.
        only_for: By key of an output that is not published where only the jobs of certain assets read it, on the
            machine of its job: those assets.
    """

    build: Callable[[ResultKey, Mapping[str, RecordSet]], Job]
    describe: Callable[[Record], Metadata] = no_metadata
    observe: Callable[[ResultKey], Sequence[dg.AssetObservation]] = observe_nothing
    scope: str = REFERENCES
    only_for: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What a step computes, and how.

    Attributes:
        keys: The results, by asset, in the order of the assets; an asset without any is left out on purpose.
        builders: How the results of each asset are computed; assets upstream that are not computed here included.
        parents: By asset, the assets that it is computed from, sources included.
        options: The options of each asset's jobs.
        shared_scopes: By asset without partitions, its scope.
        output_names: Dagster's name for the output of each asset.
        stop_reading: Ends the reading of sources in other threads, when the run is interrupted.
    """

    keys: Mapping[str, Sequence[ResultKey]]
    builders: Mapping[str, JobBuilder]
    parents: Mapping[str, Sequence[str]]
    options: Mapping[str, JobOptions]
    shared_scopes: Mapping[str, str]
    output_names: Mapping[str, str]
    stop_reading: Callable[[], None] = lambda: None

    def upstream(
        self, key: ResultKey, records: UpstreamRecords, provisional: Mapping[str, RecordSet] = NO_RECORDS
    ) -> RecordLookup:
        """By asset: the records that a result's job is built from; those of jobs that have not run are provisional."""
        parents = [parent for parent in self.parents[key.asset] if parent in self.builders]
        return records.of(key, parents, provisional)

    def build(self, key: ResultKey, upstream: Mapping[str, RecordSet]) -> Job:
        """Build the job of a result.

        Raises:
            BioinfoAssetsError: an input is missing or wrong.
        """
        builder = self.builders[key.asset]
        job = builder.build(key, upstream).with_options(self.options[key.asset])
        outputs = (replace(output, only_for=builder.only_for.get(output.key, frozenset())) for output in job.outputs)
        return replace(job, outputs=tuple(outputs))

    def log_label(self, key: ResultKey) -> str:
        """What distinguishes the output of a job from that of the step's others; empty if it has one job."""
        if len(self.keys) > 1:
            return key.label
        return key.scope if len(self.keys[key.asset]) > 1 else ""
