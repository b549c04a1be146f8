"""What Batch and S3 say of jobs now: few calls for many jobs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bioinfo_assets.launch.batch.attempt_report import AttemptReport, newest_report, read_report
from bioinfo_assets.launch.batch.batch_job import BatchJob
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.limits import Limits
from bioinfo_assets.storage.store import Store

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

ENDED: Final = frozenset({"SUCCEEDED", "FAILED"})

_ANEW: Final = 12
"""After so many looks the jobs of an array are asked for though its summary has not changed: a reason to wait, for one,
does not change it."""


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """A job as it is now.

    Attributes:
        detail: What Batch says; None where it does not know the job.
        told: What the job told of itself, where it is over.
    """

    detail: "JobDetailTypeDef | None"
    told: AttemptReport | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.detail is None or self.detail["status"] in ENDED


class JobPoller:
    """Asks for jobs; used by one thread at a time.

    Args:
        client: To Batch.
        store: To S3.
        limits: How long what is missing may be missing.
    """

    def __init__(self, client: Client, store: Store, limits: Limits) -> None:
        self._client = client
        self._store = store
        self._limits = limits
        self._arrays: dict[str, tuple[object, float]] = {}

    def look(self, jobs: Sequence[BatchJob]) -> list[tuple[BatchJob, "JobDetailTypeDef | None"]]:
        """The jobs of which there may be news, with what Batch says of each.

        Those of an array are asked for only when the array's own summary tells of a change, and from time to time.

        Raises:
            BioinfoAssetsError: Batch cannot be asked.
        """
        parents = {job.parent for job in jobs} - {""}
        found = self._client.describe([*(job.batch_id for job in jobs if job.batch_id and not job.parent), *parents])
        changed = {name for name in parents if self._has_news(name, found.get(name))}
        asked = [job for job in jobs if not job.parent or job.parent in changed]
        found |= self._client.describe([job.batch_id for job in asked if job.parent])
        now = time.monotonic()
        self._arrays = {
            name: (_summary(found.get(name)), now) if name in changed else self._arrays[name] for name in parents
        }
        return [(job, found.get(job.batch_id)) for job in asked]

    def seen(self, job: BatchJob, detail: "JobDetailTypeDef | None") -> JobSnapshot | None:
        """The job with its own account, if it is over; None where Batch may not tell of it yet.

        Raises:
            BioinfoAssetsError: its account cannot be read.
        """
        if detail is None:
            if job.batch_id and job.age_s < self._limits.listed_s:
                return None
            return JobSnapshot(None, newest_report(self._store, job.folder))
        if detail["status"] not in ENDED:
            return JobSnapshot(detail)
        attempts = len(detail.get("attempts", ()))
        told = read_report(self._store, job.folder, max(1, attempts))
        if attempts > 1 and (told is None or not told.is_done):
            told = newest_report(self._store, job.folder)
        return JobSnapshot(detail, told)

    def _has_news(self, name: str, parent: "JobDetailTypeDef | None") -> bool:
        summary, at = self._arrays.get(name, (None, 0.0))
        is_old = time.monotonic() - at > _ANEW * self._limits.poll_s
        return parent is None or parent["status"] in ENDED or is_old or summary != _summary(parent)


def _summary(parent: "JobDetailTypeDef | None") -> object:
    """What of an array changes when any of its jobs changes its state."""
    if parent is None:
        return None
    return parent["status"], dict(parent.get("arrayProperties", {}).get("statusSummary", {}))
