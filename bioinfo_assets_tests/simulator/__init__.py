"""A simulator of AWS Batch for tests: boto3's client talks to it over HTTP, and jobs run as processes of this host.

As in AWS: actions, fields and errors of Batch and CloudWatch Logs (every answer is compared with botocore's model);
limits; statuses and their reasons; arrays; attempts and retry rules; timeouts, SIGTERM and SIGKILL to the container's
first process; logs while a job runs; machines with CPUs, memory and a disk, onto which jobs are placed; throttling of
the whole account. Unlike AWS: containers have no file system, limits or user of their own, and an image is only a name;
there are no dependencies, multi-node jobs, EKS or secrets, and no permissions except by `Denied` and `Expired`; error
messages are those of Batch only where they were reported.

with BatchSimulator(tmp_path, machine_environment={"PATH": os.environ["PATH"]}, second_s=0.01) as simulator:
    batch = boto3.client("batch", endpoint_url=simulator.url)
    simulator.inject(SpotReclaim(job="aligned-*", attempt=1, after_line="half way"), AnswerLost(action="SubmitJob"))
    ...
    assert simulator.count("SubmitJob") == 1
"""

from bioinfo_assets_tests.simulator.faults import (
    AnswerLost,
    ApiFault,
    CannotInspectContainer,
    CannotPullContainer,
    Delays,
    Denied,
    Disconnected,
    DockerTimeout,
    Drained,
    EmptyPage,
    ErrorAnswer,
    Expired,
    Forgotten,
    HostLost,
    JobFault,
    NotStarted,
    OutOfMemory,
    SlowAnswer,
    SpotReclaim,
    Stuck,
    Throttled,
)
from bioinfo_assets_tests.simulator.machines import Machine
from bioinfo_assets_tests.simulator.queues import Queue
from bioinfo_assets_tests.simulator.simulator import BatchSimulator, Request

__all__ = [
    "AnswerLost",
    "ApiFault",
    "BatchSimulator",
    "CannotInspectContainer",
    "CannotPullContainer",
    "Delays",
    "Denied",
    "Disconnected",
    "DockerTimeout",
    "Drained",
    "EmptyPage",
    "ErrorAnswer",
    "Expired",
    "Forgotten",
    "HostLost",
    "JobFault",
    "Machine",
    "NotStarted",
    "OutOfMemory",
    "Queue",
    "Request",
    "SlowAnswer",
    "SpotReclaim",
    "Stuck",
    "Throttled",
]
