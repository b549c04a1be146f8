"""Faults of AWS Batch at fixed rates, chosen by a seed."""

import hashlib
from random import Random
from typing import Final

from bioinfo_assets_tests.simulator import (
    AnswerLost,
    ApiFault,
    CannotInspectContainer,
    Disconnected,
    DockerTimeout,
    Drained,
    ErrorAnswer,
    JobFault,
    OutOfMemory,
    SlowAnswer,
    SpotReclaim,
    Throttled,
)

JOB_RATES: Final[dict[type[JobFault], float]] = {
    SpotReclaim: 0.03,
    Drained: 0.01,
    OutOfMemory: 0.01,
    DockerTimeout: 0.01,
    CannotInspectContainer: 0.01,
}
"""By fault, the part of the attempts of jobs that have it."""

API_RATES: Final[dict[type[ApiFault], float]] = {
    Throttled: 0.02,
    ErrorAnswer: 0.01,
    Disconnected: 0.01,
    AnswerLost: 0.01,
    SlowAnswer: 0.01,
}
"""By fault, the part of the requests that have it."""


def job_faults(seed: int) -> list[JobFault]:
    """The faults of jobs: which attempt has one depends on its name and number alone."""
    return [_job_fault(kind, rate, seed) for kind, rate in JOB_RATES.items()]


def api_faults(seed: int) -> list[ApiFault]:
    """The faults of requests."""
    return [_api_fault(kind, rate, seed) for kind, rate in API_RATES.items()]


def _job_fault(kind: type[JobFault], rate: float, seed: int) -> JobFault:
    class Sometimes(kind):  # type: ignore[valid-type, misc]
        def matches(self, name: str, attempt: int, index: int | None, queue: str) -> bool:
            return _chance(f"{seed} {kind.__name__} {name} {attempt} {index} {queue}") < rate

    return Sometimes()


def _api_fault(kind: type[ApiFault], rate: float, seed: int) -> ApiFault:
    rng = Random(f"{seed} {kind.__name__}")  # noqa: S311 - reproducible, and not for cryptography

    class Sometimes(kind):  # type: ignore[valid-type, misc]
        def take(self, action: str) -> bool:  # noqa: ARG002 - any action
            return rng.random() < rate

    return Sometimes()


def _chance(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32
