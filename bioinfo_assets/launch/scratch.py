"""Every path below a host's scratch: the folders of hosts, of attempts, and of copies of remote inputs.

`SCRATCH/host.X/.alive` is a lock that a host holds while it runs, `SCRATCH/host.X/inputs/DIGEST` the copy of a
remote input that its jobs share, and `SCRATCH/host.X/ASSET-SCOPE.X/` an attempt of a job.
"""

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Job, StoredFile
from bioinfo_assets.storage.atomic import translate_disk_errors
from bioinfo_assets.storage.file_lock import file_lock, is_held

_log = logging.getLogger(__name__)

_HOST_PREFIX: Final = "host."
_ALIVE: Final = ".alive"
_INPUTS: Final = "inputs"
_MAX_NAME_LENGTH: Final = 100  # of the 255 bytes of a file name: the rest is for mkdtemp and the tools' own suffixes


@dataclass(frozen=True, slots=True)
class Attempt:
    """The folder of one attempt to run a job.

    >>> Attempt(Path("/scratch/host.x1/aligned_bam-expt.x2")).work
    PosixPath('/scratch/host.x1/aligned_bam-expt.x2/work')
    """

    root: Path

    @property
    def host(self) -> Path:
        """The folder of the host that runs the job."""
        return self.root.parent

    @property
    def scratch(self) -> Path:
        """The folder that hosts share."""
        return self.root.parents[1]

    @property
    def work(self) -> Path:
        """Where the script runs: its inputs are staged here, and it leaves its outputs here."""
        return self.root / "work"

    @property
    def tmp(self) -> Path:
        """The script's `$TMPDIR`."""
        return self.root / "tmp"

    @property
    def report(self) -> Path:
        """The script's `$JOB_REPORT` (see `launch.script_report`)."""
        return self.root / "report"

    @property
    def script(self) -> Path:
        """The bash text that is run."""
        return self.root / "script.sh"

    @property
    def stdout(self) -> Path:
        """The script's standard output."""
        return self.root / "stdout.log"

    @property
    def stderr(self) -> Path:
        """The script's standard error, with that of its tools."""
        return self.root / "stderr.log"


def new_attempt(host: Path, job: Job) -> Attempt:
    """Create the folder of a new attempt; no two attempts share one, whichever process creates them.

    Raises:
        ResourceError: the disk is full.
    """
    with translate_disk_errors(host):
        host.mkdir(parents=True, exist_ok=True)
        attempt = Attempt(Path(tempfile.mkdtemp(prefix=f"{job.name[:_MAX_NAME_LENGTH]}.", dir=host)))
        for folder in (attempt.work, attempt.tmp, attempt.report):
            folder.mkdir()
        attempt.stdout.touch()
        attempt.stderr.touch()
    return attempt


def input_copy(inputs: Path, file: StoredFile) -> tuple[Path, Path]:
    """The path of the copy of a remote input in a host's `inputs`, and that of the lock of whoever writes it."""
    # By address too: two files of the same `content` may differ in their bytes.
    name = hashlib.sha256(f"{file.uri}\n{file.size}\n{file.content}".encode()).hexdigest()
    return inputs / name, inputs / f"{name}.lock"


class HostScratch:
    """A host's own folder in scratch, held for as long as the host lives.

    A host that was killed cannot free what its jobs left, which may be hundreds of GB: the next one does, and leaves
    scripts, logs and reports for people to read. A lock that is released with its process shows which hosts are alive.

    Args:
        scratch: The folder that hosts share.

    Raises:
        ResourceError: the disk is full.
        InputError: the folder cannot be written to.
    """

    def __init__(self, scratch: Path) -> None:
        with translate_disk_errors(scratch):
            scratch.mkdir(parents=True, exist_ok=True)
            self.root = Path(tempfile.mkdtemp(prefix=_HOST_PREFIX, dir=scratch))
            self.inputs.mkdir()
        self._life = ExitStack()
        self._life.enter_context(file_lock(self.root / _ALIVE))
        _free_dead_hosts(scratch)

    @property
    def inputs(self) -> Path:
        """Copies of remote inputs, which the jobs of this host share."""
        return self.root / _INPUTS

    def close(self) -> None:
        """Free the inputs, and the folder if no attempt is left in it."""
        shutil.rmtree(self.inputs, ignore_errors=True)
        if [path.name for path in self.root.iterdir()] == [_ALIVE]:
            shutil.rmtree(self.root)
        self._life.close()


def remove_folder(folder: Path) -> None:
    """Remove a job's folder, with folders that its script has made read-only; what cannot be removed is logged."""
    try:
        try:
            shutil.rmtree(folder)
        except PermissionError:
            for parent, names, _ in os.walk(folder):
                for path in (Path(parent, name) for name in names):
                    if not path.is_symlink():
                        path.chmod(0o700)
            shutil.rmtree(folder)
    except OSError as error:
        _log.warning("%s could not be removed: %s", folder, error)


def host_is_alive(root: Path) -> bool:
    """Return whether the host with this folder still runs jobs."""
    return is_held(root / _ALIVE)


def dead_hosts(scratch: Path) -> Iterator[Path]:
    """Yield the folders of hosts that are gone, sorted: they hold scripts, logs and reports of failed jobs."""
    for alive in sorted(scratch.glob(f"{_HOST_PREFIX}*/{_ALIVE}")):
        if not is_held(alive):
            yield alive.parent


def remove_dead_host(root: Path) -> None:
    """Remove what a host left.

    Raises:
        InputError: the host is alive, or its folder cannot be written to.
    """
    try:
        with file_lock(root / _ALIVE, wait=False), translate_disk_errors(root):
            shutil.rmtree(root)
    except BlockingIOError as error:
        raise InputError(f"{root} is in use by a run: wait until that is over") from error


def _free_dead_hosts(scratch: Path) -> None:
    for alive in scratch.glob(f"{_HOST_PREFIX}*/{_ALIVE}"):
        with suppress(BlockingIOError, FileNotFoundError), file_lock(alive, wait=False):
            shutil.rmtree(alive.parent / _INPUTS, ignore_errors=True)
            for folder in alive.parent.glob("*.*/"):
                attempt = Attempt(folder)
                shutil.rmtree(attempt.work, ignore_errors=True)
                shutil.rmtree(attempt.tmp, ignore_errors=True)
