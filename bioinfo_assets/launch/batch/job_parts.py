"""The parts of a job on AWS Batch: a step and those that run after it in the same container.

`driver.sh` shows in S3 when a part is done, so that its result is published while the next one runs, and so that
another attempt does not run it again. The last part is done when the job is, according to Batch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from threading import Lock
from typing import Final

from bioinfo_assets.errors import NotFoundError
from bioinfo_assets.launch.backend import State, Status
from bioinfo_assets.launch.batch.attempt_report import AttemptReport, read_report
from bioinfo_assets.launch.batch.job_accounting import upload_end
from bioinfo_assets.launch.batch.scratch_paths import part_folder, part_uri
from bioinfo_assets.launch.fused import not_run, output_uris
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.script import render
from bioinfo_assets.storage.store import Store

IN_TURN: Final = Status(State.QUEUED, "runs after the step before it, in the same job")

_OF_A_PART: Final = ("vcpus", "memory_mib", "timeout_s", "retries", "fuse")
"""The options that may differ between the parts of a job: the others are those of its one container."""


def joinable(job: Job, followers: Sequence[Job]) -> tuple[Job, ...]:
    """The first of the followers that can run in the same container as a job."""
    joined: list[Job] = []
    for follower in followers:
        if _container_options(follower) != _container_options(job):
            break
        joined.append(follower)
    return tuple(joined)


def _container_options(job: Job) -> object:
    return job.options.model_copy(update=dict.fromkeys(_OF_A_PART))


@dataclass(slots=True)
class JobParts:
    """The parts of a job; safe for threads.

    Attributes:
        jobs: The parts, the job itself first.
        first: The number of the first of them in the container: not 0 if an earlier run submitted others before it.
    """

    jobs: tuple[Job, ...]
    first: int = 0
    _fingerprints: dict[int, str] = field(default_factory=dict)
    _done: list[Status] = field(default_factory=list)
    _discarded: set[int] = field(default_factory=set)
    _keeps_log: bool = False
    _cancelled: int | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def are_several(self) -> bool:
        """Whether the container runs several."""
        return len(self.jobs) > 1 or self.first > 0

    @property
    def current(self) -> int:
        """The part that runs, or that the job ended with."""
        return len(self._done)

    @property
    def last_end(self) -> float | None:
        """When the last part that is done had uploaded its outputs, in seconds since the epoch."""
        report = self._done[-1].report if self._done else None
        return None if report is None else upload_end(report.finished, report.accounting.upload_s)

    def has_news(self, done: int) -> bool:
        """Whether a part is done that is not known to be, by how many the container has done; the last one apart."""
        return self.current < min(done - self.first, len(self.jobs) - 1)

    def current_job(self, whole: Job) -> Job:
        """The part that runs, with the resources and options of the whole job."""
        return replace(self.jobs[self.current], resources=whole.resources, options=whole.options)

    def tools(self) -> list[str]:
        """The tools of all parts."""
        return sorted({tool for job in self.jobs for tool in job.tools})

    def made_before(self, part: int) -> frozenset[str]:
        """The addresses of what the parts before this one make."""
        return output_uris(self.jobs[:part])

    def identities(self, part: int = 0) -> tuple[str, ...]:
        """What distinguishes the followers of a part from those of another job with the same fingerprint."""
        return tuple(sha256(render(job).encode()).hexdigest() for job in self.jobs[part + 1 :])

    def identify(self, part: int, fingerprint: str) -> None:
        """Enter the fingerprint of a part, which is known once its inputs are."""
        with self._lock:
            self._fingerprints[part] = fingerprint

    def fingerprints(self) -> Mapping[int, str]:
        """The fingerprints that are known, by part."""
        with self._lock:
            return dict(self._fingerprints)

    def finish(self, part: int, status: Status) -> None:
        """Enter the end of a part that has succeeded, unless another thread did."""
        with self._lock:
            if part == len(self._done):
                self._done.append(status)

    def status(self, part: int, whole: Status) -> Status:
        """The status of a part, from that of the whole job."""
        with self._lock:
            if part < len(self._done):
                return self._done[part]
            if part == len(self._done):
                return whole
            return not_run(self.jobs[len(self._done)]) if whole.state.is_over else IN_TURN

    def cancel(self, part: int) -> None:
        """Note that a part is not to be run; those after it are not run either."""
        with self._lock:
            self._cancelled = part if self._cancelled is None else min(part, self._cancelled)

    @property
    def is_cancelled_now(self) -> bool:
        """Whether the part that runs is not wanted."""
        with self._lock:
            return self._cancelled is not None and self._cancelled <= len(self._done)

    def discard(self, part: int, *, keep_log: bool) -> bool:
        """Note that nobody needs a part any longer; return whether that is so of all parts."""
        with self._lock:
            self._discarded.add(part)
            self._keeps_log |= keep_log
            return len(self._discarded) == len(self.jobs)

    @property
    def keeps_log(self) -> bool:
        """Whether the log of a part is to be kept."""
        return self._keeps_log


def done_counts(uris: Iterable[str]) -> Mapping[str, int]:
    """By folder of a job's marks: how many of its parts are done.

    >>> done_counts(["s3://b/parts/a/0", "s3://b/parts/a/1", "s3://b/parts/b/0"])
    {'s3://b/parts/a': 2, 's3://b/parts/b': 1}
    """
    counts: dict[str, int] = {}
    for uri in uris:
        folder = uri.rpartition("/")[0]
        counts[folder] = counts.get(folder, 0) + 1
    return counts


def done_report(store: Store, marks: str, part: int) -> AttemptReport | None:
    """The report of a part that is done; None if it is not.

    Args:
        store: Store for S3.
        marks: The folder in which the parts of the job show that they are done.
        part: Its number.
    """
    try:
        mark = store.read_bytes(part_uri(marks, part)).decode()
    except NotFoundError:
        return None
    return read_report(store, mark.partition("\n")[0])


def last_report(store: Store, attempt_folder: str, part: int) -> AttemptReport | None:
    """The report that an attempt left of the part it ended with; None if it left none."""
    return read_report(store, part_folder(attempt_folder, part))
