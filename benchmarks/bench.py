"""Run one job or plain script at a time with the real tools, and measure it."""

import os
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bioinfo_assets.launch import script
from bioinfo_assets.launch.backend import JobReport, Stream, Usage
from bioinfo_assets.launch.job import Job, StoredFile
from bioinfo_assets.launch.local_backend import LocalBackend, Supervisors
from bioinfo_assets.launch.scratch import Attempt
from bioinfo_assets.launch.transfer import HELD_BY_PROCESS, publish
from bioinfo_assets.storage.store import Store

REPOSITORY: Final = Path(__file__).parents[1]
TOOL_PATH: Final = (REPOSITORY / ".tools" / "bin", Path(sys.executable).parent)
POLL_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Figures:
    """Time and memory of a run.

    Attributes:
        wall_s: Wall-clock time in seconds.
        cpu_s: CPU time of all its processes in seconds.
        peak_mib: Peak resident memory of its largest process in MiB.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float

    @classmethod
    def of(cls, usage: Usage) -> "Figures":
        """Take the usage that a backend reports."""
        return cls(usage.wall_s, usage.cpu_s or 0.0, usage.peak_memory_mib or 0.0)

    @classmethod
    def none(cls) -> "Figures":
        """Zeros, to add to."""
        return cls(0.0, 0.0, 0.0)

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s, max(self.peak_mib, other.peak_mib))


@dataclass(frozen=True, slots=True)
class Bench:
    """Runs jobs and scripts under one folder, which also holds their outputs."""

    folder: Path

    def run(self, job: Job) -> tuple[Figures, Mapping[str, StoredFile]]:
        """Run a job by the local backend and publish it; return its figures, and its files by key."""
        with closing(LocalBackend(self.folder / "scratch", Store(), tool_path=TOOL_PATH)) as backend:
            submission = backend.submit(job)
            while not (status := backend.poll([submission.job_id])[submission.job_id]).state.is_over:
                time.sleep(POLL_S)
            if status.report is None or status.reason:
                log = backend.read_log(submission.job_id, Stream.STDERR, 0).decode()
                raise RuntimeError(f"{job.name}: {status.reason}\n{log}")
            publish(Store(), job, status.report, HELD_BY_PROCESS)
            backend.discard(submission.job_id)
        return Figures.of(status.report.usage), _output_files(job, status.report)

    def script(self, name: str, text: str) -> Figures:
        """Run plain bash in the folder `plain/work`, with nothing around it but the measurement."""
        return self._bash(self.folder / "plain", name, text, {})

    def account(self, job: Job) -> Figures:
        """Measure the digests and canonical forms of a job's outputs, which are part of the figures of `run`."""
        root = self.folder / f"account.{job.key.asset}"
        work = Attempt(root).work
        work.mkdir(parents=True)
        for output in job.outputs:
            (work / output.local).hardlink_to(output.uri)
        resources = {"JOB_CPUS": str(job.resources.cpus), "JOB_MEMORY_MIB": str(job.resources.memory_mib)}
        return self._bash(root, "account", script.render(replace(job, script=":")), resources)

    @property
    def plain(self) -> Path:
        """The working folder of plain scripts."""
        return Attempt(self.folder / "plain").work

    def _bash(self, root: Path, name: str, text: str, more: Mapping[str, str]) -> Figures:
        attempt = Attempt(root)
        for folder in (attempt.work, attempt.tmp, attempt.report):
            folder.mkdir(parents=True, exist_ok=True)
        for log in (attempt.stdout, attempt.stderr):
            log.touch()
        attempt.script.write_text(text, encoding="utf-8")
        environment = {
            "PATH": os.pathsep.join([*map(str, TOOL_PATH), os.environ["PATH"]]),
            "HOME": str(attempt.tmp),
            "TMPDIR": str(attempt.tmp),
            "JOB_REPORT": str(attempt.report),
            "LC_ALL": "C",
        }
        with closing(Supervisors()) as supervisors:
            ending = supervisors.start(attempt, {**environment, **more}).wait()
        if ending.exit_code != 0:
            raise RuntimeError(f"{name} ended with {ending.exit_code}:\n{attempt.stderr.read_text(errors='replace')}")
        return Figures(ending.wall_s, ending.cpu_s or 0.0, (ending.peak_memory_kib or 0) / 1024)


def _output_files(job: Job, report: JobReport) -> Mapping[str, StoredFile]:
    return {
        output.key: StoredFile(output.uri, file.size, file.content)
        for output, file in zip(job.outputs, report.files, strict=True)
    }
