"""Every path that jobs on AWS Batch use in scratch.

    SCRATCH/jobs/JOB_ID/N/BATCH_ID/attempt-M/report.tar
                                                 report of attempt M of submission N, its outputs in `work/`
    SCRATCH/jobs/JOB_ID/N/BATCH_ID/attempt-M/part-K/report.tar
                                                 the same for part K of a job with several parts, from 1
    SCRATCH/parts/JOB_ID/K                       shows that part K, from 0, of such a job is done: in its first line the
                                                 folder of its report and outputs
    SCRATCH/packages/NAME/job.tar                what the container of a job fetches
    SCRATCH/packages/NAME/INDEX/job.tar          the same for a job of an array
    SCRATCH/claims/FINGERPRINT.json              the submission that computes a result
    SCRATCH/submissions/NAME.json                Batch's id of a submission, and the run that waits for it
    SCRATCH/images/SHA256.tsv                    the tools of a container image
    SCRATCH/queues/SHA256.json                   a queue to which jobs were submitted, with the prefix of their names

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
_PART: Final = "part-"
_OF_A_PART: Final = re.compile(rf"/{_PART}\d+$")
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

    @property
    def parts(self) -> str:
        """The folder with a folder for each job of several parts, in which its parts show that they are done."""
        return join(self.root, "parts")

    def parts_of(self, job_folder: str) -> str:
        """The folder in which the parts of a job show that they are done."""
        return join(self.parts, job_folder.rpartition("/")[2])

    def packages(self, name: str) -> str:
        """The folder with the packages of a submission."""
        return join(self.root, "packages", name)

    def claim(self, fingerprint: str) -> str:
        """The claim of a fingerprint."""
        return join(self.root, "claims", f"{fingerprint}.json")

    @property
    def submissions(self) -> str:
        """The folder of the notes of submissions."""
        return join(self.root, "submissions")

    def submission_note(self, name: str, index: int | None = None) -> str:
        """The note of a submission; with an index, of one job of its array."""
        return join(self.submissions, f"{name}.json" if index is None else f"{name}.{index}.json")

    @property
    def queues(self) -> str:
        """The folder of the job queues to which jobs were submitted."""
        return join(self.root, "queues")

    def queue(self, name: str, prefix: str) -> str:
        """The file of one of them."""
        return join(self.queues, f"{sha256(f'{name} {prefix}'.encode()).hexdigest()}.json")

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


def attempt_folder(submission_folder: str, batch_id: str, attempt: int) -> str:
    """The folder to which an attempt of a submission uploads.

    Batch's id is part of it: if the answer to a submission is lost and it is made again, two jobs have its name.
    """
    return join(submission_folder, batch_id.replace(":", "_"), f"{_ATTEMPT}{attempt}")


def part_folder(attempt_folder: str, part: int) -> str:
    """The folder to which an attempt uploads a part of its job: its own for the first part, number 0."""
    return join(attempt_folder, f"{_PART}{part}") if part else attempt_folder


def part_uri(marks: str, part: int) -> str:
    """What shows that a part of a job is done, in the folder of that job (see `ScratchPaths.parts_of`)."""
    return join(marks, str(part))


def report_uri(attempt_folder: str) -> str:
    """The report of an attempt."""
    return join(attempt_folder, REPORT)


def work_folder(attempt_folder: str) -> str:
    """The outputs of an attempt."""
    return join(attempt_folder, "work")


def reported_attempts(store: Store, submission_folder: str) -> list[str]:
    """The folders of the attempts of a submission that have uploaded a report of the first part, the last one first."""
    reports = (uri for uri in store.list(submission_folder, recursive=True) if uri.endswith(f"/{REPORT}"))
    folders = (uri.rpartition("/")[0] for uri in reports)
    return sorted((folder for folder in folders if not _OF_A_PART.search(folder)), key=attempt_number, reverse=True)


def attempt_number(attempt_folder: str) -> int:
    """The number of the attempt that a folder belongs to, be it that of a part."""
    return int(attempt_folder.rpartition(_ATTEMPT)[2].partition("/")[0])
