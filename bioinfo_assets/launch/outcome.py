"""How a job ended, and what to do about it."""

from enum import Enum


class Outcome(Enum):
    """How a job ended; the value is what people and scripts read.

    >>> Outcome("out of memory").advice
    "raise the step's memory_mib"
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    OUT_OF_MEMORY = "out of memory"
    TIMED_OUT = "timed out"
    RECLAIMED = "reclaimed"
    KILLED = "killed"
    LOST = "lost"
    IMAGE_MISSING = "image missing"
    UNSCHEDULABLE = "unschedulable"

    @property
    def advice(self) -> str:
        """What a person can do about it; empty where the job's own message has it."""
        return _ADVICE.get(self, "")


_ADVICE = {
    Outcome.OUT_OF_MEMORY: "raise the step's memory_mib",
    Outcome.TIMED_OUT: "raise the step's timeout_s",
    Outcome.RECLAIMED: "run it again, or use a queue of on-demand machines",
    Outcome.LOST: "run it again",
    Outcome.IMAGE_MISSING: "check the image setting, that it was pushed, and that the execution role may pull it",
    Outcome.UNSCHEDULABLE: "check the queue's compute environments, or ask for fewer vcpus, less memory or no GPU",
}
