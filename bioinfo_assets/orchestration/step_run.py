"""The life of one Dagster step: a job for each of its partitions, and a materialization for each result.

A partition that fails does not stop the others. The step tells what it made, hands it on, and only then fails; steps
downstream go on with what is there.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import dagster as dg

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.launch.backend import State, Status, Stream
from bioinfo_assets.launch.job import Job
from bioinfo_assets.orchestration.compute_logs import StepLogs
from bioinfo_assets.orchestration.internals import DagsterEvent, EngineEventData, StepExecutionContext
from bioinfo_assets.orchestration.interruption import raise_if_interrupted
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, notify
from bioinfo_assets.orchestration.metadata import Metadata, record_metadata
from bioinfo_assets.orchestration.provenance import Provenance, provenance_of
from bioinfo_assets.orchestration.session import Session
from bioinfo_assets.records.commit import (
    Committed,
    ReuseDecision,
    SubmittedJob,
    check_reuse,
    commit,
    imported_result,
    submit,
)
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.record_set import ONE, RecordSet
from bioinfo_assets.records.shared_cache import copy_shared_result

TICK_S = 0.05
"""How long a step lets its jobs be before it looks after them again, in seconds."""

REST = 4
"""How much longer a step rests than it looked after its jobs: of ten thousand a look takes a while."""

SHOWN = 50
"""How many jobs of a step are shown to come to one and the same state. Each event costs Dagster some hundredths of a
second, an array has up to ten thousand jobs, and nobody reads so many."""

ENDING_S = 30.0
"""How long a step that is being ended waits for its jobs' ends, in seconds; the backend is closed after it anyway."""

AT_ONCE = 16
"""Results of a step that are looked up or published side by side: in S3 each takes tenths of a second."""

NAMED_FAILURES = 20
"""How many failed partitions a step's failure names."""


@dataclass(frozen=True, slots=True)
class Result:
    """A result that is there, and what Dagit shows of it."""

    committed: Committed
    metadata: Metadata


StepEvents = Iterator[dg.AssetMaterialization | dg.Output[RecordSet]]
"""What an asset's body yields."""


