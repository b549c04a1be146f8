"""The execution of one Dagster step: a job for each of its partitions, and a materialization for each result.

A partition that fails does not stop the others. The step reports its results, passes them on, and only then fails;
steps downstream go on with the results that exist.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, NoReturn

import dagster as dg

from bioinfo_assets.errors import BioinfoAssetsError, UnreachableError
from bioinfo_assets.launch.backend import State, Status
from bioinfo_assets.launch.job import Job
from bioinfo_assets.orchestration.compute_logs import StepLogs
from bioinfo_assets.orchestration.executor import raise_if_interrupted
from bioinfo_assets.orchestration.internals import DagsterEvent, EngineEventData, StepExecutionContext
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, notify
from bioinfo_assets.orchestration.metadata import Metadata, record_metadata
from bioinfo_assets.orchestration.provenance import Provenance, provenance_of
from bioinfo_assets.orchestration.session import Session
from bioinfo_assets.records.commit import Committed, SubmittedJob, commit, copy_shared_result, submit
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.records.reuse import ReuseAction, ReuseDecision, decide_reuse
from bioinfo_assets.result_key import ResultKey

POLL_INTERVAL_S: Final = 0.05
"""Seconds between two checks of a step's jobs, at least."""

REST_FACTOR: Final = 4
"""How much longer a step rests than a check of its jobs took: with ten thousand jobs a check takes a while."""

MAX_EVENTS_PER_STATE: Final = 50
"""How many jobs of a step are shown to enter the same state. Each event costs Dagster some hundredths of a second, an
array has up to ten thousand jobs, and that many events are of no use to a reader."""

CANCEL_TIMEOUT_S: Final = 30.0
"""How long a step that is being cancelled waits for its jobs to end; the backend is closed after it anyway."""

MAX_CONCURRENT_RESULTS: Final = 16
"""Results of a step that are checked or published at the same time: in S3 each takes tenths of a second."""

MAX_NAMED_FAILURES: Final = 20
"""How many failed partitions a step's failure names."""


@dataclass(frozen=True, slots=True)
class Result:
    """A published result, and what Dagit shows of it."""

    committed: Committed
    metadata: Metadata


StepEvents = Iterator[dg.AssetMaterialization | dg.Output[RecordSet]]
"""What an asset's body yields."""


