"""AWS Batch on this machine, for tests: the real boto3 client speaks to it, and jobs run as processes.

As in AWS: actions, fields and errors of Batch and CloudWatch Logs (every answer is compared with botocore's model);
limits; states and their reasons; arrays; attempts and retry rules; timeouts, SIGTERM and SIGKILL to the container's
first process; logs while a job runs. Not as in AWS: containers have no file system, limits or user of their own, an
image is but a name; places are counted by jobs, not by processors; no dependencies, multi-node jobs, EKS or secrets; no
permissions but by `Denied`; the words of refusals are Batch's own only where somebody reported them.

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
    EmptyPage,
    ErrorAnswer,
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
from bioinfo_assets_tests.simulator.machines import Queue
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
    "EmptyPage",
    "ErrorAnswer",
    "Forgotten",
    "HostLost",
    "JobFault",
    "NotStarted",
    "OutOfMemory",
    "Queue",
    "Request",
    "SlowAnswer",
    "SpotReclaim",
    "Stuck",
    "Throttled",
]
