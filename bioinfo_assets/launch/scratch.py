"""Every path of scratch: of a job's attempt, and of the folder of a host that runs jobs."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Job
from bioinfo_assets.storage.atomic import file_lock, translate_disk_errors

_HOST: Final = "host."
_ALIVE: Final = ".alive"
_LONGEST_NAME: Final = (
    100  # of the 255 bytes a file name may have: the rest is for mkdtemp and for the tools' own suffixes
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """The folder of one attempt to run a job.

    >>> Attempt(Path("/scratch/aligned_bam-expt.x1")).work
    PosixPath('/scratch/aligned_bam-expt.x1/work')
    """

    root: Path

    @property
    def work(self) -> Path:
        """Where the script runs: its inputs stand here, its outputs are left here."""
        return self.root / "work"

    @property
    def tmp(self) -> Path:
        """The script's `$TMPDIR`."""
        return self.root / "tmp"

    @property
    def report(self) -> Path:
        """The script's `$JOB_REPORT`: what the job says of itself (see `launch.report`)."""
        return self.root / "report"

    @property
    def script(self) -> Path:
        """The bash text that is run."""
        return self.root / "script.sh"

    @property
    def stdout(self) -> Path:
        """What the script printed."""
        return self.root / "stdout.log"

    @property
    def stderr(self) -> Path:
        """What the script and its tools said of their work."""
        return self.root / "stderr.log"


def new_attempt(scratch: Path, job: Job) -> Attempt:
    """Makes the folder of a new attempt; no two attempts share one, whichever process makes them.

    Raises:
        ResourceError: the disk is full.
    """
    with translate_disk_errors(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
        attempt = Attempt(Path(tempfile.mkdtemp(prefix=f"{job.name[:_LONGEST_NAME]}.", dir=scratch)))
        for folder in (attempt.work, attempt.tmp, attempt.report):
            folder.mkdir()
        attempt.stdout.touch()
        attempt.stderr.touch()
    return attempt


class HostScratch:
    """A host's own folder in scratch, held for as long as the host lives.

    A host that was killed cannot free what its jobs left, which may be hundreds of GB: the next one does, and leaves
    scripts, logs and reports for people to read. A lock that dies with its process tells who lives.

    Args:
        scratch: The folder that hosts share.

    Raises:
        ResourceError: the disk is full.
        InputError: the folder cannot be written to.
    """

    def __init__(self, scratch: Path) -> None:
        with translate_disk_errors(scratch):
            scratch.mkdir(parents=True, exist_ok=True)
            self.root = Path(tempfile.mkdtemp(prefix=_HOST, dir=scratch))
            self.inputs.mkdir()
        self._life = ExitStack()
        self._life.enter_context(file_lock(self.root / _ALIVE))
        _free_dead_hosts(scratch)

    @property
    def inputs(self) -> Path:
        """Copies of remote inputs, which the jobs of this host share."""
        return self.root / "inputs"

    def close(self) -> None:
        """Frees the inputs, and the folder if no attempt is left in it."""
        shutil.rmtree(self.inputs, ignore_errors=True)
        if [path.name for path in self.root.iterdir()] == [_ALIVE]:
            shutil.rmtree(self.root)
        self._life.close()


def host_is_alive(root: Path) -> bool:
    """Whether the host whose folder this is still runs jobs."""
    if not (root / _ALIVE).exists():
        return False
    try:
        with file_lock(root / _ALIVE, wait=False):
            return False
    except BlockingIOError:
        return True


def dead_hosts(scratch: Path) -> Iterator[Path]:
    """The folders that hosts left which run no more, in order: scripts, logs and reports of jobs that failed."""
    for alive in sorted(scratch.glob(f"{_HOST}*/{_ALIVE}")):
        if not host_is_alive(alive.parent):
            yield alive.parent


def remove_dead_host(root: Path) -> None:
    """Removes what a host left.

    Raises:
        InputError: the host is alive, or its folder cannot be written to.
    """
    try:
        with file_lock(root / _ALIVE, wait=False), translate_disk_errors(root):
            shutil.rmtree(root)
    except BlockingIOError as error:
        raise InputError(f"{root} is in use by a run: wait until that is over") from error


def _free_dead_hosts(scratch: Path) -> None:
    for alive in scratch.glob(f"{_HOST}*/{_ALIVE}"):
        with suppress(BlockingIOError, FileNotFoundError), file_lock(alive, wait=False):
            shutil.rmtree(alive.parent / "inputs", ignore_errors=True)
            for attempt in alive.parent.glob("*.*/"):
                for folder in (Attempt(attempt).work, Attempt(attempt).tmp):
                    shutil.rmtree(folder, ignore_errors=True)
