"""What this process may use of its machine: CPUs by its affinity and quota, memory by the limits of its control groups.

A limit may be set for a group or for any that it is in (Linux kernel, cgroup-v2: `memory.max`, `cpu.max`; version 1 has
a hierarchy for each of them). In a container with a namespace of its own, the root of the hierarchy is its group.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

_MIB: Final = 1024 * 1024
_ROOT: Final = Path("/sys/fs/cgroup")
_OWN_GROUPS: Final = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """A limit of memory.

    Attributes:
        mib: Its size in MiB.
        group: The control group that it is set for, whose processes share it; empty if it is the machine's memory.
    """

    mib: int
    group: str


def cpu_ids() -> frozenset[int]:
    """The numbers of the CPUs that this process may run on."""
    return frozenset(os.sched_getaffinity(0))


def available_cpus(root: Path = _ROOT, own_groups: Path = _OWN_GROUPS) -> int:
    """Return the number of CPUs that this process may use at a time: at least one, and the whole ones of a quota.

    Args:
        root: Of the hierarchies of control groups.
        own_groups: Names the groups of this process.
    """
    quotas = [_quota(folder) for folder in _folders(root, own_groups, "cpu")]
    return max(1, min([len(cpu_ids()), *(int(quota) for quota in quotas if quota is not None)]))


def available_memory_mib() -> int:
    """Return this machine's memory in MiB, or a limit that this process has."""
    return memory_limit().mib


def memory_limit(root: Path = _ROOT, own_groups: Path = _OWN_GROUPS) -> MemoryLimit:
    """Return the smallest limit of memory that this process has, with the group that it is set for.

    Args:
        root: Of the hierarchies of control groups.
        own_groups: Names the groups of this process.
    """
    limits = [MemoryLimit(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB, "")]
    for folder in _folders(root, own_groups, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = _read(folder / name)
            if text.isdecimal():  # version 2 has `max` where there is none, version 1 a very large number
                limits.append(MemoryLimit(int(text) // _MIB, str(folder)))
    return min(limits, key=lambda limit: limit.mib)


def _folders(root: Path, own_groups: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's group, and of those that it is in, in both versions."""
    for line in _read(own_groups).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2
            base = root
        elif controller in controllers.split(","):
            base = root / controller
        else:
            continue
        group = PurePosixPath(path)
        yield from (base / part.relative_to("/") for part in (group, *group.parents) if part.is_absolute())


def _quota(folder: Path) -> float | None:
    """The CPUs of a group; None if it has no quota."""
    text = _read(folder / "cpu.max") or f"{_read(folder / 'cpu.cfs_quota_us')} {_read(folder / 'cpu.cfs_period_us')}"
    quota, _, period = text.partition(" ")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else None


def _read(file: Path) -> str:
    """The text of a file of the kernel; empty where there is none, or it may not be read."""
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        return ""
