"""Jobs on AWS Batch: each a container that fetches its script and inputs from S3 and leaves its outputs there.

`submit` only notes a job: one thread sends what has gathered, as arrays where it can. `poll` asks Batch for all jobs in
few calls and judges those that are over. Jobs outlive this process if it dies, and are taken over by the next one that
wants the same; a process that ends as it should ends its jobs.
"""

import re
import secrets
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.launch.backend import NO_OPTIONS, State, Status, Stream, Submission
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.definition import Definitions, Machine
from bioinfo_assets.launch.batch.ending import Ending
from bioinfo_assets.launch.batch.following import Follower
from bioinfo_assets.launch.batch.image import Images
from bioinfo_assets.launch.batch.limits import Limits
from bioinfo_assets.launch.batch.logs import Logs
from bioinfo_assets.launch.batch.probe import ToolsProbe
from bioinfo_assets.launch.batch.progress import OTHER_TOOLS, Progress, View, progress
from bioinfo_assets.launch.batch.submitter import Place, Submitter
from bioinfo_assets.launch.batch.tracked import CANCELLED, RunIdentity, Tracked
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.launch.options import JobOptions
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.launch.store import Store, join

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

__all__ = ["BatchBackend", "Limits", "Machine", "RunIdentity"]

LIMITS: Final = Limits()
"""Those of a user who set none."""

