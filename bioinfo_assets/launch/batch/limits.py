"""How much and how long, of jobs on AWS Batch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The backend's own limits.

    Attributes:
        arrays_from: Jobs of one step that go as one array, at least.
        arrays_to: Jobs of one array, at most.
        poll_s: Seconds from one look at the jobs to the next.
        wait_s: Seconds that a job may wait for a machine.
        gather_s: Seconds of quiet after which the jobs that have come in are submitted.
        most_memory_mib: Memory in MiB that a job is given at most when it ran out of it.
        listed_s: Seconds for which Batch may not tell of a job that was just submitted.
    """

    arrays_from: int = 5
    arrays_to: int = 10_000
    poll_s: float = 5.0
    wait_s: float = 86_400.0
    gather_s: float = 0.5
    most_memory_mib: int = 196_608
    listed_s: float = 60.0
