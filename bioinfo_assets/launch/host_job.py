"""One job of this machine, from the moment it was taken to the judgement of how it ended."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.launch.backend import JobReport, State, Status, Usage
from bioinfo_assets.launch.failure import (
    FULL_DISK,
    FailureEvidence,
    failure_outcome,
    failure_reason,
    out_of_memory_reason,
    timeout_reason,
)
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.launch.scratch import Attempt
from bioinfo_assets.launch.script_report import ScriptReport, output_files, read_script_report

WAITING: Final = Status(State.QUEUED, "waits for CPUs and memory of this machine")
_TAIL: Final = 64 * 1024  # bytes of stderr in which a failure's cause is looked for
_FULL: Final = 1024 * 1024  # with fewer bytes free than this, a job cannot even say that the disk is full


@dataclass(frozen=True, slots=True)
class ProcessExit:
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


class RunningScript(Protocol):
    """A script at work. It ends when its host does, however that ends."""

    def end(self) -> None:
        """Ends the script and all it started: SIGTERM, two seconds, SIGKILL; returns at once. It may be over."""

    def ending(self) -> ProcessExit:
        """Waits until the script and all it started are gone."""


class NotStartedError(ResourceError):
    """What keeps a job from being started, and how that counts."""

    def __init__(self, sentence: str, outcome: Outcome) -> None:
        super().__init__(sentence)
        self.outcome: Final = outcome


@dataclass(slots=True)
class HostJob:
    """A job the backend has taken; its fields change under the backend's lock only."""

    job: Job
    attempt: Attempt
    granted: Resources
    status: Status = WAITING
    cancelled: bool = False
    timed_out: bool = False
    running: RunningScript | None = None

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


def final_status(run: HostJob, ending: ProcessExit) -> Status:
    """How a script's end counts, and what to say of it."""
    told = read_script_report(run.attempt.report)
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
    left = _evidence(run, ending, told)
    return Status(State.FAILED, failure_reason(run.job, left), report, failure_outcome(left))


def _evidence(run: HostJob, ending: ProcessExit, told: ScriptReport) -> FailureEvidence:
    with run.attempt.stderr.open("rb") as file:
        file.seek(max(0, run.attempt.stderr.stat().st_size - _TAIL))
        stderr = file.read().decode("utf-8", errors="replace")
    scratch = run.attempt.root.parents[1]  # the host's own folder stands in it
    if shutil.disk_usage(scratch).free < _FULL:
        stderr += f"\n{FULL_DISK[0]}"
    return FailureEvidence(ending.exit_code, told.problem, stderr, str(run.attempt.stderr), str(scratch))


def _report(run: HostJob, ending: ProcessExit, told: ScriptReport) -> JobReport:
    peak_kib = ending.peak_memory_kib
    return JobReport(
        started=ending.started,
        finished=ending.finished,
        usage=Usage(ending.wall_s, ending.cpu_s, None if peak_kib is None else peak_kib / 1024),
        exit_code=ending.exit_code,
        files=output_files(run.job, told, str(run.attempt.work)) if ending.exit_code == 0 else (),
        facts=told.facts,
        warnings=told.warnings,
        image=ending.image,
    )
