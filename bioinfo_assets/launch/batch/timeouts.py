"""How long an attempt may take, by the sizes of what it reads, so that one that hangs does not cost for ever."""

from typing import Final

from bioinfo_assets.launch.job import Job

MIN_TIMEOUT_S: Final = 2 * 3600
BYTES_A_SECOND: Final = 500_000
"""Several times slower than the slowest step, recalibration by one thread: some 2 MB of BAM a second."""
MAX_TIMEOUT_S: Final = 72 * 3600


def default_timeout_s(job: Job) -> int:
    """Seconds, unless a user sets `timeout_s`.

    >>> default_timeout_s(Job(ResultKey("trimmed_reads", "expt"), "1", ""))
    7200
    """
    size = sum(item.file.size for item in job.inputs)
    return min(MIN_TIMEOUT_S + size // BYTES_A_SECOND, MAX_TIMEOUT_S)
