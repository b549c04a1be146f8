"""One job of this machine, from its submission to the classification of how it ended."""

import json
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.launch.accounting import Accounting
from bioinfo_assets.launch.backend import (
    IsPublished,
    JobReport,
    Outcome,
    State,
    Status,
    Submission,
    Usage,
    never_published,
)
from bioinfo_assets.launch.failure import (
    FULL_DISK,
    FailureEvidence,
    failure_outcome,
    failure_reason,
    out_of_memory_reason,
    timeout_reason,
)
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.launch.scratch import Attempt
from bioinfo_assets.launch.script import ScriptReport, output_files, read_script_report
from bioinfo_assets.storage.store import local_path

WAITING: Final = Status(State.QUEUED, "queued: waiting for free CPUs or memory on this host")
_STDERR_TAIL: Final = 64 * 1024  # bytes in which the cause of a failure is looked for
_MIN_FREE: Final = 1024 * 1024  # with fewer bytes free than this, a job cannot even report that the disk is full


@dataclass(frozen=True, slots=True)
class ProcessExit:
    """How a script ended.

    Attributes:
        started: When it began.
        finished: When it and all it had started were gone.
        wall_s: Seconds between the two.
        exit_code: Its own, or the negative number of the signal that ended it.
        cpu_s: Seconds of processor time, of all its processes; None if its supervisor was killed.
        peak_memory_kib: Resident memory of its largest process, in KiB; None if its supervisor was killed.
        out_of_memory: Whether the kernel killed one of its processes for exceeding the memory limit.
        image: The container image it ran in; empty if none.
        machine: The type of the EC2 machine; empty if it is none.
    """

    started: datetime
    finished: datetime
    wall_s: float
    exit_code: int
    cpu_s: float | None = None
    peak_memory_kib: int | None = None
    out_of_memory: bool = False
    image: str = ""
    machine: str = ""

    @classmethod
    def from_report(cls, report: bytes, image: str = "") -> "ProcessExit":
        """Read the report of `job_supervisor.py`; kills for memory are the job's own only in a container."""
        values = json.loads(report)
        return cls(
            started=datetime.fromtimestamp(values["started"], UTC),
            finished=datetime.fromtimestamp(values["finished"], UTC),
            wall_s=values["wall_s"],
            exit_code=values["exit_code"],
            cpu_s=values["cpu_s"],
            peak_memory_kib=values["peak_memory_kib"],
            out_of_memory=bool(image) and values["oom_kills"] > 0,
            image=image,
            machine=values["machine"],
        )


class RunningScript(Protocol):
    """A running script. It ends when its host does, however that ends."""

    def terminate(self) -> None:
        """End the script and all it started: SIGTERM, two seconds, SIGKILL; return at once. It may be over."""

    def wait(self) -> ProcessExit:
        """Wait until the script and all it started are gone."""


class NotStartedError(ResourceError):
    """A job cannot be started; has the outcome that this counts as."""

    def __init__(self, message: str, outcome: Outcome) -> None:
        super().__init__(message)
        self.outcome: Final = outcome


