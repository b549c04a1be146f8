"""What backends of this machine have in common, be their jobs processes or containers: queue, staging, cancel, end.

A backend of this machine says how a script is started (`HostBackend._start`); all else is here.
"""

import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.launch import resource_pool
from bioinfo_assets.launch.backend import State, Status, Stream, Submission
from bioinfo_assets.launch.host_job import WAITING, HostJob, NotStartedError, ProcessExit, RunningScript, final_status
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.launch.scratch import HostScratch, new_attempt
from bioinfo_assets.launch.script import render
from bioinfo_assets.launch.staging import stage
from bioinfo_assets.storage.atomic import translate_disk_errors
from bioinfo_assets.storage.store import Store

_CLOSING_S: Final = 30.0
_STAGING: Final = Status(State.QUEUED, "its inputs are being staged")
_CANCELLED: Final = Status(State.CANCELLED, "cancelled before it started", outcome=Outcome.KILLED)


class HostBackend(ABC):
    """Runs jobs on this machine.

    Jobs are started in the order they came in, as CPUs and memory get free. No job outlives the process that holds
    this object, however that ends.

    Args:
        scratch: The folder for attempts; as large as the inputs, outputs and temporary files of the jobs at work.
        store: Where inputs come from.
        cpus: How many CPUs jobs share; all of this machine's if None.
        memory_mib: How much memory they share; all of it if None.
    """

    interval_s: Final = 0.1

    def __init__(self, scratch: Path, store: Store, cpus: int | None, memory_mib: int | None) -> None:
        self._scratch = scratch.absolute()
        self._store = store
        self._shares = resource_pool.ResourcePool(
            cpus=cpus or resource_pool.available_cpus(), memory_mib=memory_mib or resource_pool.available_memory_mib()
        )
        self._changed = threading.Condition()
        self._runs: dict[str, HostJob] = {}
        self._host: HostScratch | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """What people call it."""

    def _prepare(self, run: HostJob) -> None:  # noqa: B027 - nothing is to be done for a process
        """Makes ready what a job needs beside its inputs; returns early if it is cancelled."""

    @abstractmethod
    def _start(self, run: HostJob) -> RunningScript:
        """Starts the script in its attempt's working folder, in which its inputs stand."""

    def submit(self, job: Job, fingerprint: str = "") -> Submission:  # noqa: ARG002 - its jobs end with it
        """Takes a job and starts it as soon as there is room.

        Raises:
            ResourceError: it asks for more memory than there is, or the disk is full.
        """
        granted = self._shares.granted(job)
        attempt = new_attempt(self._own_scratch().root, job)
        with translate_disk_errors(self._scratch):
            attempt.script.write_text(render(job), encoding="utf-8")
        job_id = attempt.root.name
        with self._changed:
            self._runs[job_id] = HostJob(job, attempt, granted)
            self._shares.ask(job_id, granted)
            self._start_admitted()
        return Submission(job_id, scratch=str(attempt.root), log=str(attempt.stderr))

    def poll(self, job_ids: Collection[str]) -> Mapping[str, Status]:
        """The state of each of these jobs now; costs no system call."""
        with self._changed:
            return {job_id: self._runs[job_id].status for job_id in job_ids}

    def cancel(self, job_id: str) -> None:
        """Ends a job and every process it started: SIGTERM, two seconds, SIGKILL. Returns at once."""
        with self._changed:
            run = self._runs.get(job_id)
            if run is None or run.status.state.is_over:
                return
            run.cancelled = True
            if run.running is not None:
                run.running.end()
            elif run.status is WAITING:
                self._end(job_id, _CANCELLED)

    def read_log(self, job_id: str, stream: Stream, offset: int) -> bytes:
        """What the job has printed on that stream since `offset` bytes."""
        with self._changed:
            attempt = self._runs[job_id].attempt
        path = attempt.stdout if stream is Stream.STDOUT else attempt.stderr
        with path.open("rb") as file:
            file.seek(offset)
            return file.read()

    def discard(self, job_id: str, *, keep_log: bool = False) -> None:
        """Forgets a job that is over and frees its scratch, but for script, logs and report where these are kept."""
        with self._changed:
            run = self._runs[job_id]
            if not run.status.state.is_over:
                raise ValueError(f"job {job_id} is not over and cannot be discarded")
            del self._runs[job_id]
        for folder in (run.attempt.work, run.attempt.tmp) if keep_log else (run.attempt.root,):
            shutil.rmtree(folder)

    def close(self) -> None:
        """Ends whatever still runs and frees the inputs that jobs shared."""
        with self._changed:
            job_ids = list(self._runs)
        for job_id in reversed(job_ids):  # from the end of the queue, so that no waiting job is started meanwhile
            self.cancel(job_id)
        with self._changed:
            self._changed.wait_for(lambda: all(run.status.state.is_over for run in self._runs.values()), _CLOSING_S)
            host, self._host = self._host, None
        if host is not None:
            host.close()

    def _own_scratch(self) -> HostScratch:
        with self._changed:
            if self._host is None:
                self._host = HostScratch(self._scratch)
            return self._host

    def _waits_for(self, run: HostJob, what: str) -> bool:
        """Tells what a job that was prepared waits for; False once it is cancelled."""
        with self._changed:
            run.status = Status(State.QUEUED, what)
            return not run.cancelled

    def _start_admitted(self) -> None:
        while (job_id := self._shares.admitted()) is not None:
            self._runs[job_id].status = _STAGING
            threading.Thread(target=self._live, args=(job_id, self._runs[job_id]), name=job_id, daemon=True).start()

    def _end(self, job_id: str, status: Status) -> None:
        self._runs[job_id].status = status
        self._shares.free(job_id)
        self._start_admitted()
        self._changed.notify_all()

    def _live(self, job_id: str, run: HostJob) -> None:
        """A started job's whole life; runs in a thread of its own, of which there are no more than CPUs."""
        try:
            ending = self._ran(run)
            status = _CANCELLED if ending is None else final_status(run, ending)
        except NotStartedError as error:
            status = Status(State.FAILED, str(error), outcome=error.outcome)
        except BioinfoAssetsError as error:
            status = Status(State.FAILED, str(error), outcome=Outcome.FAILED)
        except Exception as error:  # noqa: BLE001 - a defect in a thread must end its job, not leave it running for ever
            status = Status(State.FAILED, f"defect in the {self.name} backend: {error!r}", outcome=Outcome.FAILED)
        with self._changed:
            run.running = None
            self._end(job_id, status)

    def _ran(self, run: HostJob) -> ProcessExit | None:
        """Stages the inputs and runs the script to its end; None if the job was cancelled before."""
        self._prepare(run)
        if not self._waits_for(run, _STAGING.reason):
            return None
        stage(run.job, run.attempt, self._store, self._own_scratch().inputs)
        if run.cancelled:
            return None
        running = self._start(run)
        with self._changed:
            run.running, run.status = running, Status(State.RUNNING)
            if run.cancelled:
                running.end()
        with self._time_limit(run):
            return running.ending()

    @contextmanager
    def _time_limit(self, run: HostJob) -> Iterator[None]:
        """Ends the script if it is still running after the job's `timeout_s`."""
        if run.job.options.timeout_s is None:
            yield
            return
        timer = threading.Timer(run.job.options.timeout_s, self._time_out, (run,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _time_out(self, run: HostJob) -> None:
        with self._changed:
            if run.running is not None:
                run.timed_out = True
                run.running.end()
