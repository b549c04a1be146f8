"""What a step does for one result, in one of several threads: check it before its job, and publish it afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import dagster as dg

from bioinfo_assets.errors import BioinfoAssetsError, UnreachableError
from bioinfo_assets.launch.job import Job
from bioinfo_assets.orchestration.fused_jobs import planned_followers
from bioinfo_assets.orchestration.metadata import Metadata, record_metadata
from bioinfo_assets.orchestration.provenance import Provenance, UpstreamVersions
from bioinfo_assets.orchestration.session import Session
from bioinfo_assets.orchestration.sqlite_storage import StoredIds
from bioinfo_assets.orchestration.step_plan import StepPlan
from bioinfo_assets.orchestration.upstream_records import UpstreamRecords
from bioinfo_assets.records.commit import Committed, SubmittedJob, commit, copy_shared_result, unpublished
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.released import released_inputs
from bioinfo_assets.records.reuse import ReuseAction, ReuseDecision, decide_reuse
from bioinfo_assets.result_key import ResultKey


@dataclass(frozen=True, slots=True)
class Result:
    """A published result, and what Dagit shows of it.

    Attributes:
        committed: The result.
        metadata: What Dagit shows.
        warning: Why others do not get it from the shared cache; empty if they do, or if there is none.
    """

    committed: Committed
    metadata: Metadata
    warning: str = ""

    def materialization(self, key: ResultKey, provenance: Provenance) -> dg.AssetMaterialization:
        """What Dagster stores of it."""
        return dg.AssetMaterialization(
            asset_key=dg.AssetKey(key.asset),
            partition=key.partition_key,
            metadata=self.metadata,
            tags=provenance.tags(key.partition_key, self.committed.record.data_version),
        )


@dataclass(frozen=True, slots=True)
class ReleasedInputs:
    """Results that must be computed again first, because a job has to run and reads files of them that were released.

    Attributes:
        decision: The decision to run the job.
        keys: The results.
    """

    decision: ReuseDecision
    keys: Sequence[ResultKey]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found, and the versions upstream of the result when it began."""

    found: ReuseDecision | Result | ReleasedInputs
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class PlannedJobs:
    """A job that has to run, and those that run after it."""

    decision: ReuseDecision
    followers: Sequence[Job]


@dataclass(frozen=True, slots=True)
class ResultTasks:
    """The work for single results of a step. Thread-safe.

    Attributes:
        session: What the run's steps share.
        plan: What the step computes.
        records: The records upstream.
        versions: The versions upstream.
        log: Receives warnings.
    """

    session: Session
    plan: StepPlan
    records: UpstreamRecords
    versions: UpstreamVersions
    log: dg.DagsterLogManager
    _published: dict[str, Committed] = field(default_factory=dict)

    def check(self, key: ResultKey, needed_by: ResultKey | None) -> Checked:
        """Find out whether a result is reused, copied, or computed.

        Args:
            key: The result.
            needed_by: A result whose job reads files of this one that were released.

        Raises:
            BioinfoAssetsError: an input is missing or wrong, or a tool.
        """
        self.versions.report(self.plan.builders[key.asset].observe(key))
        provenance = self.versions.of(dg.AssetKey(key.asset), key.partition_key)
        return Checked(self._find_reusable(key, needed_by), provenance)

    def plan_followers(self, decision: ReuseDecision, keys: Sequence[ResultKey]) -> PlannedJobs:
        """Plan the jobs that run after one that has to run, on the same machine, for the first of these results."""
        job, ledger = decision.required_job, self.session.ledger
        return PlannedJobs(decision, planned_followers(job, keys, self.plan, self.records, ledger))

    def _find_reusable(self, key: ResultKey, needed_by: ResultKey | None) -> ReuseDecision | Result | ReleasedInputs:
        """The result if it exists or others share it; otherwise the decision to run its job."""
        ledger, backend = self.session.ledger, self.session.backend
        upstream = self.plan.upstream(key, self.records)
        decision = decide_reuse(
            ledger,
            self.session.cache,
            ledger.read(key),
            lambda: self.plan.build(key, upstream),
            lambda job: backend.tool_versions(job.tools, job.options),
            needed_by=needed_by,
        )
        if decision.cache_problem:
            self.log.warning("%s is not copied from the shared cache: %s", key.label, decision.cache_problem)
        if decision.action is ReuseAction.REUSE and decision.record is not None:
            warning = self._share(decision.record) if decision.job is not None else ""
            return self._describe(Committed(decision.record, reused=True), warning)
        copied = copy_shared_result(ledger, decision) if decision.action is ReuseAction.COPY else None
        if copied is not None:
            return self._describe(copied)
        released = released_inputs(decision.required_job, upstream.released.values())
        if not released or backend.can_adopt(decision.fingerprint):
            return decision
        return ReleasedInputs(decision, [record.key for record in released])

    def commit(self, submitted: SubmittedJob) -> Result:
        """Publish the result of a job that is over.

        Raises:
            JobError: the job did not succeed.
            UnreachableError: S3 does not answer for the moment. It may be called again, and goes on where it was.
        """
        job_id = submitted.submission.job_id
        if job_id not in self._published:
            self._published[job_id] = commit(self.session.ledger, self.session.backend, submitted)
        committed = self._published[job_id]
        result = self._describe(committed, self._share(committed.record))
        del self._published[job_id]
        return result

    def give_up(self, submitted: SubmittedJob, error: UnreachableError) -> str:
        """Give up a result whose job is over; return a sentence with the reason, and where unpublished files are."""
        is_published = self._published.pop(submitted.submission.job_id, None) is not None
        return str(error if is_published else unpublished(self.session.backend, submitted, error))

    def add_versions(self, results: Sequence[tuple[ResultKey, Result]], stored: StoredIds) -> None:
        """Note the versions of results whose materializations are stored, for those computed from them."""
        versions: dict[str, dict[str | None, str]] = {}
        for key, result in results:
            versions.setdefault(key.asset, {})[key.partition_key] = result.committed.record.data_version
        for asset, by_partition in versions.items():
            self.versions.add(dg.AssetKey(asset), by_partition, stored)

    def _describe(self, committed: Committed, warning: str = "") -> Result:
        """A result with what Dagit shows of it, read from its files and from the records upstream."""
        record = committed.record
        metadata = record_metadata(self.session.trace(record), reused=committed.reused)
        return Result(committed, {**self.plan.builders[record.asset].describe(record), **metadata}, warning)

    def _share(self, record: Record) -> str:
        """Add a result to the shared cache; a failure to do so does not fail the job, and is returned as a sentence."""
        cache = self.session.cache
        if cache is None:
            return ""
        try:
            if cache.find(record.fingerprint) is None:
                cache.add(record)
        except BioinfoAssetsError as error:
            self.log.warning("%s is not shared: %s", record.key.label, error)
            return f"not in the shared cache {cache.prefix}, which could not be read or written: see the log"
        return ""
