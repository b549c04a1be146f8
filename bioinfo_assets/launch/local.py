"""Jobs on this machine: each in a session and a scratch folder of its own, sharing its CPUs and memory in turn."""

import os
import shutil
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.launch import machine
from bioinfo_assets.launch.backend import NO_OPTIONS, Report, State, Status, Stream, Submission, Usage
from bioinfo_assets.launch.disk import disk_errors_are_told
from bioinfo_assets.launch.failure import FULL_DISK, Remains, failure_outcome, failure_reason
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.launch.options import JobOptions
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.launch.process import Ending, Process
from bioinfo_assets.launch.report import Told, made_files, read_told
from bioinfo_assets.launch.scratch import Attempt, HostScratch, new_attempt
from bioinfo_assets.launch.script import render
from bioinfo_assets.launch.staging import stage
from bioinfo_assets.launch.store import Store
from bioinfo_assets.launch.tools import tool_versions

_TAIL: Final = 64 * 1024  # bytes of stderr in which a failure's cause is looked for
_FULL: Final = 1024 * 1024  # with fewer bytes free than this, a job cannot even say that the disk is full
_CLOSING_S: Final = 30.0
_PASSED_ON: Final = ("JAVA_HOME", "LD_LIBRARY_PATH")  # where tools that are not the system's own find their parts
_WAITS: Final = Status(State.QUEUED, "waits for CPUs and memory of this machine")
_STAGING: Final = Status(State.QUEUED, "its inputs are being staged")
_CANCELLED: Final = Status(State.CANCELLED, "cancelled before it started", outcome=Outcome.KILLED)


@dataclass(slots=True)
class _Run:
    """A job the backend has taken; its fields change under the backend's lock only."""

    job: Job
    attempt: Attempt
    granted: Resources
    status: Status = _WAITS
    cancelled: bool = False
    process: Process | None = None


class LocalBackend:
    """Runs jobs as processes of this machine.

    Jobs are started in the order they came in, as CPUs and memory get free; memory is counted as asked for, not
    enforced. No job outlives the process that holds this object, however that ends.

    Args:
        scratch: The folder for attempts; as large as the inputs, outputs and temporary files of the jobs at work.
        store: Where inputs come from.
        cpus: How many CPUs jobs share; all of this machine's if None.
        memory_mib: How much memory they share; all of it if None.
        tool_path: Folders in which tools are looked for before `$PATH`.
    """

    name: Final = "local"
    interval_s: Final = 0.1

    def __init__(
        self,
        scratch: Path,
        store: Store,
        cpus: int | None = None,
        memory_mib: int | None = None,
        tool_path: tuple[Path, ...] = (),
    ) -> None:
        self._scratch = scratch.absolute()
        self._store = store
        self._shares = machine.Shares(
            cpus=cpus or machine.available_cpus(), memory_mib=memory_mib or machine.available_memory_mib()
        )
        self._path = os.pathsep.join([*map(str, tool_path), os.environ.get("PATH", os.defpath)])
        self._changed = threading.Condition()
        self._runs: dict[str, _Run] = {}
        self._host: HostScratch | None = None

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:  # noqa: ARG002
        """The versions of these tools as jobs meet them here.

        Raises:
            ResourceError: a tool is missing; the sentence names the command that installs it.
        """
        return tool_versions(tools, self._path)

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
            self._runs[job_id] = _Run(job, attempt, granted)
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
            if run.process is not None:
                run.process.end()
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

    def _start_admitted(self) -> None:
        while (job_id := self._shares.admitted()) is not None:
            self._runs[job_id].status = _STAGING
            threading.Thread(target=self._live, args=(job_id, self._runs[job_id]), name=job_id, daemon=True).start()

    def _end(self, job_id: str, status: Status) -> None:
        self._runs[job_id].status = status
        self._shares.free(job_id)
        self._start_admitted()
        self._changed.notify_all()

    def _live(self, job_id: str, run: _Run) -> None:
        """A started job's whole life; runs in a thread of its own, of which there are no more than CPUs."""
        try:
            stage(run.job, run.attempt, self._store, self._own_scratch().inputs)
            ending = self._ran(run)
            status = _CANCELLED if ending is None else self._judged(run, ending)
        except BioinfoAssetsError as error:
            status = Status(State.FAILED, str(error), outcome=Outcome.FAILED)
        except Exception as error:  # noqa: BLE001 - a defect in a thread must end its job, not leave it running for ever
            status = Status(State.FAILED, f"defect in the {self.name} backend: {error!r}", outcome=Outcome.FAILED)
        with self._changed:
            run.process = None
            self._end(job_id, status)

    def _ran(self, run: _Run) -> Ending | None:
        """Runs the script to its end; None if the job was cancelled before."""
        with self._changed:
            if run.cancelled:
                return None
            run.process = process = Process(run.attempt, self._environment(run))
            run.status = Status(State.RUNNING)
        return process.ending()

    def _environment(self, run: _Run) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "PATH": self._path,
            "HOME": str(run.attempt.tmp),  # settings of whoever runs this shall not change results
            "TMPDIR": str(run.attempt.tmp),
            "LC_ALL": "C",
            "JOB_CPUS": str(run.granted.cpus),
            "JOB_MEMORY_MIB": str(run.granted.memory_mib),
            "JOB_REPORT": str(run.attempt.report),
        }

    def _own_scratch(self) -> HostScratch:
        with self._changed:
            if self._host is None:
                self._host = HostScratch(self._scratch)
            return self._host

    def _judged(self, run: _Run, ending: Ending) -> Status:
        told = read_told(run.attempt.report)
        if run.cancelled:
            return Status(State.CANCELLED, "cancelled while it ran", _report(run, ending, told), Outcome.KILLED)
        if ending.exit_code != 0:
            left = self._remains(run, ending, told)
            reason, outcome = failure_reason(run.job, left), failure_outcome(left)
            return Status(State.FAILED, reason, _report(run, ending, told), outcome)
        return Status(State.SUCCEEDED, report=_report(run, ending, told), outcome=Outcome.SUCCEEDED)

    def _remains(self, run: _Run, ending: Ending, told: Told) -> Remains:
        with run.attempt.stderr.open("rb") as file:
            file.seek(max(0, run.attempt.stderr.stat().st_size - _TAIL))
            stderr = file.read().decode("utf-8", errors="replace")
        if shutil.disk_usage(self._scratch).free < _FULL:
            stderr += f"\n{FULL_DISK[0]}"
        return Remains(ending.exit_code, told.problem, stderr, str(run.attempt.stderr), str(self._scratch))


def _report(run: _Run, ending: Ending, told: Told) -> Report:
    peak_kib = ending.peak_memory_kib
    return Report(
        started=ending.started,
        finished=ending.finished,
        usage=Usage(ending.wall_s, ending.cpu_s, None if peak_kib is None else peak_kib / 1024),
        exit_code=ending.exit_code,
        files=made_files(run.job, told, str(run.attempt.work)) if ending.exit_code == 0 else (),
        facts=told.facts,
        warnings=told.warnings,
    )
