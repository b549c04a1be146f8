"""A backend without processes, for tests: a function determines what each job produces.

>>> import tempfile
>>> from bioinfo_assets.result_key import ResultKey
>>> fake = FakeBackend(Path(tempfile.mkdtemp()), lambda job: Behaviour(files={"text": b"hello"}))
>>> key = ResultKey("greeting", "expt")
>>> job = Job(key, "1", "", outputs=(Output("text", "greeting.txt", "/results/greeting.txt"),))
>>> submission = fake.submit(job)
>>> fake.poll([submission.job_id])[submission.job_id].report.files[0].size
5
"""

import hashlib
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Final

from bioinfo_assets.launch.backend import (
    LOCAL_POLL_ERROR_TIMEOUT_S,
    NO_OPTIONS,
    IsPublished,
    JobReport,
    Outcome,
    OutputFile,
    State,
    Status,
    Stream,
    Submission,
    Usage,
    never_published,
)
from bioinfo_assets.launch.failure import FailureEvidence, failure_reason
from bioinfo_assets.launch.job import RAW_BYTES, Job, JobOptions, Output
from bioinfo_assets.launch.scratch import Attempt, new_attempt
from bioinfo_assets.launch.script import FAIL_EXIT_CODE


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a job behaves.

    Attributes:
        files: The bytes of each output, by its key; a job that leaves one out fails.
        canonical: The canonical form, by key, of outputs that have a filter of their own; their bytes if absent.
        facts: What it records by `fact`.
        warnings: The messages of its `warn`.
        problem: The message of its `fail`.
        stdout: Its standard output.
        stderr: Its standard error.
        exit_code: That of its script.
        running_polls: For how many polls it is running.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    canonical: Mapping[str, bytes] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    problem: str = ""
    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int = 0
    running_polls: int = 0


@dataclass(slots=True)
class _FakeJob:
    job: Job
    attempt: Attempt
    behaviour: Behaviour
    polls: int = 0
    final: Status | None = None


class FakeBackend:
    """Ends each job as a function determines.

    Args:
        scratch: A folder for the outputs of jobs, from which they can be published.
        behave: Returns the behaviour of a job.

    Attributes:
        submitted: The submitted jobs, in that order.
    """

    name: Final = "fake"
    interval_s: Final = 0.1
    poll_error_timeout_s: Final = LOCAL_POLL_ERROR_TIMEOUT_S
    moves_files: Final = False

    def __init__(self, scratch: Path, behave: Callable[[Job], Behaviour]) -> None:
        self.submitted: list[Job] = []
        self.job_ended: Final = Event()
        self._scratch = scratch
        self._behave = behave
        self._jobs: dict[str, _FakeJob] = {}

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:  # noqa: ARG002 - all images are alike
        """Return version 1 of every tool."""
        return dict.fromkeys(tools, "1")

    def known_tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        """Return version 1 of every tool."""
        return self.tool_versions(tools, options)

    def submit(
        self,
        job: Job,
        fingerprint: str = "",  # noqa: ARG002 - its jobs end with it
        is_published: IsPublished = never_published,  # noqa: ARG002 - as above
        followers: Sequence[Job] = (),  # noqa: ARG002 - each of its jobs is one of its own
    ) -> Submission:
        """Submit a job."""
        attempt = new_attempt(self._scratch, job)
        self.submitted.append(job)
        self._jobs[attempt.root.name] = _FakeJob(job, attempt, self._behave(job))
        return Submission(attempt.root.name, scratch=str(attempt.root), log=str(attempt.stderr))

    def identify(self, job_id: str, fingerprint: str) -> None:
        """Do nothing: its jobs end with it."""

    def can_adopt(self, fingerprint: str) -> bool:  # noqa: ARG002 - its jobs end with it
        """Answer no: its jobs end with it."""
        return False

    def poll(self, job_ids: Collection[str]) -> Mapping[str, Status]:
        """Return the status of each; time passes by polls here."""
        return {job_id: self._poll(self._jobs[job_id]) for job_id in job_ids}

    def cancel(self, job_id: str) -> None:
        """Cancel a job that is not over."""
        fake = self._jobs.get(job_id)
        if fake is not None and fake.final is None:
            fake.final = Status(State.CANCELLED, "cancelled while running", outcome=Outcome.KILLED)

    def read_log(self, job_id: str, stream: Stream, offset: int) -> bytes:
        """Return what the job printed from `offset` on."""
        behaviour = self._jobs[job_id].behaviour
        return (behaviour.stdout if stream is Stream.STDOUT else behaviour.stderr)[offset:]

    def stop_listing_tools(self) -> None:
        """Do nothing: they are known."""

    def end_claim(self, job_id: str) -> None:
        """Do nothing: it claims no results."""

    def discard(self, job_id: str, *, keep_log: bool = False) -> None:
        """Forget a job and its files; it has no log in scratch to keep."""
        if self._jobs[job_id].final is None:
            raise ValueError(f"job {job_id} is not over and cannot be discarded")
        fake = self._jobs.pop(job_id)
        shutil.rmtree(fake.attempt.work if keep_log else fake.attempt.root)

    def close(self, *, leave_jobs: bool = False) -> None:  # noqa: ARG002 - its jobs end with it
        """Cancel all jobs that are not over."""
        for job_id in self._jobs:
            self.cancel(job_id)

    def _poll(self, fake: _FakeJob) -> Status:
        if fake.final is None and fake.polls < fake.behaviour.running_polls:
            fake.polls += 1
            return Status(State.RUNNING)
        if fake.final is None:
            fake.final = _final(fake)
        return fake.final


def _final(fake: _FakeJob) -> Status:
    job, behaviour, now = fake.job, fake.behaviour, datetime.now(UTC)
    missing = [output for output in job.outputs if output.key not in behaviour.files]
    problem = behaviour.problem
    if not problem and behaviour.exit_code == 0 and missing:
        problem = f"the script did not produce its output {missing[0].key} ({missing[0].local})"
    exit_code = behaviour.exit_code or (FAIL_EXIT_CODE if problem else 0)
    files = () if exit_code else tuple(_output_file(fake, output) for output in job.outputs)
    report = JobReport(now, now, Usage(0.0), exit_code, files, behaviour.facts, behaviour.warnings)
    if not exit_code:
        return Status(State.SUCCEEDED, report=report, outcome=Outcome.SUCCEEDED)
    stderr = behaviour.stderr.decode(errors="replace")
    evidence = FailureEvidence(exit_code, problem, stderr, str(fake.attempt.stderr), str(fake.attempt.root))
    return Status(State.FAILED, failure_reason(job, evidence), report, Outcome.FAILED)


def _output_file(fake: _FakeJob, output: Output) -> OutputFile:
    data = fake.behaviour.files[output.key]
    path = fake.attempt.work / output.local
    path.write_bytes(data)
    content = None
    if output.canonical is not None:
        canonical = data if output.canonical == RAW_BYTES else fake.behaviour.canonical.get(output.key, data)
        content = f"sha256:{hashlib.sha256(canonical).hexdigest()}"
    return OutputFile(output.key, str(path), len(data), hashlib.sha256(data).hexdigest(), content)
