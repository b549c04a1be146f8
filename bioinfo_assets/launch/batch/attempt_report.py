"""The report of one attempt, `report.tar`, which its driver uploads to S3 at its end."""

import io
import logging
import tarfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict, ValidationError

from bioinfo_assets.errors import NotFoundError
from bioinfo_assets.launch.accounting import Accounting
from bioinfo_assets.launch.backend import JobReport, Usage
from bioinfo_assets.launch.batch.job_accounting import upload_end
from bioinfo_assets.launch.batch.scratch_paths import report_uri, reported_attempts, work_folder
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.script import ScriptReport, output_files, read_script_report
from bioinfo_assets.storage.store import Store

_log = logging.getLogger(__name__)


class ProblemCode(Enum):
    """Why `driver.sh` aborted an attempt, as far as the backend reacts to it; the values are those of driver.sh."""

    TOOLS_CHANGED = "tools-changed"


class RecordedExit(BaseModel):
    """How the script ended, as `job_supervisor.py` reported it."""

    model_config = ConfigDict(frozen=True)

    exit_code: int
    started: datetime
    finished: datetime
    wall_s: float
    cpu_s: float | None = None
    peak_memory_kib: int | None = None
    machine: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """What the driver moved; None where it did not get that far, or the disk was too full to write it down.

    Attributes:
        staging_s: Seconds of staging.
        fetched_bytes: Bytes that were downloaded.
        upload_s: Seconds of uploading.
        uploaded_bytes: Bytes that were uploaded.
    """

    staging_s: float | None = None
    fetched_bytes: int | None = None
    upload_s: float | None = None
    uploaded_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class AttemptReport:
    """The report of one attempt.

    Attributes:
        folder: Its folder in scratch.
        is_done: Whether all outputs were uploaded.
        script: What the script reported.
        stderr: The end of the script's standard error.
        exit: How the script ended; None if it was never started.
        problem_code: Why the driver aborted the attempt; None if it did not, or for a reason without a code.
        transfer: What the driver moved.
        unpublished: The local names of the outputs that were not uploaded, because only parts after this one read them.
    """

    folder: str
    is_done: bool
    script: ScriptReport
    stderr: str
    exit: RecordedExit | None
    problem_code: ProblemCode | None = None
    transfer: Transfer = Transfer()
    unpublished: frozenset[str] = frozenset()

    @property
    def end(self) -> float | None:
        """When its outputs were uploaded, in seconds since the epoch; None if the script was never started."""
        return None if self.exit is None else upload_end(self.exit.finished, self.transfer.upload_s)

    def job_report(self, job: Job, image: str, attempts: int, accounting: Accounting | None = None) -> JobReport | None:
        """The report in the form that all backends share; None if the script was never started.

        Args:
            job: The job.
            image: The image that it ran in.
            attempts: How often it was started.
            accounting: What Batch knows of it, to which the driver's figures are added.
        """
        if self.exit is None:
            return None
        peak_kib = self.exit.peak_memory_kib
        return JobReport(
            started=self.exit.started,
            finished=self.exit.finished,
            usage=Usage(self.exit.wall_s, self.exit.cpu_s, None if peak_kib is None else peak_kib / 1024),
            exit_code=self.exit.exit_code,
            files=output_files(job, self.script, work_folder(self.folder), self.unpublished) if self.is_done else (),
            facts=self.script.facts,
            warnings=self.script.warnings,
            image=image,
            attempts=attempts,
            accounting=(accounting or Accounting()).model_copy(
                update={"machine": self.exit.machine, **asdict(self.transfer)}
            ),
        )


def read_report(store: Store, folder: str) -> AttemptReport | None:
    """Read the report in the folder of an attempt; None if there is none or it is damaged."""
    try:
        data = store.read_bytes(report_uri(folder))
    except NotFoundError:
        return None
    with TemporaryDirectory() as unpacked:
        try:
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                _extract(tar, Path(unpacked))
            return _parse(Path(unpacked), folder)
        except (tarfile.TarError, ValidationError) as error:
            _log.warning("the report in %s cannot be read: %s", folder, error)
            return None


def _extract(tar: tarfile.TarFile, folder: Path) -> None:
    """Extract the files of a report, which are in no folder; anything else in it is ignored.

    `extractall(filter="data")` came with Python 3.11.4, and Debian 12 has 3.11.2.
    """
    for member in tar:
        name = member.name.removeprefix("./")
        file = tar.extractfile(member) if member.isfile() and "/" not in name else None
        if file is not None:
            (folder / name).write_bytes(file.read())


def newest_report(store: Store, folder: str) -> AttemptReport | None:
    """Read the report of the last attempt of a submission that uploaded all outputs, or of the last one with a report.

    A spot machine may be reclaimed, and the job started again, after all its work was done.
    """
    reports = [report for attempt in reported_attempts(store, folder) if (report := read_report(store, attempt))]
    return next((report for report in reports if report.is_done), reports[0] if reports else None)


def _parse(folder: Path, attempt_folder: str) -> AttemptReport:
    usage, stderr, unpublished = folder / "usage.json", folder / "stderr", folder / "unpublished.txt"
    return AttemptReport(
        folder=attempt_folder,
        is_done=(folder / "done").exists(),
        script=read_script_report(folder),
        stderr=stderr.read_text(encoding="utf-8", errors="replace") if stderr.exists() else "",
        exit=RecordedExit.model_validate_json(usage.read_bytes()) if usage.exists() else None,
        problem_code=_problem_code(folder / "problem_code"),
        transfer=_transfer(folder / "transfer.tsv"),
        unpublished=frozenset(unpublished.read_text(encoding="utf-8").split()) if unpublished.exists() else frozenset(),
    )


def _transfer(path: Path) -> Transfer:
    """The driver's figures: lines of NAME and VALUE, of which those of the same name are added; one may be cut off."""
    sums: Counter[str] = Counter()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        name, _, value = line.partition("\t")
        if value.isdecimal():
            sums[name] += int(value)
    return Transfer(
        staging_s=_seconds(sums, "staging_ms"),
        fetched_bytes=sums.get("fetched_bytes", 0) if "staging_ms" in sums else None,
        upload_s=_seconds(sums, "upload_ms"),
        uploaded_bytes=sums.get("uploaded_bytes"),
    )


def _seconds(sums: Mapping[str, int], name: str) -> float | None:
    return sums[name] / 1000 if name in sums else None


def _problem_code(path: Path) -> ProblemCode | None:
    """The code in a file; None if there is none, or that of another version's driver."""
    value = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    return next((code for code in ProblemCode if code.value == value), None)
