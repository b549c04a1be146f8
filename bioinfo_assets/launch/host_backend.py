"""What backends of this machine have in common, be their jobs processes or containers: queue, staging, cancellation."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.launch.backend import (
    LOCAL_POLL_ERROR_TIMEOUT_S,
    IsPublished,
    Outcome,
    State,
    Status,
    Stream,
    Submission,
    never_published,
)
from bioinfo_assets.launch.fused import fused_resources, not_run, unpublished_outputs
from bioinfo_assets.launch.host_job import WAITING, HostJob, NotStartedError, ProcessExit, RunningScript, final_status
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.launch.machine_limits import available_cpus, available_memory_mib
from bioinfo_assets.launch.machine_share import MachineShare, machine_folder
from bioinfo_assets.launch.resource_pool import ResourcePool
from bioinfo_assets.launch.scratch import Attempt, HostScratch, new_attempt, remove_folder
from bioinfo_assets.launch.script import render
from bioinfo_assets.launch.transfer import link_outputs, stage
from bioinfo_assets.storage.atomic import translate_disk_errors
from bioinfo_assets.storage.store import Store

_CLOSE_TIMEOUT_S: Final = 30.0
_MACHINE_INTERVAL_S: Final = 0.25
"""Seconds after which a job asks again for resources that the jobs of other runs held."""

_STAGING: Final = Status(State.QUEUED, "staging its inputs")
_WAITING_FOR_OTHERS: Final = Status(State.QUEUED, "queued: other runs use the CPUs or memory of this machine")
_COMPUTED_BY_ANOTHER: Final = Status(State.QUEUED, "queued: another run on this machine computes its result")
_PUBLISHED: Final = Status(State.CANCELLED, "another run has published its result", outcome=Outcome.NOT_RUN)
_WAITING_IN_TURN: Final = Status(State.QUEUED, "queued: runs after the step before it, in the same job")
_CANCELLED: Final = Status(State.CANCELLED, "cancelled before it started", outcome=Outcome.KILLED)


class HostBackend(ABC):
    """Runs jobs on this machine; subclasses implement how a script is started (`_start`).

    Jobs are started in the order of their submission, as CPUs and memory become free. While another run of this machine
    computes a job's result, others overtake it. No job outlives the process that holds this object, however that ends.

    Args:
        scratch: The folder for attempts; as large as the inputs, outputs and temporary files of running jobs.
        store: Where inputs come from.
        cpus: How many CPUs jobs share; all of this machine's if None.
        memory_mib: How much memory they share; all of it if None.
    """

    interval_s: Final = 0.1
    poll_error_timeout_s: Final = LOCAL_POLL_ERROR_TIMEOUT_S
    moves_files: Final = False

    def __init__(self, scratch: Path, store: Store, cpus: int | None, memory_mib: int | None) -> None:
        self.job_ended: Final = threading.Event()
        self._scratch = scratch.absolute()
        self._store = store
        self._pool = ResourcePool(cpus=cpus or available_cpus(), memory_mib=memory_mib or available_memory_mib())
        self._share = MachineShare(
            max(self._pool.cpus, available_cpus()), max(self._pool.memory_mib, available_memory_mib()), machine_folder()
        )
        self._set_aside: dict[str, HostJob] = {}
        self._retry: threading.Timer | None = None
        self._changed = threading.Condition()
        self._jobs: dict[str, HostJob] = {}
        self._host: HostScratch | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """The backend's name in settings and messages."""

    def _prepare(self, job: HostJob) -> None:  # noqa: B027 - processes need no preparation
        """Provide what a job needs in addition to its inputs; return early if it is cancelled."""

    @abstractmethod
    def _start(self, job: HostJob) -> RunningScript:
        """Start the script in its attempt's working folder, in which its inputs are staged."""

    def submit(
        self,
        job: Job,
        fingerprint: str = "",  # noqa: ARG002 - its jobs end with it
        is_published: IsPublished = never_published,
        followers: Sequence[Job] = (),
    ) -> Submission:
        """Queue a job, which starts as soon as there are resources for it, and for those that run after it.

        Raises:
            ResourceError: it needs more memory than the pool has, or the disk is full.
            InputError: the folder that the runs of this machine share cannot be written to.
        """
        granted = self._pool.clamp(replace(job, resources=fused_resources([job, *followers])))
        first, *later = [
            HostJob(own, self._new_attempt(own), granted, unpublished=unpublished_outputs(own, followers[number:]))
            for number, own in enumerate([job, *followers])
        ]
        first.followers, first.is_published = tuple(later), is_published
        for follower in later:
            follower.status = _WAITING_IN_TURN
        with self._changed:
            self._share.open()
            self._jobs.update({own.job_id: own for own in (first, *later)})
            self._pool.enqueue(first.job_id, job.key.scope, granted)
            self._start_admitted()
        return first.submission

    def _new_attempt(self, job: Job) -> Attempt:
        attempt = new_attempt(self._own_scratch().root, job)
        with translate_disk_errors(self._scratch):
            attempt.script.write_text(render(job), encoding="utf-8")
        return attempt

    def identify(self, job_id: str, fingerprint: str) -> None:  # noqa: B027 - nothing has to be done
        """Do nothing: its jobs end with it."""

    def can_adopt(self, fingerprint: str) -> bool:  # noqa: ARG002 - its jobs end with it
        """Answer no: its jobs end with it."""
        return False

    def poll(self, job_ids: Collection[str]) -> Mapping[str, Status]:
        """Return the present status of each of these jobs; costs no system call."""
        with self._changed:
            return {job_id: self._jobs[job_id].status for job_id in job_ids}

    def cancel(self, job_id: str) -> None:
        """End a job and every process it started: SIGTERM, two seconds, SIGKILL. Return at once.

        The jobs that run after it end with it.
        """
        with self._changed:
            job = self._jobs.get(job_id)
            if job is None or job.status.state.is_over:
                return
            job.is_cancelled = True
            if job.script is not None:
                job.script.terminate()
            elif self._pool.is_waiting(job_id) or job_id in self._set_aside:
                self._finish(job, job.followers, _CANCELLED)
                self._release(job_id)

    def read_log(self, job_id: str, stream: Stream, offset: int) -> bytes:
        """Return what the job has printed on that stream from `offset` bytes on."""
        with self._changed:
            attempt = self._jobs[job_id].attempt
        path = attempt.stdout if stream is Stream.STDOUT else attempt.stderr
        with path.open("rb") as file:
            file.seek(offset)
            return file.read()

    def stop_listing_tools(self) -> None:  # noqa: B027 - nothing has to be done
        """Do nothing: no job lists them."""

    def end_claim(self, job_id: str) -> None:
        """Let other runs of this machine compute a job's result."""
        with self._changed:
            self._share.end_claim(job_id)

    def discard(self, job_id: str, *, keep_log: bool = False) -> None:
        """Forget a finished job and free its scratch; with `keep_log`, its script, logs and report stay."""
        with self._changed:
            job = self._jobs[job_id]
            if not job.status.state.is_over:
                raise ValueError(f"job {job_id} is not over and cannot be discarded")
            del self._jobs[job_id]
            self._share.end_claim(job_id)
        for folder in (job.attempt.work, job.attempt.tmp) if keep_log else (job.attempt.root,):
            remove_folder(folder)

    def close(self, *, leave_jobs: bool = False) -> None:  # noqa: ARG002 - its jobs end with this process
        """End all running jobs and free the inputs that jobs shared."""
        with self._changed:
            job_ids = list(self._jobs)
        for job_id in reversed(job_ids):  # from the end of the queue, so that no waiting job is started meanwhile
            self.cancel(job_id)
        with self._changed:
            self._changed.wait_for(
                lambda: all(job.status.state.is_over for job in self._jobs.values()), _CLOSE_TIMEOUT_S
            )
            self._share.close()
            host, self._host = self._host, None
        if host is not None:
            host.close()

    def _own_scratch(self) -> HostScratch:
        with self._changed:
            if self._host is None:
                self._host = HostScratch(self._scratch)
            return self._host

    def _report_progress(self, job: HostJob, message: str) -> bool:
        """Set what a queued job is waiting for; return False once it is cancelled."""
        with self._changed:
            job.status = Status(State.QUEUED, message)
            return not job.is_cancelled

    def _start_admitted(self) -> None:
        """Start the jobs for which there are resources; if the machine cannot be asked now, it is in a moment."""
        try:
            while (job_id := self._next_admitted()) is not None:
                self._start_thread(self._jobs[job_id])
        except (BioinfoAssetsError, OSError) as error:
            if self._pool.waiting is not None:
                self._jobs[self._pool.waiting].status = Status(State.QUEUED, f"queued: {error}")
            self._ask_later()
        if self._pool.waiting is None:
            self._share.stop_waiting()

    def _start_thread(self, job: HostJob) -> None:
        job.status = _STAGING
        try:
            threading.Thread(target=self._run, args=(job,), name=job.job_id, daemon=True).start()
        except RuntimeError as error:  # the limit of processes: no thread could wait for it either
            reason = f"step {job.job.key.label} cannot be started ({error}): raise the limit of processes (ulimit -u)"
            self._finish(job, job.followers, Status(State.FAILED, reason, outcome=Outcome.FAILED))
            self._pool.release(job.job_id)
            self._share.release(job.job_id)

    def _next_admitted(self) -> str | None:
        """The first job in the queue whose result no other run computes, if there are resources for it."""
        while (job_id := self._pool.waiting) is not None and not self._share.claim(self._jobs[job_id].results):
            self._pool.release(job_id)
            self._jobs[job_id].status = _COMPUTED_BY_ANOTHER
            self._set_aside[job_id] = self._jobs[job_id]
            self._ask_later()
        return self._pool.next_admitted(self._may_hold)

    def _may_hold(self, job_id: str, resources: Resources) -> bool:
        """Whether a job gets resources that the runs of this machine share; if not, it asks again in a moment."""
        if self._share.try_hold(job_id, resources):
            return True
        self._jobs[job_id].status = _WAITING_FOR_OTHERS
        self._ask_later()
        return False

    def _ask_later(self) -> None:
        if self._retry is None:
            self._retry = threading.Timer(_MACHINE_INTERVAL_S, self._ask_again)
            self._retry.daemon = True
            self._retry.start()

    def _ask_again(self) -> None:
        with self._changed:
            self._retry = None
            set_aside, self._set_aside = self._set_aside, {}
            for job_id, job in set_aside.items():
                job.status = WAITING
                self._pool.enqueue(job_id, job.job.key.scope, job.granted)
            self._start_admitted()

    def _finish(self, job: HostJob, followers: Sequence[HostJob], status: Status) -> None:
        """End a job; if it has not succeeded, those after it too, and others may compute all their results."""
        job.script, job.status = None, status
        if status.state is not State.SUCCEEDED:
            for follower in followers:
                follower.status = not_run(job.job)
            for own in (job, *followers):
                self._share.end_claim(own.job_id)
        self._changed.notify_all()
        self.job_ended.set()

    def _release(self, job_id: str) -> None:
        self._set_aside.pop(job_id, None)
        self._pool.release(job_id)
        self._share.release(job_id)
        self._start_admitted()

    def _run(self, first: HostJob) -> None:
        """Run an admitted job and its followers, in a thread of their own, of which there are no more than CPUs."""
        jobs = [first, *first.followers]
        for number, job in enumerate(jobs, start=1):
            status = self._run_one(job, jobs[number:])
            with self._changed:
                self._finish(job, jobs[number:], status)
            if status.state is not State.SUCCEEDED:
                break
        with self._changed:
            self._release(first.job_id)

    def _run_one(self, job: HostJob, followers: Sequence[HostJob]) -> Status:
        """Run a job to its end, and give its outputs to those after it before whoever waits for it can move them."""
        try:
            if job.is_published():
                return _PUBLISHED
            process_exit = self._run_script(job)
            if process_exit is None:
                return _CANCELLED
            status = final_status(job, process_exit)
            if status.state is State.SUCCEEDED:
                for follower in followers:
                    link_outputs(job.job, job.attempt, follower.job, follower.attempt)
                    follower.submitted = time.monotonic()
        except NotStartedError as error:
            status = Status(State.FAILED, str(error), outcome=error.outcome)
        except BioinfoAssetsError as error:
            status = Status(State.FAILED, str(error), outcome=Outcome.FAILED)
        except Exception as error:  # noqa: BLE001 - a defect in a thread must end its job, not leave it running for ever
            status = Status(State.FAILED, f"defect in the {self.name} backend: {error!r}", outcome=Outcome.FAILED)
        return status

    def _run_script(self, job: HostJob) -> ProcessExit | None:
        """Stage the inputs and run the script to its end; None if the job was cancelled before."""
        began = time.monotonic()
        job.queued_s = began - job.submitted
        self._prepare(job)
        if not self._report_progress(job, _STAGING.reason):
            return None
        job.fetched_bytes = stage(job.job, job.attempt, self._store, self._own_scratch().inputs)
        job.staging_s = time.monotonic() - began
        if job.is_cancelled:
            return None
        script = self._start(job)
        with self._changed:
            job.script, job.status = script, Status(State.RUNNING)
            if job.is_cancelled:
                script.terminate()
        with self._time_limit(job):
            return script.wait()

    @contextmanager
    def _time_limit(self, job: HostJob) -> Iterator[None]:
        """End the script if it is still running after the job's `timeout_s`."""
        if job.job.options.timeout_s is None:
            yield
            return
        timer = threading.Timer(job.job.options.timeout_s, self._time_out, (job,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _time_out(self, job: HostJob) -> None:
        with self._changed:
            if job.script is not None:
                job.is_timed_out = True
                job.script.terminate()