_AT_ONCE: Final = 16
"""Calls side by side: SubmitJob allows 50 a second in an account (AWS Batch service quotas)."""

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
        machine: Machine,
        limits: Limits = LIMITS,
        client: Client | None = None,
        logs: Logs | None = None,
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
        self._logs = logs or Logs(machine.log_group)
        definitions = Definitions(self._client, machine)
        probe = ToolsProbe(self._client, definitions, run.run_id, self._scratch, limits.poll_s)
        self._stop_probe = probe.closing.set
        self._images = Images(self._client, store, self._scratch, probe)
        place = Place(self._scratch, run, machine.scratch_volume, limits)
        self._submitter = Submitter(self._client, store, self._images, definitions, place)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="batch")
        self._ending = Ending(self._client, self._submitter.claims, run.run_id, self._pool)
        self._follower = Follower(self._client, store, limits)
        self._jobs: dict[str, Tracked] = {}
        self._came_in: list[Tracked] = []
        self._to_end: list[Tracked] = []
        self._looked_at = 0.0
        self._looking = threading.Lock()
        self._changed = threading.Condition()
        self._closed = False
        self._worker: threading.Thread | None = None

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

    def submit(self, job: Job, fingerprint: str = "") -> Submission:
        """Takes a job; it is submitted as soon as no more come in for a moment."""
        job_id = f"{job.name}.{fingerprint[:12] or 'x'}.{secrets.token_hex(4)}"
        tracked = Tracked(job_id, job, fingerprint, join(self._scratch, "jobs", job_id))
        with self._changed:
            self._jobs[job_id] = tracked
            if self._closed:
                tracked.drop("not submitted as its run ended")
            else:
                self._came_in.append(tracked)
                self._wake()
        return Submission(job_id, scratch=tracked.base, log=f"CloudWatch log group {self._log_group}")

    def poll(self, job_ids: Collection[str]) -> Mapping[str, Status]:
        """The state of each of these jobs; Batch is asked at most once in `poll_s` for all of them.

        Raises:
            KeyError: a job is not known.
            BioinfoAssetsError: Batch cannot be asked.
        """
        with self._changed:
            asked = {job_id: self._jobs[job_id] for job_id in job_ids}
        self._look_in_time()
        return {job_id: job.status for job_id, job in asked.items()}

    def cancel(self, job_id: str) -> None:
        """Ends a job; returns at once."""
        with self._changed:
            job = self._jobs.get(job_id)
            if job is not None:
                self._wish_ended(job, CANCELLED)

    def read_log(self, job_id: str, stream: Stream, offset: int) -> bytes:
        """What the job has printed on that stream since `offset` bytes, as far as CloudWatch shows it."""
        with self._changed:
            job = self._jobs[job_id]
        if not job.log_stream:
            with suppress(BioinfoAssetsError):  # whoever polls hears of it
                self._look_in_time()
        return self._logs.read(job_id, job.log_stream, stream, offset, is_over=job.is_over)

    def discard(self, job_id: str, *, keep_log: bool = False) -> None:
        """Forgets a job that is over and frees its scratch, but for package and reports where the log is kept."""
        with self._changed:
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
        with self._changed:
            if self._closed:
                return
            self._closed = True
            left = [job for job in self._jobs.values() if not job.is_over]
            for job in left:
                job.ending = job.ending or CANCELLED
            self._changed.notify_all()
        self._stop_probe()
        if self._worker is not None:
            self._worker.join()
        with self._looking:
            self._ending.end([job for job in left if job.is_submitted and not job.is_over], ())
            for job in left:
                if not job.is_over:
                    job.drop("cancelled as its run ended")
            self._pool.shutdown()
        self._submitter.close()
        self._client.close()
        self._logs.close()

    def _wish_ended(self, job: Tracked, reason: str) -> None:
        """Has the worker end a job; one that is not submitted yet is dropped by whoever has it."""
        if job.is_over or job.ending:
            return
        job.ending = reason
        if job.is_submitted:
            self._to_end.append(job)
            self._wake()

    def _wake(self) -> None:
        if self._worker is None and not self._closed:
            self._worker = threading.Thread(target=self._work, name="batch submissions", daemon=True)
            self._worker.start()
        self._changed.notify_all()

    def _work(self) -> None:
        """Submits and ends jobs, as they come in; a group whose image is looked up first holds up no other."""
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="batch submissions") as submissions:
            while not self._closed:
                came_in, ending = self._gathered()
                if came_in:
                    submissions.submit(self._submit, came_in, submissions)
                if ending:
                    self._end(ending)

    def _gathered(self) -> tuple[list[Tracked], list[Tracked]]:
        """The jobs to submit and those to end, once no more come in for a moment."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._came_in or self._to_end)
            seen = (-1, -1)
            while seen != (len(self._came_in), len(self._to_end)) and not self._closed:
                seen = len(self._came_in), len(self._to_end)
                self._changed.wait(self._limits.gather_s)
            came_in, self._came_in = self._came_in, []
            ending, self._to_end = self._to_end, []
            return ([], []) if self._closed else (came_in, ending)

    def _submit(self, jobs: Sequence[Tracked], submissions: Executor) -> None:
        with self._defects_end(jobs):
            for group in self._submitter.groups(jobs):
                if not self._closed:
                    submissions.submit(self._submit_group, group)
        self._handed_over(jobs)

    def _submit_group(self, jobs: Sequence[Tracked]) -> None:
        with self._defects_end(jobs):
            self._submitter.submit(jobs)
        self._handed_over(jobs)

    def _handed_over(self, jobs: Sequence[Tracked]) -> None:
        """From here on Batch is asked for the jobs that were submitted; some may have been cancelled meanwhile."""
        with self._changed:
            submitted = [job for job in jobs if job.is_submitted]
            self._ending.answer_for(submitted)
            self._to_end += [job for job in submitted if job.ending]
            self._changed.notify_all()

    def _end(self, jobs: Sequence[Tracked]) -> None:
        with self._changed:
            going_on = [job for job in self._jobs.values() if job.is_submitted and not (job.is_over or job.ending)]
        failed = self._ending.end([job for job in jobs if job.is_submitted and not job.is_over], going_on)
        with self._changed:
            if failed and not self._closed:
                self._changed.wait(self._limits.poll_s)
            self._to_end += failed

    def _look_in_time(self) -> None:
        """Looks at all jobs, unless that was done a moment ago or another thread is at it."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            with self._changed:
                if self._closed or time.monotonic() - self._looked_at < self._limits.poll_s:
                    return
                self._looked_at = time.monotonic()
                jobs = [job for job in self._jobs.values() if job.is_submitted and not job.is_over]
            if jobs:
                list(self._pool.map(lambda found: self._attend(*found), self._follower.look(jobs)))
        finally:
            self._looking.release()

    def _attend(self, job: Tracked, detail: "JobDetailTypeDef | None") -> None:
        """Sees to one job; what goes wrong there is that job's alone."""
        try:
            seen = self._follower.seen(job, detail)
            job.errors = 0
            if seen is not None:
                view = View(self._client.region, self._log_group, self._limits)
                self._settle(job, progress(job, seen, view))
        except BioinfoAssetsError as error:
            job.errors += 1
            if job.errors == _ERRORS_BORNE:
                job.fail(f"step {job.job.step} of {job.job.subject} was lost: {error}", Outcome.LOST)
        except Exception as error:  # noqa: BLE001 - a defect must end its job, which would else be waited for for ever
            job.fail(f"defect in the batch backend: {error!r}")

    def _settle(self, job: Tracked, now: Progress) -> None:
        """Writes down what others need of a job's end, then tells it."""
        if now.status.state is State.FAILED:
            self._submitter.keep_spent(job, job.spent + now.attempts, now.status.reason)
            if OTHER_TOOLS in now.status.reason:
                self._images.forget(job.job.options)
        with self._changed:
            if job.is_over:
                return  # closed meanwhile
            job.log_stream = now.log_stream or job.log_stream
            job.status = now.status
            job.spent += now.attempts
            if now.ending:
                self._wish_ended(job, now.ending)
            if now.memory_mib:
                job.job = replace(job.job, resources=Resources(job.job.resources.cpus, now.memory_mib))
                job.batch_id, job.is_submitted = "", False
                self._came_in.append(job)
                self._wake()

    @contextmanager
    def _defects_end(self, jobs: Sequence[Tracked]) -> Iterator[None]:
        """Jobs that met a defect before they were submitted would else be waited for for ever."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - as above
            for job in jobs:
                if not (job.is_submitted or job.is_over or self._closed):
                    job.fail(f"defect in the batch backend: {error!r}")
