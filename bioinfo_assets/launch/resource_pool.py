"""This machine's CPUs and memory, and how jobs share them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.launch.job import Job, Resources


@dataclass(frozen=True, slots=True)
class _Queued:
    """A job in the queue.

    Attributes:
        turn: Of its scope: jobs of a scope that came earlier go first.
        number: Its own, in the order of arrival.
        resources: What it needs.
    """

    turn: int
    number: int
    resources: Resources


def _always(_job_id: str, _resources: Resources) -> bool:
    return True


@dataclass(slots=True)
class ResourcePool:
    """CPUs and memory shared among jobs, in the order in which samples came; not thread-safe by itself.

    A sample whose first job was submitted earlier goes first with all its jobs, so that results are finished one sample
    after the other. The first job in the queue is never overtaken by a smaller one, so that a big job is not starved.

    >>> pool = ResourcePool(cpus=2, memory_mib=4096)
    >>> for job, sample, cpus in ("merge a", "a", 1), ("merge b", "b", 2), ("align a", "a", 2):
    ...     pool.enqueue(job, sample, Resources(cpus=cpus, memory_mib=512))
    >>> pool.next_admitted(), pool.next_admitted()
    ('merge a', None)
    >>> pool.release("merge a")
    >>> pool.next_admitted()
    'align a'
    """

    cpus: int
    memory_mib: int
    _waiting: dict[str, _Queued] = field(default_factory=dict)
    _order: list[tuple[int, int, str]] = field(default_factory=list)
    _arrivals: int = 0
    _turns: dict[str, int] = field(default_factory=dict)
    _held: dict[str, Resources] = field(default_factory=dict)

    def clamp(self, job: Job) -> Resources:
        """Return what a job will get: at most all CPUs of the pool, since with fewer it only takes longer.

        Raises:
            ResourceError: it needs more memory than the pool has.
        """
        if job.resources.memory_mib > self.memory_mib:
            raise ResourceError(
                f"step {job.key.label} needs {job.resources.memory_mib} MiB of memory, and jobs may use "
                f"{self.memory_mib} MiB of this machine: lower memory_mib of {job.key.asset}, or use a larger machine"
            )
        return Resources(cpus=min(job.resources.cpus, self.cpus), memory_mib=job.resources.memory_mib)

    def enqueue(self, job_id: str, scope: str, resources: Resources) -> None:
        """Put a job into the queue, after the others of its sample or shared scope."""
        queued = _Queued(self._turns.setdefault(scope, len(self._turns)), self._arrivals, resources)
        self._arrivals += 1
        self._waiting[job_id] = queued
        heappush(self._order, (queued.turn, queued.number, job_id))

    @property
    def waiting(self) -> str | None:
        """The first job in the queue; None if there is none."""
        while self._order:
            _, number, job_id = self._order[0]
            queued = self._waiting.get(job_id)
            if queued is not None and queued.number == number:
                return job_id
            heappop(self._order)  # it was taken out, and may have come again
        return None

    def next_admitted(self, may_hold: Callable[[str, Resources], bool] = _always) -> str | None:
        """Return the first job in the queue if there are resources for it, which it then holds.

        Args:
            may_hold: Asked last, whether the machine has them too.
        """
        job_id = self.waiting
        if job_id is None:
            return None
        resources = self._waiting[job_id].resources
        cpus = self.cpus - sum(held.cpus for held in self._held.values())
        memory_mib = self.memory_mib - sum(held.memory_mib for held in self._held.values())
        if resources.cpus > cpus or resources.memory_mib > memory_mib or not may_hold(job_id, resources):
            return None
        self._held[job_id] = self._waiting.pop(job_id).resources
        return job_id

    def is_waiting(self, job_id: str) -> bool:
        """Whether a job is in the queue."""
        return job_id in self._waiting

    def release(self, job_id: str) -> None:
        """Take a job out, whether it waited or held resources."""
        self._waiting.pop(job_id, None)
        self._held.pop(job_id, None)
