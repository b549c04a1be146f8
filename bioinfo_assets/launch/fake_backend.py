"""A backend without processes, for tests: a plain function says what each job makes.

>>> import tempfile
>>> fake = FakeBackend(Path(tempfile.mkdtemp()), lambda job: Behaviour(files={"text": b"hello"}))
>>> key = ResultKey("greeting", "expt")
>>> job = Job(key, "1", "", outputs=(Output("text", "greeting.txt", "/results/greeting.txt"),))
>>> submission = fake.submit(job)
>>> fake.poll([submission.job_id])[submission.job_id].report.files[0].size
5
"""

import hashlib
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bioinfo_assets.launch.backend import NO_OPTIONS, JobReport, OutputFile, State, Status, Stream, Submission, Usage
from bioinfo_assets.launch.failure import FailureEvidence, failure_reason
from bioinfo_assets.launch.job import RAW_BYTES, Job, Output
from bioinfo_assets.launch.job_options import JobOptions
from bioinfo_assets.launch.outcome import Outcome
from bioinfo_assets.launch.scratch import Attempt, new_attempt


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What becomes of a job.

    Attributes:
        files: The bytes of each output, by its key; a job that leaves one out fails.
        canonical: The canonical form, by key, of outputs that have a filter of their own; their bytes if absent.
        facts: What it tells by `fact`.
        warnings: What it tells by `warn`.
        problem: What it tells by `fail`.
        stdout: What it prints.
        stderr: What it says on stderr.
        exit_code: How it ends.
        polls: How often it is still running when asked.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    canonical: Mapping[str, bytes] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    problem: str = ""
    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int = 0
    polls: int = 0


@dataclass(slots=True)
class _Fake:
    job: Job
    attempt: Attempt
    behaviour: Behaviour
    polls: int = 0
    final: Status | None = None


class FakeBackend:
    """Ends each job as a function says.

    Args:
        scratch: A folder for the files the jobs make, from which they can be published.
        behave: What becomes of a job.

    Attributes:
        submitted: The jobs it was given, in that order.
    """

    name: Final = "fake"
    interval_s: Final = 0.1

    def __init__(self, scratch: Path, behave: Callable[[Job], Behaviour]) -> None:
        self.submitted: list[Job] = []
        self._scratch = scratch
        self._behave = behave
        self._fakes: dict[str, _Fake] = {}

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:  # noqa: ARG002
        """Every tool is there, at version 1."""
        return dict.fromkeys(tools, "1")

    def submit(self, job: Job, fingerprint: str = "") -> Submission:  # noqa: ARG002 - its jobs end with it
        """Takes a job."""
        attempt = new_attempt(self._scratch, job)
        self.submitted.append(job)
        self._fakes[attempt.root.name] = _Fake(job, attempt, self._behave(job))
        return Submission(attempt.root.name, scratch=str(attempt.root), log=str(attempt.stderr))

    def poll(self, job_ids: Collection[str]) -> Mapping[str, Status]:
        """The state of each; being asked is what passes time here."""
        return {job_id: self._poll(self._fakes[job_id]) for job_id in job_ids}

    def cancel(self, job_id: str) -> None:
        """Ends a job that is not over."""
        fake = self._fakes.get(job_id)
        if fake is not None and fake.final is None:
            fake.final = Status(State.CANCELLED, "cancelled while it ran", outcome=Outcome.KILLED)

    def read_log(self, job_id: str, stream: Stream, offset: int) -> bytes:
        """What the job is said to have printed."""
        behaviour = self._fakes[job_id].behaviour
        return (behaviour.stdout if stream is Stream.STDOUT else behaviour.stderr)[offset:]

    def discard(self, job_id: str, *, keep_log: bool = False) -> None:
        """Forgets a job and its files; it has no log in scratch to keep."""
        if self._fakes[job_id].final is None:
            raise ValueError(f"job {job_id} is not over and cannot be discarded")
        fake = self._fakes.pop(job_id)
        shutil.rmtree(fake.attempt.work if keep_log else fake.attempt.root)

    def close(self) -> None:
        """Ends all that is not over."""
        for job_id in self._fakes:
            self.cancel(job_id)

    def _poll(self, fake: _Fake) -> Status:
        if fake.final is None and fake.polls < fake.behaviour.polls:
            fake.polls += 1
            return Status(State.RUNNING)
        if fake.final is None:
            fake.final = _final(fake)
        return fake.final


def _final(fake: _Fake) -> Status:
    job, behaviour, now = fake.job, fake.behaviour, datetime.now(UTC)
    missing = [output for output in job.outputs if output.key not in behaviour.files]
    problem = behaviour.problem
    if not problem and behaviour.exit_code == 0 and missing:
        problem = f"the script ended without making its output {missing[0].key} ({missing[0].local})"
    exit_code = behaviour.exit_code or (65 if problem else 0)
    files = () if exit_code else tuple(_made(fake, output) for output in job.outputs)
    report = JobReport(now, now, Usage(0.0), exit_code, files, behaviour.facts, behaviour.warnings)
    if not exit_code:
        return Status(State.SUCCEEDED, report=report, outcome=Outcome.SUCCEEDED)
    stderr = behaviour.stderr.decode(errors="replace")
    left = FailureEvidence(exit_code, problem, stderr, str(fake.attempt.stderr), str(fake.attempt.root))
    return Status(State.FAILED, failure_reason(job, left), report, Outcome.FAILED)


def _made(fake: _Fake, output: Output) -> OutputFile:
    data = fake.behaviour.files[output.key]
    path = fake.attempt.work / output.local
    path.write_bytes(data)
    content = None
    if output.canonical is not None:
        said = data if output.canonical == RAW_BYTES else fake.behaviour.canonical.get(output.key, data)
        content = f"sha256:{hashlib.sha256(said).hexdigest()}"
    return OutputFile(output.key, str(path), len(data), hashlib.sha256(data).hexdigest(), content)
