"""Every path of a job's attempt, and of what a host keeps in scratch, in one place."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from bioinfo_assets.launch.disk import disk_errors_are_told
from bioinfo_assets.launch.job import Job

_LONGEST_NAME = 100  # of the 255 bytes a file name may have: the rest is for mkdtemp and for the tools' own suffixes


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
    with disk_errors_are_told(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
        attempt = Attempt(Path(tempfile.mkdtemp(prefix=f"{job.name[:_LONGEST_NAME]}.", dir=scratch)))
        for folder in (attempt.work, attempt.tmp, attempt.report):
            folder.mkdir()
        attempt.stdout.touch()
        attempt.stderr.touch()
    return attempt


def new_input_cache(scratch: Path) -> Path:
    """Makes the folder in which one host keeps the remote inputs that its jobs share.

    Raises:
        ResourceError: the disk is full.
    """
    with disk_errors_are_told(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="inputs.", dir=scratch))
