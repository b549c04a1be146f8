"""Every path that jobs on AWS Batch use in scratch.

    SCRATCH/jobs/JOB_ID/N/attempt-M/report.tar   report of attempt M of submission N, its outputs in `work/`
    SCRATCH/packages/NAME/job.tar                what the container of a job fetches
    SCRATCH/packages/NAME/INDEX/job.tar          the same for a job of an array
    SCRATCH/claims/FINGERPRINT.json              the submission that computes a result
    SCRATCH/submissions/NAME.json                Batch's id of a submission, and the run that waits for it
    SCRATCH/images/SHA256.tsv                    the tools of a container image

`driver.sh` writes into the attempt's folder and spells its last parts again.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.storage.store import Store, join

PACKAGE: Final = "job.tar"
REPORT: Final = "report.tar"
_ATTEMPT: Final = "attempt-"
_ROOT: Final = re.compile(r"s3://[a-z0-9.-]+(/[A-Za-z0-9!_.()=+@,-]+)*")
"""A prefix that no tool mistakes for a pattern."""


@dataclass(frozen=True, slots=True)
class ScratchPaths:
    """The paths under one scratch prefix.

    Raises:
        InputError: the prefix is not in S3, or has characters that tools read as a pattern.
    """

    root: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.root.rstrip("/"))
        if not _ROOT.fullmatch(self.root):
            raise InputError(
                f"jobs on AWS Batch cannot use {self.root} as scratch: set scratch to s3://BUCKET/FOLDER, without "
                "spaces or characters such as * and ?"
            )

    def job_folder(self, job_id: str) -> str:
        """The folder of a job, with one folder for each of its submissions."""
        return join(self.root, "jobs", job_id)

    def packages(self, name: str) -> str:
        """The folder with the packages of a submission."""
        return join(self.root, "packages", name)

    def claim(self, fingerprint: str) -> str:
        """The claim of a fingerprint."""
        return join(self.root, "claims", f"{fingerprint}.json")

    def submission_note(self, name: str, index: int | None = None) -> str:
        """The note of a submission; with an index, of one job of its array."""
        return join(self.root, "submissions", f"{name}.json" if index is None else f"{name}.{index}.json")

    def tool_list(self, image: str) -> str:
        """The list of an image's tools."""
        return join(self.root, "images", f"{sha256(image.encode()).hexdigest()}.tsv")


def package_uri(packages: str, index: int | None) -> str:
    """The package of a job: in the folder itself, or for a job of an array in a folder named by its index."""
    return join(packages, PACKAGE) if index is None else join(packages, str(index), PACKAGE)


def submission_folder(job_folder: str, number: int) -> str:
    """The folder of a job's submission with this number, from 1."""
    return join(job_folder, str(number))


def job_folder_of(submission_folder: str) -> str:
    """The folder of the job that a submission's folder belongs to."""
    return submission_folder.rpartition("/")[0]


def submission_number(folder: str) -> int:
    """The number of the submission that a folder belongs to."""
    return int(folder.rpartition("/")[2])


def report_uri(folder: str, attempt: int) -> str:
    """The report of an attempt of a submission."""
    return join(folder, f"{_ATTEMPT}{attempt}", REPORT)


def work_folder(folder: str, attempt: int) -> str:
    """The outputs of an attempt of a submission."""
    return join(folder, f"{_ATTEMPT}{attempt}", "work")


def attempt_numbers(store: Store, folder: str) -> list[int]:
    """The attempts of a submission that have uploaded anything, newest first."""
    names = {uri.removeprefix(folder).split("/")[1] for uri in store.list(folder, recursive=True)}
    return sorted((int(name.removeprefix(_ATTEMPT)) for name in names if name.startswith(_ATTEMPT)), reverse=True)
