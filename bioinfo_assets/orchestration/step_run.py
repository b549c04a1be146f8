"""The execution of one Dagster step: a job and a materialization for each of its results.

A step may compute several assets that are computed from each other, for many samples. A result's job starts as soon as
the results that it needs are published, whatever the other samples do. A result that fails stops those computed from
it, and no others; a report takes what exists. The step fails at its end, if one of its results did.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import filterfalse
from queue import Empty, SimpleQueue
from typing import Final, NoReturn, TypeVar

import dagster as dg

from bioinfo_assets.errors import BioinfoAssetsError, NotRunError, UnreachableError
from bioinfo_assets.launch.backend import State, Status, Submission
from bioinfo_assets.launch.job import Job
from bioinfo_assets.orchestration.compute_logs import StepLogs
from bioinfo_assets.orchestration.executor import raise_if_interrupted
from bioinfo_assets.orchestration.failure_text import failure_text
from bioinfo_assets.orchestration.fused_jobs import FusedJobs
from bioinfo_assets.orchestration.internals import StepExecutionContext
from bioinfo_assets.orchestration.job_cancellation import cancel_ahead, cancel_all
from bioinfo_assets.orchestration.job_events import JobEvents
from bioinfo_assets.orchestration.job_updates import JobState, JobUpdate, notify
from bioinfo_assets.orchestration.postponed_checks import PostponedChecks
from bioinfo_assets.orchestration.provenance import Provenance
from bioinfo_assets.orchestration.publications import Publications
from bioinfo_assets.orchestration.restored_results import RestoredResults
from bioinfo_assets.orchestration.result_graph import ResultGraph
from bioinfo_assets.orchestration.result_tasks import Checked, PlannedJobs, ReleasedInputs, Result, ResultTasks
from bioinfo_assets.orchestration.session import Session
from bioinfo_assets.orchestration.sqlite_storage import StoredIds, event_batch
from bioinfo_assets.orchestration.step_plan import StepPlan
from bioinfo_assets.records.commit import SubmittedJob, resume, submit
from bioinfo_assets.records.released import reason_not_restored
from bioinfo_assets.records.reuse import ReuseDecision
from bioinfo_assets.result_key import ResultKey

T = TypeVar("T")

POLL_INTERVAL_S: Final = 0.05
"""Seconds that a step waits for news of its results before it looks for an interrupt."""

MAX_CHANGES_PER_TURN: Final = 200
"""Results that are taken further before materializations are reported and an interrupt is looked for."""

MAX_CONCURRENT_RESULTS: Final = 16
"""Results of a step that are checked or published at the same time: in S3 each takes tenths of a second."""

MAX_QUEUED_RESULTS: Final = 4 * MAX_CONCURRENT_RESULTS
"""Results of a step that are checked or published, or wait for it, before another sample is begun."""

StepEvents = Iterator[dg.AssetMaterialization | dg.Output[None]]
"""What the body of assets yields."""


@dataclass(slots=True)
class StepRun:
    """A step while it is executed.

    Attributes:
        context: Dagster's context of the step.
        session: What the run's steps share.
        logs: The step's compute logs.
        plan: What it computes.
        graph: Which results can be started.
        tasks: The work for single results.
        dagit: Shows what happens to jobs.
    """

    context: StepExecutionContext
    session: Session
    logs: StepLogs
    plan: StepPlan
    graph: ResultGraph
    tasks: ResultTasks
    dagit: JobEvents
    _pool: ThreadPoolExecutor = field(init=False)
    _fused: FusedJobs = field(init=False)
    _postponed: PostponedChecks = field(init=False)
    _publications: Publications = field(init=False)
    _changed: "SimpleQueue[ResultKey]" = field(default_factory=SimpleQueue)
    _checking: "dict[ResultKey, Future[Checked]]" = field(default_factory=dict)
    _planning: "dict[ResultKey, Future[PlannedJobs]]" = field(default_factory=dict)
    _running: dict[ResultKey, SubmittedJob] = field(default_factory=dict)
    _provenance: dict[ResultKey, Provenance] = field(default_factory=dict)
    _done: Counter[str] = field(default_factory=Counter)
    _finished: set[ResultKey] = field(default_factory=set)
    _restored: RestoredResults = field(default_factory=RestoredResults)
    _failures: dict[ResultKey, str] = field(default_factory=dict)
    _skipped: int = 0

    def __post_init__(self) -> None:
        self._fused = FusedJobs(self.plan, self.graph, self.session.backend.moves_files)
        self._postponed = PostponedChecks(self.session.backend)
        self._publications = Publications(self.tasks, self._in_pool)

    def events(self) -> StepEvents:
        """Run the jobs; yield a materialization for each result as it is published, then an output for each asset.

        Raises:
            Failure: results failed; its description has a sentence for each.
        """
        try:
            yield from self._materializations()
        except UnreachableError as error:
            self._leave_all(error)
        yield from self._finish()

    def _materializations(self) -> Iterator[dg.AssetMaterialization]:
        with ThreadPoolExecutor(MAX_CONCURRENT_RESULTS, thread_name_prefix=f"{self.context.step.key} records") as pool:
            self._pool = pool
            try:
                while self.graph.has_first or self._queued or self._running or self._fused.holds_any:
                    raise_if_interrupted()
                    self._begin([*self._postponed.pop_due(), *self.graph.pop_first(MAX_QUEUED_RESULTS - self._queued)])
                    self.dagit.show_poll_problem(self.session.watcher.problem)
                    changed = list(self._changed_keys())
                    with event_batch(self.context.instance) as stored:
                        results = [result for key in changed for result in self._advance(key)]
                        for key, result in results:
                            yield self._materialization(key, result)
                    self._continue_after(results, stored)
                    for key in self._fused.release():
                        self._changed.put(key)
            except BaseException as error:  # an interrupt is a BaseException: whatever ends the step ends its jobs
                pool.shutdown(wait=False, cancel_futures=True)
                if not isinstance(error, Exception):  # what its threads still do is waited for
                    self.session.backend.stop_listing_tools()
                    self.plan.stop_reading()
                if not isinstance(error, UnreachableError):
                    self._cancel_all()
                raise

    def _changed_keys(self) -> Iterator[ResultKey]:
        """The results whose check, job or publication has news; waits a moment for the first."""
        with suppress(Empty):
            yield self._changed.get(timeout=POLL_INTERVAL_S)
            for _ in range(MAX_CHANGES_PER_TURN):
                yield self._changed.get_nowait()

    @property
    def _queued(self) -> int:
        """How many results are in the pool, or wait for it."""
        return len(self._checking) + len(self._planning) + len(self._publications) + len(self._postponed)

    def _begin(self, keys: Iterable[ResultKey]) -> None:
        for key in filterfalse(self._publications.begin_again, keys):
            self._fused.begin_check(key)
            self._checking[key] = self._in_pool(key, partial(self.tasks.check, key, self._restored.reader_of(key)))

    def _in_pool(self, key: ResultKey, work: Callable[[], T]) -> "Future[T]":
        future = self._pool.submit(work)
        future.add_done_callback(lambda _: self._changed.put(key))
        return future

    def _advance(self, key: ResultKey) -> Iterator[tuple[ResultKey, Result]]:
        """Take a result as far as it goes; yields it once it is published."""
        try:
            yield from self._act_on_news(key)
        except UnreachableError as error:
            if key in self._running:
                raise  # its job cannot be polled any longer, nor can the others
            self._try_later(key, error)
        except NotRunError:
            self._begin([key])  # what failed in its job is not what it is computed from, or this would not be its turn
        except BioinfoAssetsError as error:
            self._fail(key, str(error))
        except Exception as error:
            if key in self._running:
                raise  # of whoever polls, for all jobs
            self.context.log.exception("%s cannot be checked or published because of a defect", key.label)
            self._fail(key, f"defect in its check or publication: {error!r}")

    def _act_on_news(self, key: ResultKey) -> Iterator[tuple[ResultKey, Result]]:
        if key in self._checking and self._checking[key].done():
            yield from self._act_on_check(key)
        elif (decision := self._fused.pop_released(key)) is not None:
            self._plan_followers(key, decision)
        elif key in self._planning and self._planning[key].done():
            planned = self._planning.pop(key).result()
            self._submit(key, planned.decision, planned.followers)
        elif key in self._running:
            self._follow_job(key, self._running[key])
        elif self._publications.is_done(key):
            result = self._publications.pop(key)
            if result.committed.reused:
                self._cancel_ahead(key)  # they read the files that were not published
            state = JobState.CACHED if result.committed.reused else JobState.DONE
            notify(JobUpdate(key, state, result.warning, result.committed.record.data_version))
            yield key, result

    def _act_on_check(self, key: ResultKey) -> Iterator[tuple[ResultKey, Result]]:
        self._fused.end_check(key)
        checked = self._checking.pop(key).result()
        found, self._provenance[key] = checked.found, checked.provenance
        if isinstance(found, Result):
            self._cancel_ahead(key)
            yield self._reuse(key, found)
        elif isinstance(found, ReleasedInputs) and self._fused.can_take(found.decision.required_job):
            self._run(key, found.decision)  # they are on its machine
        elif isinstance(found, ReleasedInputs):
            self._cancel_ahead(key)
            self._restore(key, found.keys)
        else:
            self._run(key, found)

    def _try_later(self, key: ResultKey, error: UnreachableError) -> None:
        if not self._postponed.add(key):
            self._fail(key, self._publications.give_up(key, error))
        elif len(self._postponed) == 1:  # the others have the same cause
            self.context.log.warning("%s waits, and is checked or published again: %s", key.label, error)

    def _restore(self, reader: ResultKey, released: Collection[ResultKey]) -> None:
        """Have released results computed again, and then the one that reads their files."""
        for key in released:
            if key not in self.graph:
                self._fail(reader, reason_not_restored(key))
                return
        self._begin(self._restored.request(reader, released))

    def _follow_job(self, key: ResultKey, submitted: SubmittedJob) -> None:
        # The last lines of a job's log may arrive late: the pool waits for those of many jobs at the same time.
        if submitted.handle.is_over or submitted.handle.wait(0).state.is_over:
            del self._running[key]
            self._publications.begin(key, submitted)

    def _continue_after(self, results: Sequence[tuple[ResultKey, Result]], stored: StoredIds) -> None:
        """Start what is computed from results, now that their materializations are stored."""
        self.tasks.add_versions(results, stored)
        for key, _ in results:
            self._unblock(key, is_done=True)

    def _unblock(self, key: ResultKey, *, is_done: bool) -> None:
        for reader, has_all in self._restored.finish(key):
            if reader in self._failures:
                continue  # another result that it reads could not be computed again
            if not is_done:
                self._fail(reader, f"{key.label} could not be computed again")
            elif has_all:
                self._begin([reader])
        if key in self._finished:
            return  # it was reused before, and computed again for those readers
        unblocked = self.graph.finish(key, is_done=is_done)
        for skipped in unblocked.skipped:
            self._skipped += 1
            notify(JobUpdate(skipped, JobState.SKIPPED))
        self._finished.update((key, *unblocked.skipped))
        for sample in unblocked.complete_samples:
            self.tasks.records.forget(sample)
        self._begin(unblocked.ready)

    def _reuse(self, key: ResultKey, found: Result) -> tuple[ResultKey, Result]:
        origin = found.committed.record.copied_from
        how = f"copied from {origin}" if origin else "outputs present and unchanged"
        self.dagit.show(key, f"CACHED: {how}")
        notify(JobUpdate(key, JobState.CACHED, found.warning, found.committed.record.data_version))
        return key, found

    def _run(self, key: ResultKey, decision: ReuseDecision) -> None:
        """Run a result's job: the one that was submitted ahead of its turn, or another with those that run after it."""
        ahead = self._fused.take(decision.required_job)
        if ahead is None:
            self._cancel_ahead(key)
        if ahead is not None or key in self._finished:
            self._submit(key, decision, ahead=ahead)
        elif not self._fused.hold(key, decision):
            self._plan_followers(key, decision)

    def _plan_followers(self, key: ResultKey, decision: ReuseDecision) -> None:
        keys = self._fused.fusable(key)
        if keys:
            self._planning[key] = self._in_pool(key, partial(self.tasks.plan_followers, decision, keys))
        else:
            self._submit(key, decision)

    def _submit(
        self, key: ResultKey, decision: ReuseDecision, followers: Sequence[Job] = (), ahead: Submission | None = None
    ) -> None:
        label, watcher = self.plan.log_label(key), self.session.watcher
        callbacks = (
            lambda status: self._follow(key, status),
            lambda stream, text: self.logs.write(stream, text, label),
            lambda: self._changed.put(key),
        )
        if ahead is None:
            submitted = submit(self.session.ledger, watcher, decision, *callbacks, followers)
            self._fused.add(submitted.job, followers, submitted.submission)
        else:
            submitted = resume(watcher, decision, ahead, *callbacks)
            self._pool.submit(self.session.backend.identify, ahead.job_id, decision.fingerprint)
        self._running[key] = submitted
        notify(JobUpdate(key, JobState.PENDING))
        where = self.session.backend.name if ahead is None else "the job of the step before it"
        self.dagit.show_submission(key, f"job submitted to {where} ({decision.reason})", submitted.submission)

    def _follow(self, key: ResultKey, status: Status) -> None:
        if status.state.is_over:
            return  # the outcome is reported when the files are published
        if status.state is State.RUNNING:
            notify(JobUpdate(key, JobState.RUNNING))
        self.dagit.show_status(key, status)

    def _materialization(self, key: ResultKey, result: Result) -> dg.AssetMaterialization:
        record = result.committed.record
        self.tasks.records.add(record)
        self._done[key.asset] += 1
        for warning in record.warnings:
            self.context.log.warning("%s: %s", key.label, warning)
        return result.materialization(key, self._provenance.pop(key))

    def _finish(self) -> StepEvents:
        for asset, keys in self.plan.keys.items():
            if self._done[asset] or not keys:
                yield dg.Output(None, output_name=self.plan.output_names[asset])
        if self._failures:
            raise dg.Failure(description=failure_text(self._failures, self._skipped), allow_retries=False)

    def _fail(self, key: ResultKey, reason: str) -> None:
        self._failures[key] = reason
        self._cancel_ahead(key)
        self._provenance.pop(key, None)
        notify(JobUpdate(key, JobState.FAILED, reason))
        self.context.log.error(reason)
        self._unblock(key, is_done=False)

    def _cancel_ahead(self, key: ResultKey) -> None:
        """End the jobs that were submitted ahead for a result and for those after it."""
        cancel_ahead(self.session, self._fused.drop(key), self._pool)

    def _cancel_all(self) -> None:
        cancel_all(self.session, self._running, self._fused.drop_all())
        self._running.clear()

    def _leave_all(self, error: UnreachableError) -> NoReturn:
        """Leave the jobs running, for a later run to adopt."""
        self.session.leaves_jobs = True
        for key in self._running:
            notify(JobUpdate(key, JobState.FAILED, "left running"))
        self._running.clear()
        raise dg.Failure(description=str(error), allow_retries=False) from None
