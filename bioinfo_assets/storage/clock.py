"""The clock for what others may take over if it is not renewed in time."""

import time


def seconds_since_boot() -> float:
    """Seconds, including those in which this machine was suspended: it renewed nothing meanwhile."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