@dataclass(slots=True)
class HostJob:
    """A submitted job; `status` and the fields after it change under the backend's lock only.

    The job's own thread alone writes what it was staged in: `queued_s`, `staging_s` and `fetched_bytes`. Its
    `followers` run after it, in the same thread; its outputs that only those read are `unpublished`.
    """

    job: Job
    attempt: Attempt
    granted: Resources
    followers: "tuple[HostJob, ...]" = ()
    unpublished: frozenset[str] = frozenset()
    is_published: IsPublished = never_published
    submitted: float = field(default_factory=time.monotonic)
    queued_s: float | None = None
    staging_s: float | None = None
    fetched_bytes: int | None = None
    status: Status = WAITING
    is_cancelled: bool = False
    is_timed_out: bool = False
    script: RunningScript | None = None

    @property
    def job_id(self) -> str:
        """Its id: no two attempts have the same folder."""
        return self.attempt.root.name

    @property
    def results(self) -> dict[str, str]:
        """By id, its result and those of its followers: where the first file of each is published, by whatever path."""
        uris = {job.job_id: job.job.outputs[0].uri for job in (self, *self.followers) if job.job.outputs}
        return {
            job_id: uri if (path := local_path(uri)) is None else str(path.resolve()) for job_id, uri in uris.items()
        }

    @property
    def submission(self) -> Submission:
        """What `HostBackend.submit` returns."""
        followers = tuple(job.submission for job in self.followers)
        return Submission(self.job_id, str(self.attempt.root), str(self.attempt.stderr), followers)

    def variables(self) -> dict[str, str]:
        """The variables of resources and folders that a script reads, the same in a container and outside."""
        return {
            "HOME": str(self.attempt.tmp),  # settings of whoever runs this must not change results
            "TMPDIR": str(self.attempt.tmp),
            "LC_ALL": "C",
            "JOB_CPUS": str(self.granted.cpus),
            "JOB_MEMORY_MIB": str(self.granted.memory_mib),
            "JOB_REPORT": str(self.attempt.report),
        }


def final_status(job: HostJob, process_exit: ProcessExit) -> Status:
    """Classify how a job ended."""
    script_report = read_script_report(job.attempt.report)
    report = _job_report(job, process_exit, script_report)
    if job.is_cancelled:
        return Status(State.CANCELLED, "cancelled while running", report, Outcome.KILLED)
    if process_exit.exit_code == 0:
        return Status(State.SUCCEEDED, report=report, outcome=Outcome.SUCCEEDED)
    log = str(job.attempt.stderr)
    if job.is_timed_out:
        return Status(State.FAILED, timeout_reason(job.job, log), report, Outcome.TIMED_OUT)
    if process_exit.out_of_memory:
        reason = out_of_memory_reason(job.job, job.granted.memory_mib, log)
        return Status(State.FAILED, reason, report, Outcome.OUT_OF_MEMORY)
    evidence = _failure_evidence(job, process_exit, script_report)
    return Status(State.FAILED, failure_reason(job.job, evidence), report, failure_outcome(evidence))


def _failure_evidence(job: HostJob, process_exit: ProcessExit, script_report: ScriptReport) -> FailureEvidence:
    with job.attempt.stderr.open("rb") as file:
        file.seek(max(0, job.attempt.stderr.stat().st_size - _STDERR_TAIL))
        stderr = file.read().decode("utf-8", errors="replace")
    scratch = job.attempt.scratch
    if shutil.disk_usage(scratch).free < _MIN_FREE:
        stderr += f"\n{FULL_DISK[0]}"
    return FailureEvidence(process_exit.exit_code, script_report.problem, stderr, str(job.attempt.stderr), str(scratch))


def _job_report(job: HostJob, process_exit: ProcessExit, script_report: ScriptReport) -> JobReport:
    peak_kib, work = process_exit.peak_memory_kib, str(job.attempt.work)
    is_done = process_exit.exit_code == 0
    return JobReport(
        started=process_exit.started,
        finished=process_exit.finished,
        usage=Usage(process_exit.wall_s, process_exit.cpu_s, None if peak_kib is None else peak_kib / 1024),
        exit_code=process_exit.exit_code,
        files=output_files(job.job, script_report, work, job.unpublished) if is_done else (),
        facts=script_report.facts,
        warnings=script_report.warnings,
        image=process_exit.image,
        accounting=Accounting(
            vcpus=job.granted.cpus,
            memory_mib=job.granted.memory_mib,
            disk_mib=job.job.resources.disk_mib,
            machine=process_exit.machine,
            queued_s=job.queued_s,
            staging_s=job.staging_s,
            fetched_bytes=job.fetched_bytes,
        ),
    )
