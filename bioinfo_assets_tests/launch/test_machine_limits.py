"""CPUs and memory that a process may use, in the file systems of the kernel for both versions of control groups."""

import os
from pathlib import Path

import pytest

from bioinfo_assets.launch.machine_limits import MemoryLimit, available_cpus, available_memory_mib, memory_limit

GIB = 1024**3


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "cgroup"


@pytest.fixture
def own_groups(tmp_path: Path) -> Path:
    return tmp_path / "self"


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 64 CPUs and 512 GiB."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 512 * GIB // 4096}.__getitem__)


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


def test_this_machine_has_resources() -> None:
    assert available_cpus() >= 1
    assert available_memory_mib() >= 256


def test_without_control_groups_it_is_all_of_the_machine(root: Path, own_groups: Path) -> None:
    assert available_cpus(root, own_groups) == 64
    assert memory_limit(root, own_groups) == MemoryLimit(512 * 1024, "")


def test_a_limit_of_a_group_further_up_counts(root: Path, own_groups: Path) -> None:
    """Slurm sets the limit of a job, and starts its steps in groups below that."""
    own_groups.write_text("0::/slurm/job_7/step_0\n")
    write(root, cpu__max="max 100000")
    write(root / "slurm" / "job_7", memory__max=str(32 * GIB), cpu__max="800000 100000")
    write(root / "slurm" / "job_7" / "step_0", memory__max="max", cpu__max="max 100000")
    assert memory_limit(root, own_groups) == MemoryLimit(32 * 1024, str(root / "slurm" / "job_7"))
    assert available_cpus(root, own_groups) == 8


@pytest.mark.parametrize("path", ["/", "/docker/of/another/namespace"])
def test_in_a_container_the_root_has_the_limits(root: Path, own_groups: Path, path: str) -> None:
    own_groups.write_text(f"0::{path}\n")
    write(root, memory__max=str(4 * GIB), cpu__max="150000 100000")
    assert memory_limit(root, own_groups).mib == 4096
    assert available_cpus(root, own_groups) == 1


def test_less_than_one_cpu_is_one(root: Path, own_groups: Path) -> None:
    own_groups.write_text("0::/\n")
    write(root, cpu__max="50000 100000")
    assert available_cpus(root, own_groups) == 1


def test_the_first_version_has_a_hierarchy_for_each_controller(root: Path, own_groups: Path) -> None:
    own_groups.write_text("7:cpu,cpuacct:/a\n4:memory:/b\n1:name=systemd:/c\n0::/\n")
    write(root / "memory", memory__limit_in_bytes="9223372036854771712")
    write(root / "memory" / "b", memory__limit_in_bytes=str(16 * GIB))
    write(root / "cpu", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    write(root / "cpu" / "a", cpu__cfs_quota_us="400000", cpu__cfs_period_us="100000")
    assert memory_limit(root, own_groups) == MemoryLimit(16 * 1024, str(root / "memory" / "b"))
    assert available_cpus(root, own_groups) == 4
