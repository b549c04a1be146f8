"""Random faults of AWS Batch: of its requests, and of its jobs."""

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

ACTIONS: Final = ("SubmitJob", "DescribeJobs", "ListJobs", "GetLogEvents", "RegisterJobDefinition", "*")
_MAX_AFTER: Final = 5
_MAX_TIMES: Final = 4
_ATTEMPTS: Final = (1, 2)


def random_api_fault(rng: Random) -> ApiFault:
    """A fault of some of the next requests of an action."""
    kind = rng.choice((AnswerLost, Disconnected, ErrorAnswer, SlowAnswer, Throttled))
    return kind(action=rng.choice(ACTIONS), times=rng.randint(1, _MAX_TIMES), after=rng.randint(0, _MAX_AFTER))


def random_job_fault(rng: Random) -> JobFault:
    """A fault of the first or the second attempt of each job."""
    attempt = rng.choice(_ATTEMPTS)
    if rng.random() < 1 / 3:
        return rng.choice((CannotInspectContainer, DockerTimeout))(attempt=attempt)
    return rng.choice((Drained, OutOfMemory, SpotReclaim))(attempt=attempt, after_s=rng.uniform(0, 0.5))
