"""What an attempt told of itself: `attempt-N/report.tar`, as its driver left it in S3."""

import io
import logging
import tarfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict, ValidationError

from bioinfo_assets.errors import NotFoundError
from bioinfo_assets.launch.backend import JobReport, Usage
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.script_report import ScriptReport, output_files, read_script_report
from bioinfo_assets.storage.store import Store, join

_log = logging.getLogger(__name__)


class RecordedExit(BaseModel):
    """How the script ended, as `job_supervisor.py` reported it."""

    model_config = ConfigDict(frozen=True)

    exit_code: int
    started: datetime
    finished: datetime
    wall_s: float
    cpu_s: float | None = None
    peak_memory_kib: int | None = None


@dataclass(frozen=True, slots=True)
class AttemptReport:
    """What one attempt told.

    Attributes:
        attempt: Its number, from 1.
        is_done: Whether all outputs were uploaded.
        told: What the script told.
        stderr: The end of what it said on stderr.
        ending: How the script ended; None where it was never started.
    """

    attempt: int
    is_done: bool
    told: ScriptReport
    stderr: str
    ending: RecordedExit | None

    def report(self, job: Job, folder: str, image: str, attempts: int) -> JobReport | None:
        """As every backend reports; None where the script was never started."""
        if self.ending is None:
            return None
        peak_kib = self.ending.peak_memory_kib
        return JobReport(
            started=self.ending.started,
            finished=self.ending.finished,
            usage=Usage(self.ending.wall_s, self.ending.cpu_s, None if peak_kib is None else peak_kib / 1024),
            exit_code=self.ending.exit_code,
            files=output_files(job, self.told, join(attempt_folder(folder, self.attempt), "work"))
            if self.is_done
            else (),
            facts=self.told.facts,
            warnings=self.told.warnings,
            image=image,
            attempts=attempts,
        )


def attempt_folder(folder: str, attempt: int) -> str:
    """Where an attempt of a job leaves what it made."""
    return join(folder, f"attempt-{attempt}")


def read_report(store: Store, folder: str, attempt: int) -> AttemptReport | None:
    """What an attempt told; None where it did not come to that, or is not to be understood."""
    try:
        data = store.read_bytes(join(attempt_folder(folder, attempt), "report.tar"))
    except NotFoundError:
        return None
    with TemporaryDirectory() as name:
        place = Path(name)
        try:
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                tar.extractall(place, filter="data")
            return _understood(place, attempt)
        except (tarfile.TarError, ValidationError) as error:
            _log.warning("the report of attempt %s in %s cannot be read: %s", attempt, folder, error)
            return None


def newest_report(store: Store, folder: str) -> AttemptReport | None:
    """What the last attempt told that made all outputs; else the last that told anything.

    A machine may be taken away, and a job started again, after all was done.
    """
    numbers = {uri.removeprefix(folder).split("/")[1] for uri in store.list(folder, recursive=True)}
    attempts = sorted(int(name.removeprefix("attempt-")) for name in numbers if name.startswith("attempt-"))
    told = [report for attempt in reversed(attempts) if (report := read_report(store, folder, attempt)) is not None]
    return next((report for report in told if report.is_done), told[0] if told else None)


def _understood(place: Path, attempt: int) -> AttemptReport:
    usage, stderr = place / "usage.json", place / "stderr"
    return AttemptReport(
        attempt=attempt,
        is_done=(place / "done").exists(),
        told=read_script_report(place),
        stderr=stderr.read_text(encoding="utf-8", errors="replace") if stderr.exists() else "",
        ending=RecordedExit.model_validate_json(usage.read_bytes()) if usage.exists() else None,
    )
