"""Runs a step's job with the real tools, and publishes its outputs."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from bioinfo_assets.launch.backend import JobReport, State, Status, Stream
from bioinfo_assets.launch.job import Job, Resources, StoredFile
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.storage.store import Store

REPOSITORY = Path(__file__).parents[2]
TOOL_PATH = (REPOSITORY / ".tools" / "bin", REPOSITORY / ".venv" / "bin")


@dataclass(frozen=True, slots=True)
class StepResult:
    """The published files of a job by key, and its report."""

    files: Mapping[str, StoredFile]
    report: JobReport

    def path(self, key: str) -> Path:
        return Path(self.files[key].uri)

    @property
    def contents(self) -> dict[str, str | None]:
        return {key: file.content for key, file in self.files.items()}


@dataclass(frozen=True, slots=True)
class Bench:
    """Runs jobs on this machine, with scratch folders under `folder`."""

    folder: Path
    tool_path: tuple[Path, ...] = TOOL_PATH

    def run(self, job: Job) -> StepResult:
        """Run a job that must succeed, and publish its outputs."""
        return self.run_all([job])[0]

    def run_all(self, jobs: Sequence[Job], resources: Resources | None = None) -> list[StepResult]:
        """Run jobs concurrently, with these resources for each instead of its own."""
        if resources is not None:
            jobs = [replace(job, resources=resources) for job in jobs]
        with closing(self._backend()) as backend:
            ids = [backend.submit(job).job_id for job in jobs]
            statuses = [_wait(backend, job_id) for job_id in ids]
            for job_id, status in zip(ids, statuses, strict=True):
                log = backend.read_log(job_id, Stream.STDERR, 0).decode()
                assert status.state is State.SUCCEEDED, f"{status.reason}\n{log}"
            return [_publish(job, status.report) for job, status in zip(jobs, statuses, strict=True) if status.report]

    def failure(self, job: Job) -> str:
        """Run a job that must fail, and return the reason."""
        with closing(self._backend()) as backend:
            status = _wait(backend, backend.submit(job).job_id)
            assert status.state is State.FAILED
            return status.reason

    def _backend(self) -> LocalBackend:
        return LocalBackend(self.folder, Store(), cpus=2, memory_mib=8192, tool_path=self.tool_path)


def stored(path: Path) -> StoredFile:
    """A local file as an input of jobs."""
    return StoredFile(str(path), path.stat().st_size, Store().digest(str(path)))


def samtools(*arguments: str) -> list[str]:
    """The lines of the output of samtools."""
    return subprocess.run(["samtools", *arguments], capture_output=True, check=True, text=True).stdout.splitlines()


def _wait(backend: LocalBackend, job_id: str) -> Status:
    while not (status := backend.poll([job_id])[job_id]).state.is_over:
        time.sleep(0.02)
    return status


def _publish(job: Job, report: JobReport) -> StepResult:
    files: dict[str, StoredFile] = {}
    for output, file in zip(job.outputs, report.files, strict=True):
        Path(output.uri).parent.mkdir(parents=True, exist_ok=True)
        Path(file.path).rename(output.uri)
        files[output.key] = StoredFile(output.uri, file.size, file.content)
    return StepResult(files, report)
