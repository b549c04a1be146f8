"""Runs one job or one plain script at a time with the real tools, and tells what it took."""

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
from bioinfo_assets.launch.local_backend import LocalBackend, LocalProcess
from bioinfo_assets.launch.publish import publish
from bioinfo_assets.launch.scratch import Attempt
from bioinfo_assets.storage.store import Store

REPOSITORY: Final = Path(__file__).parents[1]
TOOL_PATH: Final = (REPOSITORY / ".tools" / "bin", Path(sys.executable).parent)
POLL_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run took.

    Attributes:
        wall_s: Seconds from begin to end.
        cpu_s: Seconds of processor time, of all its processes.
        peak_mib: Resident memory of its largest process, in MiB.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float

    @classmethod
    def of(cls, usage: Usage) -> "Figures":
        """From what a backend reports."""
        return cls(usage.wall_s, usage.cpu_s or 0.0, usage.peak_memory_mib or 0.0)

    @classmethod
    def none(cls) -> "Figures":
        """Of nothing."""
        return cls(0.0, 0.0, 0.0)

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s, max(self.peak_mib, other.peak_mib))


@dataclass(frozen=True, slots=True)
class Bench:
    """Runs things under one folder, which also holds what they make."""

    folder: Path

    def run(self, job: Job) -> tuple[Figures, Mapping[str, StoredFile]]:
        """Runs a job as the local backend does and publishes it; gives its files by key."""
        with closing(LocalBackend(self.folder / "scratch", Store(), tool_path=TOOL_PATH)) as backend:
            submission = backend.submit(job)
            while not (status := backend.poll([submission.job_id])[submission.job_id]).state.is_over:
                time.sleep(POLL_S)
            if status.report is None or status.reason:
                log = backend.read_log(submission.job_id, Stream.STDERR, 0).decode()
                raise RuntimeError(f"{job.name}: {status.reason}\n{log}")
            publish(Store(), job, status.report)
            backend.discard(submission.job_id)
        return Figures.of(status.report.usage), _published(job, status.report)

    def script(self, name: str, text: str) -> Figures:
        """Runs plain bash in the folder `plain/work`, with nothing around it but the account of what it used."""
        return self._bash(self.folder / "plain", name, text, {})

    def account(self, job: Job) -> Figures:
        """What the digests and canonical forms of a job's outputs take, which `run` has in its figures."""
        root = self.folder / f"account.{job.key.asset}"
        work = Attempt(root).work
        work.mkdir(parents=True)
        for output in job.outputs:
            (work / output.local).hardlink_to(output.uri)
        resources = {"JOB_CPUS": str(job.resources.cpus), "JOB_MEMORY_MIB": str(job.resources.memory_mib)}
        return self._bash(root, "account", script.render(replace(job, script=":")), resources)

    @property
    def plain(self) -> Path:
        """Where plain scripts work."""
        return Attempt(self.folder / "plain").work

    def _bash(self, root: Path, name: str, text: str, more: Mapping[str, str]) -> Figures:
        attempt = Attempt(root)
        for folder in (attempt.work, attempt.tmp, attempt.report):
            folder.mkdir(parents=True, exist_ok=True)
        attempt.script.write_text(text, encoding="utf-8")
        environment = {
            "PATH": os.pathsep.join([*map(str, TOOL_PATH), os.environ["PATH"]]),
            "HOME": str(attempt.tmp),
            "TMPDIR": str(attempt.tmp),
            "JOB_REPORT": str(attempt.report),
            "LC_ALL": "C",
        }
        ending = LocalProcess(attempt, {**environment, **more}).wait()
        if ending.exit_code != 0:
            raise RuntimeError(f"{name} ended with {ending.exit_code}:\n{attempt.stderr.read_text(errors='replace')}")
        return Figures(ending.wall_s, ending.cpu_s or 0.0, (ending.peak_memory_kib or 0) / 1024)


def _published(job: Job, report: JobReport) -> Mapping[str, StoredFile]:
    return {
        output.key: StoredFile(output.uri, made.size, made.content)
        for output, made in zip(job.outputs, report.files, strict=True)
    }
