"""Runs a step's job in a container with the memory and the disk that it asks for, and measures its peaks of both."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import docker
import psutil

from bioinfo_assets.launch.backend import State, Status, Stream
from bioinfo_assets.launch.docker.backend import DockerBackend
from bioinfo_assets.launch.job import Input, Job, StoredFile
from bioinfo_assets.storage.store import Store

MIB: Final = 1024 * 1024
_INTERVAL_S: Final = 0.1
_FILES: Final = 30_000
"""How many files a file system can have: a report on 1,000 samples reads 6,000."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a job asked for, and what it used.

    Attributes:
        asset: Its asset.
        memory_mib: The memory that it asked for, which was its container's limit.
        peak_memory_mib: The memory of its processes at the peak, without the kernel's cache of files.
        disk_mib: The disk space that it asked for, which was the size of its file system.
        peak_disk_mib: What its own inputs, temporary files and outputs took of it at the peak.
        wall_s: Its time in seconds.
        files: Its outputs.
    """

    asset: str
    memory_mib: int
    peak_memory_mib: float
    disk_mib: int
    peak_disk_mib: float
    wall_s: float
    files: dict[str, StoredFile]

    def __str__(self) -> str:
        return (
            f"{self.asset:<20} memory {self.peak_memory_mib:>7,.0f} of {self.memory_mib:>7,} MiB   "
            f"disk {self.peak_disk_mib:>7,.0f} of {self.disk_mib:>7,} MiB   {self.wall_s:>6.0f} s"
        )


@contextmanager
def file_system(folder: Path, size_mib: int) -> Iterator[Path]:
    """A file system in which this much can be written; as root only."""
    folder.mkdir(parents=True)
    image = folder.with_suffix(".ext4")
    with image.open("wb") as file:
        file.truncate((round(size_mib * 1.01) + 16) * MIB)  # and what the file system itself takes
    options = ["-m", "0", "-N", str(_FILES), "-O", "^has_journal,^resize_inode"]
    subprocess.run(["mkfs.ext4", "-q", *options, image], check=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)  # a container may be about to end
        image.unlink()
        folder.rmdir()


def run_measured(job: Job, image: str, folder: Path) -> Measurement:
    """Run a job that must succeed, with its own inputs in the file system that it asks for; keep its outputs."""
    outputs = folder / f"{job.key.asset}.outputs"
    outputs.mkdir(parents=True)
    with file_system(folder / f"{job.key.asset}.disk", job.resources.disk_mib) as disk:
        empty = psutil.disk_usage(str(disk)).used
        placed = replace(job, inputs=tuple(_place(item, disk / "inputs") for item in job.inputs))
        with closing(DockerBackend(disk / "scratch", Store(), image, memory_mib=1024 * 1024)) as backend:
            job_id = backend.submit(placed).job_id
            with _Sampler(disk, empty) as sampler:
                while not (status := backend.poll([job_id])[job_id]).state.is_over:
                    time.sleep(_INTERVAL_S)
            log = backend.read_log(job_id, Stream.STDERR, 0).decode(errors="replace")
            assert status.state is State.SUCCEEDED, f"{status.reason}\n{log[-4000:]}"
            return _measurement(job, status, sampler, outputs)


def _place(item: Input, inputs: Path) -> Input:
    """Copy an input that the job does not share with others into its file system, as a download would."""
    if item.shared:
        return item
    inputs.mkdir(exist_ok=True)
    path = inputs / item.local
    subprocess.run(["cp", item.file.uri, path], check=True)
    return replace(item, file=replace(item.file, uri=str(path)))


def _measurement(job: Job, status: Status, sampler: "_Sampler", outputs: Path) -> Measurement:
    report = status.report
    assert report is not None
    files = {}
    for file in report.files:
        path = outputs / Path(file.path).name
        subprocess.run(["cp", file.path, path], check=True)
        files[file.key] = StoredFile(str(path), file.size, file.content)
    return Measurement(
        job.key.asset,
        job.resources.memory_mib,
        sampler.peak_memory / MIB,
        job.resources.disk_mib,
        sampler.peak_disk / MIB,
        report.usage.wall_s,
        files,
    )


class _Sampler(threading.Thread):
    """Samples the memory of the processes of all containers with files on a disk, and what is used of the disk."""

    def __init__(self, disk: Path, empty: int) -> None:
        super().__init__(daemon=True)
        self._disk, self._over = disk, threading.Event()
        self._empty = empty
        self.peak_memory = self.peak_disk = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        with closing(docker.from_env()) as client:
            root: psutil.Process | None = None
            while not self._over.wait(_INTERVAL_S):
                self.peak_disk = max(self.peak_disk, psutil.disk_usage(str(self._disk)).used - self._empty)
                root = root or self._find_container(client)
                if root is not None:
                    self.peak_memory = max(self.peak_memory, _memory_of(root))

    def _find_container(self, client: docker.DockerClient) -> psutil.Process | None:
        for container in client.api.containers(filters={"label": "bioinfo-assets.host"}):
            if container["Labels"]["bioinfo-assets.host"].startswith(str(self._disk)):
                with suppress(psutil.NoSuchProcess, docker.errors.NotFound):  # it may end, and be removed, just now
                    state: dict[str, Any] = client.api.inspect_container(container["Id"])["State"]
                    return psutil.Process(state["Pid"]) if state["Pid"] else None
        return None


def _memory_of(root: psutil.Process) -> int:
    """The anonymous memory of a process and all that it started, in bytes."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        for process in (root, *root.children(recursive=True)):
            with suppress(OSError):
                status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace")
                total += 1024 * sum(
                    int(line.split()[1]) for line in status.splitlines() if line.startswith(("RssAnon:", "RssShmem:"))
                )
    return total
