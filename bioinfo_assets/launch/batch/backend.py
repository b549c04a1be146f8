"""Jobs on AWS Batch: each a container that fetches its script and inputs from S3 and uploads its outputs there.

`submit` only queues a job: one thread submits what has been collected, as arrays if it can. `poll` describes all jobs
in a few calls and classifies those that have ended. Jobs outlive this process if it dies, and are adopted by the next
one with the same fingerprints; a process that ends normally terminates its jobs.
"""

import logging
import secrets
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.launch.backend import (
    NO_OPTIONS,
    IsPublished,
    Outcome,
    State,
    Status,
    Stream,
    Submission,
    never_published,
)
from bioinfo_assets.launch.batch.attempt_report import ProblemCode
from bioinfo_assets.launch.batch.batch_job import BatchJob, RunIdentity
from bioinfo_assets.launch.batch.classify_outcome import CANCELLED
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.cloudwatch_logs import CloudWatchLogs
from bioinfo_assets.launch.batch.config import BatchConfig, stretch_interval
from bioinfo_assets.launch.batch.dispatch import MAX_CONCURRENT_CALLS, Dispatcher, JobTerminator
from bioinfo_assets.launch.batch.images import Images, ToolProbe
from bioinfo_assets.launch.batch.job_definition import JobDefinitions
from bioinfo_assets.launch.batch.job_parts import joinable
from bioinfo_assets.launch.batch.poller import JobPoller, Progress, progress
from bioinfo_assets.launch.batch.queue_wait import QueueWait
from bioinfo_assets.launch.batch.scratch_paths import REPORT, ScratchPaths
from bioinfo_assets.launch.batch.submitter import Submitter
from bioinfo_assets.launch.job import Job, JobOptions
from bioinfo_assets.storage.store import Store

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

__all__ = ["BatchBackend", "BatchConfig", "RunIdentity"]

_log = logging.getLogger(__name__)

DEFAULTS: Final = BatchConfig()
"""The settings of a user who sets none."""


