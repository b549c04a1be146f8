"""Jobs on AWS Batch: each a container that fetches its script and inputs from S3 and leaves its outputs there.

`submit` only notes a job: one thread sends what has gathered, as arrays where it can. `poll` asks Batch for all jobs in
few calls and judges those that are over. Jobs outlive this process if it dies, and are taken over by the next one that
wants the same; a process that ends as it should ends its jobs.
"""

import re
import secrets
import threading
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.launch.backend import NO_OPTIONS, State, Status, Stream, Submission
from bioinfo_assets.launch.batch.batch_job import CANCELLED, BatchJob, RunIdentity
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.cloudwatch_logs import CloudWatchLogs
from bioinfo_assets.launch.batch.dispatch import AT_ONCE, Dispatcher
from bioinfo_assets.launch.batch.images import Images
from bioinfo_assets.launch.batch.job_definition import JobDefinitions, MachineConfig
from bioinfo_assets.launch.batch.limits import Limits
from bioinfo_assets.launch.batch.poller import JobPoller
from bioinfo_assets.launch.batch.progress import OTHER_TOOLS, PollContext, Progress, progress
from bioinfo_assets.launch.batch.submitter import SubmissionContext, Submitter
from bioinfo_assets.launch.batch.terminator import JobTerminator
from bioinfo_assets.launch.batch.tool_probe import ToolsProbe
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.storage.store import Store, join

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

__all__ = ["BatchBackend", "Limits", "MachineConfig", "RunIdentity"]

LIMITS: Final = Limits()
"""Those of a user who set none."""

_ERRORS_BORNE: Final = 5
"""Looks in a row at which a job's own account cannot be read, until the job is given up."""

_PLACE: Final = re.compile(r"s3://[a-z0-9.-]+(/[A-Za-z0-9!_.()=+@,-]+)*/?")
"""A scratch whose name no tool takes for a pattern."""


