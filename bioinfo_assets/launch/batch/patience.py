"""How long an attempt may take, by the sizes of what it reads, so that one that hangs does not cost for ever."""

from typing import Final

from bioinfo_assets.launch.job import Job

LEAST_S: Final = 2 * 3600
BYTES_A_SECOND: Final = 500_000
"""Several times slower than the slowest step, recalibration by one thread: some 2 MB of BAM a second."""
MOST_S: Final = 72 * 3600


def time_s(job: Job) -> int:
    """Seconds, unless a user sets `timeout_s`.

    >>> time_s(Job("trimmed_reads", "1", "expt", ""))
    7200
    """
    size = sum(item.file.size for item in job.inputs)
    return min(LEAST_S + size // BYTES_A_SECOND, MOST_S)