class BatchBackend:
    """Runs jobs on AWS Batch.

    Args:
        scratch: The `s3://` prefix in which jobs work; a lifecycle rule of the bucket may delete what is older than any
            run.
        store: Reads inputs.
        run: The run that jobs belong to.
        config: The settings of AWS Batch.
        client: Client for Batch.
        logs: Logs of the jobs.

    Raises:
        InputError: the scratch prefix is not in S3.
    """

    name: Final = "batch"
    moves_files: Final = True

    def __init__(
        self,
        scratch: str,
        store: Store,
        run: RunIdentity,
        config: BatchConfig = DEFAULTS,
        client: Client | None = None,
        logs: CloudWatchLogs | None = None,
    ) -> None:
        self.job_ended: Final = threading.Event()
        self._paths = ScratchPaths(scratch)
        self._store = store
        self._config = config
        self._client = client or Client()
        self._logs = logs or CloudWatchLogs(config.log_group)
        definitions = JobDefinitions(self._client, config)
        self._queue_wait = QueueWait(self._client, config)
        self._probe = ToolProbe(
            self._client, definitions, self._queue_wait, run.run_id, self._paths.root, config.poll_interval_s
        )
        self._images = Images(self._client, store, self._paths, self._probe)
        self._submitter = Submitter(self._client, store, self._images, definitions, self._paths, run, config)
        self._pool = ThreadPoolExecutor(MAX_CONCURRENT_CALLS, thread_name_prefix="batch")
        self._terminator = JobTerminator(self._client, self._submitter.claims, run.run_id, self._pool)
        self._dispatcher = Dispatcher(self._submitter, self._terminator, config, self._list_continuing)
        self._lock = self._dispatcher.lock
        self._poller = JobPoller(self._client, store, config)
        self._jobs: dict[str, BatchJob] = {}
        self._parts: dict[str, tuple[BatchJob, int]] = {}
        self._polled_at = 0.0
        self._poll_lock = threading.Lock()

    @property
    def interval_s(self) -> float:
        """Seconds between two polls."""
        return self._config.poll_interval_s

    @property
    def poll_error_timeout_s(self) -> float:
        """Seconds for which AWS may refuse or not answer."""
        return self._config.poll_error_timeout_s

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        """Return the versions of tools in the image of jobs with these options; this may start a job.

        Raises:
            ResourceError: the image lacks one of the tools, or its tools cannot be listed.
        """
        return self._images.tool_versions(tools, options)

    def known_tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str] | None:
        """Return the versions of tools if they are known without starting a job, else None.

        Raises:
            ResourceError: the image lacks one of the tools.
        """
        return self._images.known_tool_versions(tools, options)

    def submit(
        self,
        job: Job,
        fingerprint: str = "",
        is_published: IsPublished = never_published,
        followers: Sequence[Job] = (),
    ) -> Submission:
        """Queue a job; it is submitted once no more arrive for `batching_delay_s`.

        Followers run in the same container, so the first one with another image or queue is not submitted with it.
        """
        job_id = f"{job.name}.{fingerprint[:12] or 'x'}.{secrets.token_hex(4)}"
        folder, log = self._paths.job_folder(job_id), f"CloudWatch log group {self._config.log_group}"
        batch_job = BatchJob(job_id, job, fingerprint, folder, is_published, joinable(job, followers))
        ids = [job_id, *(f"{job_id}+{part}" for part in range(1, len(batch_job.parts.jobs)))]
        with self._lock:
            self._jobs[job_id] = batch_job
            self._parts.update({own: (batch_job, part) for part, own in enumerate(ids)})
            self._dispatcher.submit(batch_job)
        return Submission(job_id, folder, log, tuple(Submission(own, folder, log) for own in ids[1:]))

    def identify(self, job_id: str, fingerprint: str) -> None:
        """Claim the fingerprint of a follower, by which a later run takes over its job if this process dies."""
        with self._lock:
            job, part = self._parts.get(job_id, (None, 0))
        if job is not None:
            self._submitter.claim_part(job, part, fingerprint)

    def can_adopt(self, fingerprint: str) -> bool:
        """Whether a job of an earlier process with this fingerprint waits or runs, or has left all its outputs."""
        return self._submitter.can_adopt(fingerprint)

    def poll(self, job_ids: Collection[str]) -> Mapping[str, Status]:
        """Return the status of jobs; Batch is called at most once in a poll interval for all of them.

        Raises:
            KeyError: a job is not known.
            BioinfoAssetsError: Batch cannot be reached or refuses.
        """
        with self._lock:
            parts = {job_id: self._parts[job_id] for job_id in job_ids}
        self._poll_if_due()
        return {job_id: job.parts.status(part, job.state.status) for job_id, (job, part) in parts.items()}

    def cancel(self, job_id: str) -> None:
        """Have a job terminated; returns at once."""
        with self._lock:
            job, part = self._parts.get(job_id, (None, 0))
            if job is not None:
                job.parts.cancel(part)
                if job.parts.is_cancelled_now and not job.parts.status(part, job.state.status).state.is_over:
                    self._dispatcher.terminate(job, CANCELLED)

    def read_log(self, job_id: str, stream: Stream, offset: int) -> bytes:
        """Return what the job has printed on that stream since `offset` bytes, as far as CloudWatch shows it."""
        with self._lock:
            job, part = self._parts[job_id]
        if not job.state.log_stream:
            with suppress(BioinfoAssetsError):  # `poll` reports it
                self._poll_if_due()
        state = job.state
        is_over = job.parts.status(part, state.status).state.is_over
        number = job.parts.first + part
        return self._logs.read(job_id, state.log_stream, stream, offset, is_over=is_over, part=number)

    def stop_listing_tools(self) -> None:
        """End the jobs that list the tools of images; whoever waits for one gets an error."""
        self._probe.closing.set()

    def end_claim(self, job_id: str) -> None:
        """Do nothing: whoever computes the result adopts the job, which has left its outputs."""

    def discard(self, job_id: str, *, keep_log: bool = False) -> None:
        """Forget a job that is over and free its scratch; to keep the log, package and reports are kept.

        The scratch of a job with several parts is freed with the last of them: another attempt may need it.
        """
        with self._lock:
            job, part = self._parts[job_id]
            if not job.parts.status(part, job.state.status).state.is_over:
                raise ValueError(f"job {job_id} is not over and cannot be discarded")
            del self._parts[job_id]
            is_last = job.parts.discard(part, keep_log=keep_log)
            if is_last:
                del self._jobs[job.job_id]
        self._logs.forget(job_id)
        if is_last:
            try:
                self._free_scratch(job)
            except BioinfoAssetsError as error:  # how the job ended is known, and does not depend on it
                _log.warning("the scratch of job %s could not be freed: %s", job_id, error)

    def _free_scratch(self, job: BatchJob) -> None:
        if not self._terminator.is_ours(job):
            return
        marks = self._store.list(self._paths.parts_of(job.state.folder)) if job.parts.are_several else ()
        if job.parts.keeps_log:
            self._store.delete_all(job.state.folder, except_named=REPORT)
            self._store.delete_many(marks)
        else:
            files = self._store.list(job.state.folder, recursive=True)
            self._store.delete_many([*files, *marks, *self._submitter.files_of(job)])

    def close(self, *, leave_jobs: bool = False) -> None:
        """Terminate the jobs that are not over unless they are to be left, and stop all threads."""
        with self._lock:
            if self._dispatcher.is_closed:
                return
            remaining = [job for job in self._jobs.values() if not job.state.is_over]
            if not leave_jobs:
                for job in remaining:
                    job.request_termination(CANCELLED)
            self._dispatcher.is_closed = True
        self.stop_listing_tools()
        self._dispatcher.close()
        with self._poll_lock:
            if not leave_jobs:
                self._terminator.terminate_at_end([job for job in remaining if job.state.is_active])
            for job in remaining:
                job.cancel("left running" if leave_jobs else "cancelled because its run is ending")
            self._pool.shutdown()
        self._submitter.close()
        self._client.close()
        self._logs.close()

    def _list_continuing(self) -> list[BatchJob]:
        return [job for job in self._jobs.values() if job.state.is_active and not job.state.termination_reason]

    def _poll_if_due(self) -> None:
        """Poll all jobs, unless that was done a moment ago or another thread is doing it."""
        if not self._poll_lock.acquire(blocking=False):
            return
        try:
            with self._lock:
                interval_s = stretch_interval(self._config.poll_interval_s, len(self._jobs))
                if self._dispatcher.is_closed or time.monotonic() - self._polled_at < interval_s:
                    return
                self._polled_at = time.monotonic()
                jobs = [job for job in self._jobs.values() if job.state.is_active]
            if jobs:
                news = self._poller.with_done_parts(jobs, self._paths)
                list(self._pool.map(lambda item: self._finish_parts(*item), news))
                self._cancel_unwanted(jobs)
                list(self._pool.map(lambda item: self._poll_job(*item), self._poller.describe(jobs)))
        finally:
            self._poll_lock.release()

    def _cancel_unwanted(self, jobs: Sequence[BatchJob]) -> None:
        """Terminate the jobs whose part that is not wanted has begun."""
        with self._lock:
            for job in jobs:
                if job.parts.are_several and job.parts.is_cancelled_now:
                    self._dispatcher.terminate(job, CANCELLED)

    def _finish_parts(self, job: BatchJob, detail: "JobDetailTypeDef | None") -> None:
        with self._errors_of(job):
            self._poller.finish_parts(job, detail, self._paths)

    def _poll_job(self, job: BatchJob, detail: "JobDetailTypeDef | None") -> None:
        with self._errors_of(job):
            if job.parts.are_several:
                snapshot = self._poller.part_snapshot(job, detail, self._paths)
            else:
                snapshot = self._poller.snapshot(job.submission, detail)
            if snapshot is not None:
                give_up = self._queue_wait.reason_to_give_up(snapshot.detail) if snapshot.detail is not None else ""
                state = replace(job.state, job=job.parts.current_job(job.state.job))
                self._advance(job, progress(state, snapshot, self._client.region, self._config, give_up))

    @contextmanager
    def _errors_of(self, job: BatchJob) -> Iterator[None]:
        """An error in polling a job ends that job alone."""
        try:
            yield
        except BioinfoAssetsError as error:
            if (
                job.note_problem(f"its report cannot be read for the moment: {error}")
                >= self._config.poll_error_timeout_s
            ):
                job.fail(f"step {job.state.job.key.label} was lost: {error}", Outcome.LOST)
        except Exception as error:  # noqa: BLE001 - a defect must end its job, which would be waited for otherwise
            job.fail(f"defect in the batch backend: {error!r}")

    def _advance(self, job: BatchJob, new: Progress) -> None:
        """Write down what other processes need of a failure, then enter the new state."""
        if new.status.state is State.FAILED:
            self._submitter.record_failure(job, job.state.spent + new.attempts, new.status.reason)
            if new.problem_code is ProblemCode.TOOLS_CHANGED:
                self._images.forget(job.state.job.options)
        with self._lock:
            if not job.update(new.status, new.log_stream, new.attempts, new.times):
                return  # ended by `close` meanwhile
            if new.termination_reason:
                self._dispatcher.terminate(job, new.termination_reason)
            if new.resubmission is not None:
                job.resubmit(new.resubmission, self._paths.job_folder(job.job_id))
                self._dispatcher.submit(job)