class BatchBackend:
    """Runs jobs on AWS Batch.

    Args:
        scratch: The `s3://` prefix in which jobs work; a rule of the bucket may remove what is older than any run.
        store: Where inputs come from.
        run: The run that jobs belong to.
        machine: What job definitions say of the machines.
        limits: How much, how long.
        client: To Batch.
        logs: Of the jobs.

    Raises:
        InputError: the scratch is no place in S3.
    """

    name: Final = "batch"

    def __init__(
        self,
        scratch: str,
        store: Store,
        run: RunIdentity,
        machine: MachineConfig,
        limits: Limits = LIMITS,
        client: Client | None = None,
        logs: CloudWatchLogs | None = None,
    ) -> None:
        if not _PLACE.fullmatch(scratch):
            raise InputError(
                f"{scratch} is no place that jobs on AWS Batch can work in: set scratch to s3://BUCKET/FOLDER, without "
                "spaces or signs such as * and ?"
            )
        self._scratch = scratch.rstrip("/")
        self._store = store
        self._limits = limits
        self._log_group = machine.log_group
        self._client = client or Client()
        self._logs = logs or CloudWatchLogs(machine.log_group)
        definitions = JobDefinitions(self._client, machine)
        probe = ToolsProbe(self._client, definitions, run.run_id, self._scratch, limits.poll_s)
        self._stop_probe = probe.closing.set
        self._images = Images(self._client, store, self._scratch, probe)
        place = SubmissionContext(self._scratch, run, machine.scratch_volume, limits)
        self._submitter = Submitter(self._client, store, self._images, definitions, place)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="batch")
        self._ending = JobTerminator(self._client, self._submitter.claims, run.run_id, self._pool)
        self._dispatcher = Dispatcher(self._submitter, self._ending, limits, self._going_on)
        self._lock = self._dispatcher.lock
        self._follower = JobPoller(self._client, store, limits)
        self._jobs: dict[str, BatchJob] = {}
        self._looked_at = 0.0
        self._looking = threading.Lock()

    @property
    def interval_s(self) -> float:
        """Seconds from one look at the jobs to the next."""
        return self._limits.poll_s

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        """The versions of these tools in the image of jobs with these options.

        Raises:
            ResourceError: the image has no such tool.
        """
        return self._images.versions(tools, options)

    def known_tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str] | None:  # noqa: ARG002
        """Return None: the list of an image's tools is not looked up without a job yet."""
        return None

    def submit(self, job: Job, fingerprint: str = "") -> Submission:
        """Takes a job; it is submitted as soon as no more come in for a moment."""
        job_id = f"{job.name}.{fingerprint[:12] or 'x'}.{secrets.token_hex(4)}"
        tracked = BatchJob(job_id, job, fingerprint, join(self._scratch, "jobs", job_id))
        with self._lock:
            self._jobs[job_id] = tracked
            self._dispatcher.submit(tracked)
        return Submission(job_id, scratch=tracked.base, log=f"CloudWatch log group {self._log_group}")

    def poll(self, job_ids: Collection[str]) -> Mapping[str, Status]:
        """The state of each of these jobs; Batch is asked at most once in `poll_s` for all of them.

        Raises:
            KeyError: a job is not known.
            BioinfoAssetsError: Batch cannot be asked.
        """
        with self._lock:
            asked = {job_id: self._jobs[job_id] for job_id in job_ids}
        self._look_in_time()
        return {job_id: job.status for job_id, job in asked.items()}

    def cancel(self, job_id: str) -> None:
        """Ends a job; returns at once."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is not None:
                self._dispatcher.end(job, CANCELLED)

    def read_log(self, job_id: str, stream: Stream, offset: int) -> bytes:
        """What the job has printed on that stream since `offset` bytes, as far as CloudWatch shows it."""
        with self._lock:
            job = self._jobs[job_id]
        if not job.log_stream:
            with suppress(BioinfoAssetsError):  # whoever polls hears of it
                self._look_in_time()
        return self._logs.read(job_id, job.log_stream, stream, offset, is_over=job.is_over)

    def discard(self, job_id: str, *, keep_log: bool = False) -> None:
        """Forgets a job that is over and frees its scratch, but for package and reports where the log is kept."""
        with self._lock:
            job = self._jobs[job_id]
            if not job.is_over:
                raise ValueError(f"job {job_id} is not over and cannot be discarded")
            del self._jobs[job_id]
        self._logs.forget(job_id)
        if not self._ending.is_ours(job):
            return  # another run waits for it
        self._store.delete_all(job.base, except_named="report.tar" if keep_log else "")
        if not keep_log:
            self._submitter.give_up(job)

    def close(self) -> None:
        """Ends whatever still runs."""
        with self._lock:
            if self._dispatcher.is_closed:
                return
            left = [job for job in self._jobs.values() if not job.is_over]
            for job in left:
                job.ending = job.ending or CANCELLED
            self._dispatcher.is_closed = True
        self._stop_probe()
        self._dispatcher.close()
        with self._looking:
            self._ending.end([job for job in left if job.is_submitted and not job.is_over], ())
            for job in left:
                if not job.is_over:
                    job.drop("cancelled as its run ended")
            self._pool.shutdown()
        self._submitter.close()
        self._client.close()
        self._logs.close()

    def _going_on(self) -> list[BatchJob]:
        return [job for job in self._jobs.values() if job.is_submitted and not (job.is_over or job.ending)]

    def _look_in_time(self) -> None:
        """Looks at all jobs, unless that was done a moment ago or another thread is at it."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            with self._lock:
                if self._dispatcher.is_closed or time.monotonic() - self._looked_at < self._limits.poll_s:
                    return
                self._looked_at = time.monotonic()
                jobs = [job for job in self._jobs.values() if job.is_submitted and not job.is_over]
            if jobs:
                list(self._pool.map(lambda found: self._attend(*found), self._follower.look(jobs)))
        finally:
            self._looking.release()

    def _attend(self, job: BatchJob, detail: "JobDetailTypeDef | None") -> None:
        """Sees to one job; what goes wrong there is that job's alone."""
        try:
            seen = self._follower.seen(job, detail)
            job.errors = 0
            if seen is not None:
                view = PollContext(self._client.region, self._log_group, self._limits)
                self._settle(job, progress(job, seen, view))
        except BioinfoAssetsError as error:
            job.errors += 1
            if job.errors == _ERRORS_BORNE:
                job.fail(f"step {job.job.key.label} was lost: {error}", Outcome.LOST)
        except Exception as error:  # noqa: BLE001 - a defect must end its job, which would else be waited for for ever
            job.fail(f"defect in the batch backend: {error!r}")

    def _settle(self, job: BatchJob, now: Progress) -> None:
        """Writes down what others need of a job's end, then tells it."""
        if now.status.state is State.FAILED:
            self._submitter.keep_spent(job, job.spent + now.attempts, now.status.reason)
            if OTHER_TOOLS in now.status.reason:
                self._images.forget(job.job.options)
        with self._lock:
            if job.is_over:
                return  # closed meanwhile
            job.log_stream = now.log_stream or job.log_stream
            job.status = now.status
            job.spent += now.attempts
            if now.ending:
                self._dispatcher.end(job, now.ending)
            if now.memory_mib:
                job.job = replace(job.job, resources=Resources(job.job.resources.cpus, now.memory_mib))
                job.batch_id, job.is_submitted = "", False
                self._dispatcher.submit(job)
