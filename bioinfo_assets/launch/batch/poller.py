"""Snapshots of jobs from Batch and S3, in few calls for many jobs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bioinfo_assets.launch.batch.attempt_report import AttemptReport, newest_report, read_report
from bioinfo_assets.launch.batch.batch_job import BatchJob, BatchSubmission
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.storage.store import Store

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

ENDED: Final = frozenset({"SUCCEEDED", "FAILED"})

_REFRESH_POLLS: Final = 12
"""Polls after which the jobs of an array are described although its summary has not changed: the reason why a job
waits, for example, is not in the summary."""


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """A job at the time of a poll.

    Attributes:
        detail: Batch's description; None if Batch does not know the job.
        report: The report of its last attempt, if it is over.
    """

    detail: "JobDetailTypeDef | None"
    report: AttemptReport | None = None

    @property
    def is_over(self) -> bool:
        """Whether the job has ended."""
        return self.detail is None or self.detail["status"] in ENDED


class JobPoller:
    """Polls jobs; used by one thread at a time.

    Args:
        client: Client for Batch.
        store: Store for S3.
        config: Poll interval, and how long a new job may be unknown.
    """

    def __init__(self, client: Client, store: Store, config: BatchConfig) -> None:
        self._client = client
        self._store = store
        self._config = config
        self._summaries: dict[str, tuple[object, float]] = {}

    def describe(self, jobs: Sequence[BatchJob]) -> list[tuple[BatchJob, "JobDetailTypeDef | None"]]:
        """Return the jobs that may have changed, with Batch's descriptions of them.

        The jobs of an array are described only when the array's own summary has changed, and from time to time.

        Raises:
            BioinfoAssetsError: Batch cannot be reached or refuses.
        """
        submissions = [(job, job.submission) for job in jobs]
        parents = {submission.parent for _, submission in submissions} - {""}
        single = [item.batch_id for _, item in submissions if item.batch_id and not item.parent]
        details = self._client.describe([*single, *parents])
        changed = {parent for parent in parents if self._has_changed(parent, details.get(parent))}
        polled = [(job, item) for job, item in submissions if not item.parent or item.parent in changed]
        details |= self._client.describe([item.batch_id for _, item in polled if item.parent])
        now = time.monotonic()
        self._summaries = {
            parent: (_summary(details.get(parent)), now) if parent in changed else self._summaries[parent]
            for parent in parents
        }
        return [(job, details.get(item.batch_id)) for job, item in polled]

    def snapshot(self, submission: BatchSubmission, detail: "JobDetailTypeDef | None") -> JobSnapshot | None:
        """Return a job with its report, if it is over; None while Batch may not list it yet.

        Raises:
            BioinfoAssetsError: its report cannot be read.
        """
        if detail is None:
            if submission.batch_id and submission.age_s < self._config.visibility_grace_s:
                return None
            return JobSnapshot(None, newest_report(self._store, submission.folder))
        if detail["status"] not in ENDED:
            return JobSnapshot(detail)
        attempts = len(detail.get("attempts", ()))
        report = read_report(self._store, submission.folder, max(1, attempts))
        if attempts > 1 and (report is None or not report.is_done):
            report = newest_report(self._store, submission.folder)
        return JobSnapshot(detail, report)

    def _has_changed(self, parent: str, detail: "JobDetailTypeDef | None") -> bool:
        summary, at = self._summaries.get(parent, (None, 0.0))
        is_outdated = time.monotonic() - at > _REFRESH_POLLS * self._config.poll_interval_s
        return detail is None or detail["status"] in ENDED or is_outdated or summary != _summary(detail)


def _summary(parent: "JobDetailTypeDef | None") -> object:
    """What changes in the description of an array when one of its jobs changes its state."""
    if parent is None:
        return None
    return parent["status"], dict(parent.get("arrayProperties", {}).get("statusSummary", {}))