@dataclass(slots=True)
class StepRun:
    """A step while it is executed.

    Attributes:
        context: Dagster's context of the step.
        session: What the run's steps share.
        logs: The step's compute logs.
        asset: The asset that the step computes.
        keys: The results to compute: one per partition.
        build: Builds the job of a result.
        describe: What Dagit shows of a result in addition to its record.
    """

    context: StepExecutionContext
    session: Session
    logs: StepLogs
    asset: str
    keys: Sequence[ResultKey]
    build: Callable[[ResultKey], Job]
    describe: Callable[[Record], Metadata]
    _running: dict[ResultKey, SubmittedJob] = field(default_factory=dict)
    _publishing: "dict[ResultKey, Future[Result]]" = field(default_factory=dict)
    _records: dict[str, Record] = field(default_factory=dict)
    _failures: dict[ResultKey, str] = field(default_factory=dict)
    _event_counts: Counter[str] = field(default_factory=Counter)
    _shown_problem: str = ""

    def events(self) -> StepEvents:
        """Run the jobs; yield a materialization for each result as it is published, then all records.

        Raises:
            Failure: partitions failed; its description has a sentence for each.
        """
        partitions = [key.partition_key for key in self.keys if key.partition_key is not None]
        provenance = provenance_of(self.context, dg.AssetKey(self.asset), partitions)
        try:
            for key, result in self._results():
                yield self._materialization(key, result, provenance)
        except UnreachableError as error:
            self._leave_all(error)
        except BaseException:  # an interrupt is a BaseException: whatever else ends the step ends its jobs
            self._cancel_all()
            raise
        yield from self._finish()

    def _results(self) -> Iterator[tuple[ResultKey, Result]]:
        """The results: reused ones first, the others as they are published."""
        self._skip_failed_upstream()
        with ThreadPoolExecutor(MAX_CONCURRENT_RESULTS, thread_name_prefix=f"{self.context.step.key} records") as pool:
            try:
                yield from self._start_all(pool)
                yield from self._finish_all(pool)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _start_all(self, pool: ThreadPoolExecutor) -> Iterator[tuple[ResultKey, Result]]:
        found = {key: pool.submit(self._find_reusable, key) for key in self.keys if key not in self._failures}
        for key, future in found.items():
            yield from self._start(key, future)

    def _finish_all(self, pool: ThreadPoolExecutor) -> Iterator[tuple[ResultKey, Result]]:
        while self._running or self._publishing:
            raise_if_interrupted()
            self._show_poll_problem()
            began = time.monotonic()
            # The last lines of a job's log may arrive late: the pool waits for those of many jobs at the same time.
            ended = [key for key, submitted in self._running.items() if _has_ended(submitted)]
            for key in ended:
                self._publishing[key] = pool.submit(self._commit, self._running.pop(key))
            published = [key for key, future in self._publishing.items() if future.done()]
            for key in published:
                yield from self._take_published(key, self._publishing.pop(key))
            if not ended and not published:
                time.sleep(max(POLL_INTERVAL_S, REST_FACTOR * (time.monotonic() - began)))

    def _skip_failed_upstream(self) -> None:
        parents = self.context.job_def.asset_layer.get(dg.AssetKey(self.asset)).parent_keys
        failed = self.session.failed_scopes(parent.path[-1] for parent in parents)
        for key in sorted(key for key in self.keys if key.scope in failed):
            self._failures[key] = "skipped: a step upstream failed"
            notify(JobUpdate(key, JobState.SKIPPED))

    def _find_reusable(self, key: ResultKey) -> ReuseDecision | Result:
        """The result if it exists or others share it; otherwise the decision to run its job."""
        ledger, backend = self.session.ledger, self.session.backend
        decision = decide_reuse(
            ledger,
            self.session.cache,
            key,
            lambda: self.build(key),
            lambda job: backend.tool_versions(job.tools, job.options),
        )
        if decision.cache_problem:
            self.context.log.warning("%s is not copied from the shared cache: %s", key.label, decision.cache_problem)
        if decision.action is ReuseAction.REUSE and decision.record is not None:
            if decision.job is not None:
                self._share(decision.record)
            return self._describe(Committed(decision.record, reused=True))
        copied = copy_shared_result(ledger, decision) if decision.action is ReuseAction.COPY else None
        return self._describe(copied) if copied is not None else decision

    def _start(self, key: ResultKey, future: "Future[ReuseDecision | Result]") -> Iterator[tuple[ResultKey, Result]]:
        raise_if_interrupted()
        try:
            found = future.result()
            if isinstance(found, Result):
                origin = found.committed.record.copied_from
                how = f"copied from {origin}" if origin else "outputs present and unchanged"
                self._log_event(key, f"CACHED: {how}", {})
                notify(JobUpdate(key, JobState.CACHED))
                yield key, found
            else:
                self._submit(key, found)
        except BioinfoAssetsError as error:
            self._fail(key, str(error))

    def _submit(self, key: ResultKey, decision: ReuseDecision) -> None:
        label = key.scope if len(self.keys) > 1 else ""
        submitted = submit(
            self.session.ledger,
            self.session.watcher,
            decision,
            on_change=lambda status: self._follow(key, status),
            on_output=lambda stream, text: self.logs.write(stream, text, label),
        )
        self._running[key] = submitted
        notify(JobUpdate(key, JobState.PENDING))
        self._log_event(
            key,
            f"job submitted to {self.session.backend.name} ({decision.reason})",
            {
                "job_id": dg.MetadataValue.text(submitted.submission.job_id),
                "scratch": dg.MetadataValue.path(submitted.submission.scratch),
                "log": dg.MetadataValue.path(submitted.submission.log),
            },
        )

    def _follow(self, key: ResultKey, status: Status) -> None:
        if status.state.is_over:
            return  # the outcome is reported when the files are published
        if status.state is State.RUNNING:
            notify(JobUpdate(key, JobState.RUNNING))
        links = {name: dg.MetadataValue.url(url) for name, url in status.links.items()}
        self._log_event(key, f"{status.state.value}. {status.reason}".rstrip(". "), links)

    def _commit(self, submitted: SubmittedJob) -> Result:
        committed = commit(self.session.ledger, self.session.backend, submitted)
        self._share(committed.record)
        return self._describe(committed)

    def _take_published(self, key: ResultKey, published: "Future[Result]") -> Iterator[tuple[ResultKey, Result]]:
        try:
            result = published.result()
        except BioinfoAssetsError as error:
            self._fail(key, str(error))
            return
        notify(JobUpdate(key, JobState.CACHED if result.committed.reused else JobState.DONE))
        yield key, result

    def _describe(self, committed: Committed) -> Result:
        """A result with what Dagit shows of it, read from its files and from the records upstream."""
        record = committed.record
        metadata = record_metadata(self.session.trace(record), reused=committed.reused)
        return Result(committed, {**self.describe(record), **metadata})

    def _share(self, record: Record) -> None:
        """Add a result to the shared cache; a failure to do so does not fail the job."""
        cache = self.session.cache
        if cache is None:
            return
        try:
            if cache.find(record.fingerprint) is None:
                cache.add(record)
        except BioinfoAssetsError as error:
            self.context.log.warning("%s is not shared: %s", record.key.label, error)

    def _materialization(self, key: ResultKey, result: Result, provenance: Provenance) -> dg.AssetMaterialization:
        record = result.committed.record
        self._records[key.scope] = record
        for warning in record.warnings:
            self.context.log.warning("%s: %s", key.label, warning)
        return dg.AssetMaterialization(
            asset_key=dg.AssetKey(self.asset),
            partition=key.partition_key,
            metadata=result.metadata,
            tags=provenance.tags(key.partition_key, record.data_version),
        )

    def _finish(self) -> StepEvents:
        self.session.mark_failed(self._failures)
        if self._records:
            yield dg.Output(RecordSet(self.asset, self._records))
        if self._failures:
            raise dg.Failure(description=self._failure_text(), allow_retries=False)

    def _failure_text(self) -> str:
        named = list(self._failures.items())[:MAX_NAMED_FAILURES]
        lines = [f"{key.partition_key}: {reason}" if key.partition_key else reason for key, reason in named]
        more = len(self._failures) - len(named)
        return "\n".join(lines + ([f"and {more} more"] if more else []))

    def _fail(self, key: ResultKey, reason: str) -> None:
        self._failures[key] = reason
        notify(JobUpdate(key, JobState.FAILED, reason))
        self.context.log.error(reason)

    def _cancel_all(self) -> None:
        """Cancel all jobs and free their scratch, in parallel: whoever presses Ctrl-C waits for it."""
        for submitted in self._running.values():
            self.session.backend.cancel(submitted.submission.job_id)
        deadline = time.monotonic() + CANCEL_TIMEOUT_S
        with ThreadPoolExecutor(MAX_CONCURRENT_RESULTS, thread_name_prefix=f"{self.context.step.key} cancels") as pool:
            list(pool.map(lambda submitted: self._await_cancelled(submitted, deadline), self._running.values()))
        for key in self._running:
            notify(JobUpdate(key, JobState.FAILED, "cancelled"))
        self._running.clear()

    def _leave_all(self, error: UnreachableError) -> NoReturn:
        """Leave the jobs running, for a later run to adopt."""
        self.session.leaves_jobs = True
        for key in self._running:
            notify(JobUpdate(key, JobState.FAILED, "left running"))
        self._running.clear()
        raise dg.Failure(description=str(error), allow_retries=False) from None

    def _show_poll_problem(self) -> None:
        """Show in Dagit that jobs cannot be polled, and that they can again."""
        problem = self.session.watcher.problem
        if bool(problem) == bool(self._shown_problem):
            return
        self._shown_problem = problem
        text = problem or "jobs can be polled again"
        (self.context.log.warning if problem else self.context.log.info)(text)
        DagsterEvent.engine_event(self.context, text, EngineEventData(metadata={}))

    def _await_cancelled(self, submitted: SubmittedJob, deadline: float) -> None:
        if submitted.handle.wait(max(0.0, deadline - time.monotonic())).state.is_over:
            self.session.backend.discard(submitted.submission.job_id, keep_log=True)

    def _log_event(self, key: ResultKey, text: str, metadata: Mapping[str, dg.MetadataValue]) -> None:
        """Log an engine event of this step, unless many jobs have logged it before."""
        self._event_counts[text] += 1
        count = self._event_counts[text]
        if count > MAX_EVENTS_PER_STATE:
            return
        last = " (not shown for further jobs)" if count == MAX_EVENTS_PER_STATE else ""
        # Building an engine event logs it.
        DagsterEvent.engine_event(
            self.context, f"{key.job_name}: {text}{last}", EngineEventData(metadata=dict(metadata))
        )


def _has_ended(submitted: SubmittedJob) -> bool:
    return submitted.handle.is_over or submitted.handle.wait(0).state.is_over
