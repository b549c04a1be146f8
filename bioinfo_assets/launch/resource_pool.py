"""This machine's processors and memory, and how jobs share them."""

import os
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import ResourceError
from bioinfo_assets.launch.job import Job, Resources

_MIB: Final = 1024 * 1024
_CGROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),  # version 2
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),  # version 1
)


def available_cpus() -> int:
    """The processors this process may run on."""
    return len(os.sched_getaffinity(0))


def available_memory_mib() -> int:
    """This machine's memory in MiB, or what a container is given of it."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _CGROUP_LIMITS:
        text = path.read_text(encoding="ascii").strip() if path.exists() else ""
        if text.isdecimal():  # version 2 says `max` where there is no limit
            limits.append(int(text))
    return min(limits) // _MIB


@dataclass(slots=True)
class ResourcePool:
    """CPUs and memory shared out among jobs, first come, first served; not safe for threads by itself.

    The first in the queue is never passed by a smaller one, so that a big job is not starved.

    >>> shares = Shares(cpus=2, memory_mib=4096)
    >>> for job, cpus in ("a", 1), ("b", 2), ("c", 1):
    ...     shares.ask(job, Resources(cpus=cpus, memory_mib=512))
    >>> shares.admitted(), shares.admitted()
    ('a', None)
    >>> shares.free("a")
    >>> shares.admitted()
    'b'
    """

    cpus: int
    memory_mib: int
    _waiting: OrderedDict[str, Resources] = field(default_factory=OrderedDict)
    _held: dict[str, Resources] = field(default_factory=dict)

    def granted(self, job: Job) -> Resources:
        """What a job will get: never more CPUs than there are, since it runs with fewer, only longer.

        Raises:
            ResourceError: it asks for more memory than there is.
        """
        if job.resources.memory_mib > self.memory_mib:
            raise ResourceError(
                f"step {job.key.label} asks for {job.resources.memory_mib} MiB of memory and this machine "
                f"may give {self.memory_mib} MiB: lower the step's memory setting, or run it on a larger machine"
            )
        return Resources(cpus=min(job.resources.cpus, self.cpus), memory_mib=job.resources.memory_mib)

    def ask(self, job_id: str, resources: Resources) -> None:
        """Puts a job at the end of the queue."""
        self._waiting[job_id] = resources

    def admitted(self) -> str | None:
        """The first in the queue if there is room for it, which it then holds."""
        job_id, wanted = next(iter(self._waiting.items()), (None, None))
        if job_id is None or wanted is None:
            return None
        cpus = self.cpus - sum(held.cpus for held in self._held.values())
        memory_mib = self.memory_mib - sum(held.memory_mib for held in self._held.values())
        if wanted.cpus > cpus or wanted.memory_mib > memory_mib:
            return None
        self._held[job_id] = self._waiting.pop(job_id)
        return job_id

    def free(self, job_id: str) -> None:
        """Takes a job out, whether it waited or held its share."""
        self._waiting.pop(job_id, None)
        self._held.pop(job_id, None)