@dataclass(slots=True)
class StepRun:
    """One step at work.

    Attributes:
        context: Dagster's context of the step.
        session: What the run's steps share.
        logs: The step's compute logs.
        asset_key: What it makes.
        partitions: For which samples; `(ONE,)` for an asset without partitions.
        build: The job of a partition.
        describe: What Dagit shows of a result beside its record.
    """

    context: StepExecutionContext
    session: Session
    logs: StepLogs
    asset_key: dg.AssetKey
    partitions: Sequence[str]
    build: Callable[[str], Job]
    describe: Callable[[Record], Metadata]
    _running: dict[str, SubmittedJob] = field(default_factory=dict)
    _publishing: "dict[str, Future[Result]]" = field(default_factory=dict)
    _made: dict[str, Record] = field(default_factory=dict)
    _failures: dict[str, str] = field(default_factory=dict)
    _shown: Counter[str] = field(default_factory=Counter)

    def events(self) -> StepEvents:
        """Runs the jobs; yields a materialization for each result as it is published, then all of them.

        Raises:
            Failure: partitions failed; its description has a sentence for each.
        """
        named = [partition for partition in self.partitions if partition != ONE]
        provenance = provenance_of(self.context, self.asset_key, named)
        try:
            for partition, result in self._results():
                yield self._materialization(partition, result, provenance)
        except BaseException:  # an interrupt is a BaseException: whatever ends the step ends its jobs
            self._cancel_all()
            raise
        yield from self._finish()

    def _results(self) -> Iterator[tuple[str, Result]]:
        """The results by partition: those that are there first, the others as they are published."""
        self._skip_failed_upstream()
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"{self.context.step.key} records") as pool:
            try:
                yield from self._begin_all(pool)
                yield from self._end_all(pool)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _begin_all(self, pool: ThreadPoolExecutor) -> Iterator[tuple[str, Result]]:
        wanted = {
            partition: pool.submit(self._considered, partition)
            for partition in self.partitions
            if partition not in self._failures
        }
        for partition, considered in wanted.items():
            yield from self._begin(partition, considered)

    def _end_all(self, pool: ThreadPoolExecutor) -> Iterator[tuple[str, Result]]:
        while self._running or self._publishing:
            raise_if_interrupted()
            began = time.monotonic()
            # The last lines of a job's log may be long in coming: the pool waits for those of many jobs side by side.
            ended = [partition for partition, run in self._running.items() if self._has_ended(run)]
            for partition in ended:
                run = self._running.pop(partition)
                self._publishing[partition] = pool.submit(self._committed, run)
            published = [partition for partition, future in self._publishing.items() if future.done()]
            for partition in published:
                yield from self._end(partition, self._publishing.pop(partition))
            if not ended and not published:
                time.sleep(max(TICK_S, REST * (time.monotonic() - began)))

    def _committed(self, run: SubmittedJob) -> Result:
        committed = commit(self.session.ledger, self.session.backend, run)
        self._share(committed.record)
        return self._described(committed)

    def _described(self, committed: Committed) -> Result:
        """A result with what Dagit shows of it, read from its files and from the records of what it was made from."""
        record = committed.record
        shown = record_metadata(self.session.trace(record), reused=committed.reused)
        return Result(committed, {**self.describe(record), **shown})

    def _share(self, record: Record) -> None:
        """Tells other projects of a result; one that cannot be told is not worth failing for."""
        cache = self.session.cache
        if cache is None:
            return
        try:
            if cache.find(record.fingerprint) is None:
                cache.keep(record)
        except BioinfoAssetsError as error:
            self.context.log.warning("%s of %s is not shared: %s", record.asset, record.scope, error)

    def _has_ended(self, run: SubmittedJob) -> bool:
        return run.ticket.is_over or run.ticket.wait(0).state.is_over

    def _skip_failed_upstream(self) -> None:
        parents = self.context.job_def.asset_layer.get(self.asset_key).parent_keys
        for partition in sorted(self.session.failed_upstream(parents).intersection(self.partitions)):
            self._failures[partition] = "skipped: a step before it failed"
            self._tell(partition, JobState.SKIPPED)

    def _considered(self, partition: str) -> ReuseDecision | Result:
        """The result of a partition, if it is there or others share it; else the job that makes it."""
        found = self._found(partition)
        return self._described(found) if isinstance(found, Committed) else found

    def _found(self, partition: str) -> ReuseDecision | Committed:
        ledger = self.session.ledger
        registered = None if partition == ONE else imported_result(ledger, partition, self.asset_key.path[-1])
        if registered is not None:
            return Committed(registered, reused=True)
        wanted = check_reuse(ledger, self.session.backend, self.build(partition))
        if wanted.record is not None:
            self._share(wanted.record)
            return Committed(wanted.record, reused=True)
        return self._copied(wanted) or wanted

    def _copied(self, wanted: ReuseDecision) -> Committed | None:
        """The result as another project shares it; a cache that cannot be used costs time, and no result."""
        if self.session.cache is None:
            return None
        try:
            return copy_shared_result(self.session.ledger, self.session.cache, wanted)
        except BioinfoAssetsError as error:
            self.context.log.warning("%s is not copied from the shared cache: %s", wanted.job.name, error)
            return None

    def _begin(self, partition: str, considered: "Future[ReuseDecision | Result]") -> Iterator[tuple[str, Result]]:
        raise_if_interrupted()
        try:
            found = considered.result()
            if isinstance(found, Result):
                record = found.committed.record
                origin = f"copied from {record.copied_from}" if record.copied_from else "there and whole"
                self._show(f"{record.asset}-{record.scope}", f"CACHED, its result is {origin}", {})
                self._tell(partition, JobState.CACHED)
                yield partition, found
            else:
                self._submit(partition, found)
        except BioinfoAssetsError as error:
            self._fail(partition, str(error))

    def _submit(self, partition: str, wanted: ReuseDecision) -> None:
        speaker = partition if len(self.partitions) > 1 else ""
        run = submit(
            self.session.watcher,
            wanted,
            on_change=lambda status: self._follow(partition, wanted.job, status),
            on_output=lambda stream, text: self._output(stream, text, speaker),
        )
        self._running[partition] = run
        self._tell(partition, JobState.PENDING)
        self._show(
            wanted.job.name,
            f"job submitted to {self.session.backend.name} ({wanted.reason})",
            {
                "job_id": dg.MetadataValue.text(run.submission.job_id),
                "scratch": dg.MetadataValue.path(run.submission.scratch),
                "log": dg.MetadataValue.path(run.submission.log),
            },
        )

    def _output(self, stream: Stream, text: bytes, speaker: str) -> None:
        self.logs.write(stream, text, speaker)

    def _follow(self, partition: str, job: Job, status: Status) -> None:
        if status.state.is_over:
            return  # what it came to is told when its files are published
        if status.state is State.RUNNING:
            self._tell(partition, JobState.RUNNING)
        links = {name: dg.MetadataValue.url(url) for name, url in status.links.items()}
        self._show(job.name, f"{status.state.value}. {status.reason}".rstrip(". "), links)

    def _end(self, partition: str, published: "Future[Result]") -> Iterator[tuple[str, Result]]:
        try:
            result = published.result()
        except BioinfoAssetsError as error:
            self._fail(partition, str(error))
            return
        self._tell(partition, JobState.CACHED if result.committed.reused else JobState.DONE)
        yield partition, result

    def _materialization(self, partition: str, result: Result, provenance: Provenance) -> dg.AssetMaterialization:
        record = result.committed.record
        self._made[partition] = record
        for warning in record.warnings:
            self.context.log.warning("%s of %s: %s", record.asset, record.scope, warning)
        return dg.AssetMaterialization(
            asset_key=self.asset_key,
            partition=None if partition == ONE else partition,
            metadata=result.metadata,
            tags=provenance.tags(partition, record.data_version),
        )

    def _finish(self) -> StepEvents:
        self.session.mark_failed(self.asset_key, self._failures)
        if self._made:
            yield dg.Output(RecordSet.of_whole(self.asset_key.path[-1], self._made))
        if self._failures:
            raise dg.Failure(description=self._failure_text(), allow_retries=False)

    def _failure_text(self) -> str:
        shown = list(self._failures.items())[:NAMED_FAILURES]
        lines = [reason if partition == ONE else f"{partition}: {reason}" for partition, reason in shown]
        more = len(self._failures) - len(shown)
        return "\n".join(lines + ([f"and {more} more"] if more else []))

    def _fail(self, partition: str, reason: str) -> None:
        self._failures[partition] = reason
        self._tell(partition, JobState.FAILED, reason)
        self.context.log.error(reason)

    def _cancel_all(self) -> None:
        """Ends all jobs and frees what they had in scratch, side by side: whoever presses Ctrl-C waits for it."""
        for run in self._running.values():
            self.session.backend.cancel(run.submission.job_id)
        deadline = time.monotonic() + ENDING_S
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"{self.context.step.key} ends") as pool:
            list(pool.map(lambda run: self._see_off(run, deadline), self._running.values()))
        for partition in self._running:
            self._tell(partition, JobState.FAILED, "cancelled")
        self._running.clear()

    def _see_off(self, run: SubmittedJob, deadline: float) -> None:
        if run.ticket.wait(max(0.0, deadline - time.monotonic())).state.is_over:
            self.session.backend.discard(run.submission.job_id, keep_log=True)

    def _show(self, job_name: str, what: str, metadata: Mapping[str, dg.MetadataValue]) -> None:
        """Logs an engine event of this step, unless it was logged of many jobs before; to build one is to log it."""
        self._shown[what] += 1
        if self._shown[what] > SHOWN:
            return
        last = " (of further jobs this is not shown)" if self._shown[what] == SHOWN else ""
        DagsterEvent.engine_event(self.context, f"{job_name}: {what}{last}", EngineEventData(metadata=dict(metadata)))

    def _tell(self, partition: str, state: JobState, reason: str = "") -> None:
        notify(JobUpdate(self.asset_key.path[-1], partition, state, reason))
