"""What all jobs on this machine have in common, be they processes or containers: queue, staging, ending, judgement.

A backend of this machine says how a script is started (`HostBackend._start`); all else is here.
"""

import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from bioinfo_assets.errors import BioinfoAssetsError, ResourceError
from bioinfo_assets.launch import machine
from bioinfo_assets.launch.backend import Report, State, Status, Stream, Submission, Usage
from bioinfo_assets.launch.disk import disk_errors_are_told
from bioinfo_assets.launch.failure import (
    FULL_DISK,
    Remains,
    failure_outcome,
    failure_reason,
    out_of_memory_reason,
    timeout_reason,
)
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.launch.report import Told, made_files, read_told
from bioinfo_assets.launch.scratch import Attempt, HostScratch, new_attempt
from bioinfo_assets.launch.script import render
from bioinfo_assets.launch.staging import stage
from bioinfo_assets.launch.store import Store

_TAIL: Final = 64 * 1024  # bytes of stderr in which a failure's cause is looked for
_FULL: Final = 1024 * 1024  # with fewer bytes free than this, a job cannot even say that the disk is full
_CLOSING_S: Final = 30.0
_WAITS: Final = Status(State.QUEUED, "waits for CPUs and memory of this machine")
_STAGING: Final = Status(State.QUEUED, "its inputs are being staged")
_CANCELLED: Final = Status(State.CANCELLED, "cancelled before it started", outcome=Outcome.KILLED)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a script ended.

    Attributes:
        started: When it began.
        finished: When it and all it had started were gone.
        wall_s: Seconds between the two.
        exit_code: Its own, or the negative number of the signal that ended it.
        cpu_s: Seconds of processor time, of all its processes; None if what watched over it was killed.
        peak_memory_kib: Resident memory of its largest process, in KiB; None if what watched over it was killed.
        out_of_memory: Whether a process of it was ended since it had used up its memory.
        image: The container image it ran in; empty where it ran in none.
    """

    started: datetime
    finished: datetime
    wall_s: float
    exit_code: int
    cpu_s: float | None = None
    peak_memory_kib: int | None = None
    out_of_memory: bool = False
    image: str = ""


class Running(Protocol):
    """A script at work. It ends when its host does, however that ends."""

    def end(self) -> None:
        """Ends the script and all it started: SIGTERM, two seconds, SIGKILL; returns at once. It may be over."""

    def ending(self) -> Ending:
        """Waits until the script and all it started are gone."""


class NotStartedError(ResourceError):
    """What keeps a job from being started, and how that counts."""

    def __init__(self, sentence: str, outcome: Outcome) -> None:
        super().__init__(sentence)
        self.outcome: Final = outcome


@dataclass(slots=True)
class Run:
    """A job the backend has taken; its fields change under the backend's lock only."""

    job: Job
    attempt: Attempt
    granted: Resources
    status: Status = _WAITS
    cancelled: bool = False
    timed_out: bool = False
    running: Running | None = None

    def variables(self) -> dict[str, str]:
        """What a script reads of its resources and places, the same on this machine and in a container of it."""
        return {
            "HOME": str(self.attempt.tmp),  # settings of whoever runs this shall not change results
            "TMPDIR": str(self.attempt.tmp),
            "LC_ALL": "C",
            "JOB_CPUS": str(self.granted.cpus),
            "JOB_MEMORY_MIB": str(self.granted.memory_mib),
            "JOB_REPORT": str(self.attempt.report),
        }


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
        self._shares = machine.Shares(
            cpus=cpus or machine.available_cpus(), memory_mib=memory_mib or machine.available_memory_mib()
        )
        self._changed = threading.Condition()
        self._runs: dict[str, Run] = {}
        self._host: HostScratch | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """What people call it."""

    def _prepare(self, run: Run) -> None:  # noqa: B027 - nothing is to be done for a process
        """Makes ready what a job needs beside its inputs; returns early if it is cancelled."""

    @abstractmethod
    def _start(self, run: Run) -> Running:
        """Starts the script in its attempt's working folder, in which its inputs stand."""

    def submit(self, job: Job, fingerprint: str = "") -> Submission:  # noqa: ARG002 - its jobs end with it
        """Takes a job and starts it as soon as there is room.

        Raises:
            ResourceError: it asks for more memory than there is, or the disk is full.
        """
        granted = self._shares.granted(job)
        attempt = new_attempt(self._own_scratch().root, job)
        with disk_errors_are_told(self._scratch):
            attempt.script.write_text(render(job), encoding="utf-8")
        job_id = attempt.root.name
        with self._changed:
            self._runs[job_id] = Run(job, attempt, granted)
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
            elif run.status is _WAITS:
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

    def _waits_for(self, run: Run, what: str) -> bool:
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

    def _live(self, job_id: str, run: Run) -> None:
        """A started job's whole life; runs in a thread of its own, of which there are no more than CPUs."""
        try:
            ending = self._ran(run)
            status = _CANCELLED if ending is None else self._judged(run, ending)
        except NotStartedError as error:
            status = Status(State.FAILED, str(error), outcome=error.outcome)
        except BioinfoAssetsError as error:
            status = Status(State.FAILED, str(error), outcome=Outcome.FAILED)
        except Exception as error:  # noqa: BLE001 - a defect in a thread must end its job, not leave it running for ever
            status = Status(State.FAILED, f"defect in the {self.name} backend: {error!r}", outcome=Outcome.FAILED)
        with self._changed:
            run.running = None
            self._end(job_id, status)

    def _ran(self, run: Run) -> Ending | None:
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
    def _time_limit(self, run: Run) -> Iterator[None]:
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

    def _time_out(self, run: Run) -> None:
        with self._changed:
            if run.running is not None:
                run.timed_out = True
                run.running.end()

    def _judged(self, run: Run, ending: Ending) -> Status:
        told = read_told(run.attempt.report)
        report = _report(run, ending, told)
        if run.cancelled:
            return Status(State.CANCELLED, "cancelled while it ran", report, Outcome.KILLED)
        if ending.exit_code == 0:
            return Status(State.SUCCEEDED, report=report, outcome=Outcome.SUCCEEDED)
        log = str(run.attempt.stderr)
        if run.timed_out:
            return Status(State.FAILED, timeout_reason(run.job, log), report, Outcome.TIMED_OUT)
        if ending.out_of_memory:
            reason = out_of_memory_reason(run.job, run.granted.memory_mib, log)
            return Status(State.FAILED, reason, report, Outcome.OUT_OF_MEMORY)
        left = self._remains(run, ending, told)
        return Status(State.FAILED, failure_reason(run.job, left), report, failure_outcome(left))

    def _remains(self, run: Run, ending: Ending, told: Told) -> Remains:
        with run.attempt.stderr.open("rb") as file:
            file.seek(max(0, run.attempt.stderr.stat().st_size - _TAIL))
            stderr = file.read().decode("utf-8", errors="replace")
        if shutil.disk_usage(self._scratch).free < _FULL:
            stderr += f"\n{FULL_DISK[0]}"
        return Remains(ending.exit_code, told.problem, stderr, str(run.attempt.stderr), str(self._scratch))


def _report(run: Run, ending: Ending, told: Told) -> Report:
    peak_kib = ending.peak_memory_kib
    return Report(
        started=ending.started,
        finished=ending.finished,
        usage=Usage(ending.wall_s, ending.cpu_s, None if peak_kib is None else peak_kib / 1024),
        exit_code=ending.exit_code,
        files=made_files(run.job, told, str(run.attempt.work)) if ending.exit_code == 0 else (),
        facts=told.facts,
        warnings=told.warnings,
        image=ending.image,
    )
