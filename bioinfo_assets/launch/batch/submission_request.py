"""What is said to Batch of a job, or of many as one array."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.launch.job_options import JobOptions

TAG: Final = "bioinfo-assets:"
"""What this project's own tags begin with."""

NO_QUEUE: Final = "no job queue is set for AWS Batch: set `queue` in [jobs] of bioinfo-assets.toml, or by --queue"

_LONGEST_OVERRIDES: Final = 8192  # characters, else the job fails later: "Container Overrides length must be at most"
_LONGEST_NAME: Final = 128  # of [A-Za-z0-9_-] (AWS Batch API reference, SubmitJob)

RETRY_RULES: Final = (
    {"onStatusReason": "Host EC2*", "action": "RETRY"},
    {"onReason": "CannotPullContainer*", "action": "RETRY"},
    {"onReason": "DockerTimeoutError*", "action": "RETRY"},
    {"onReason": "*", "action": "EXIT"},
)
"""When Batch itself starts a job again: a reclaimed spot machine, a registry or an agent that did not answer. Without
the last rule anything else would be tried again too (AWS Batch user guide, automated job retries)."""


@dataclass(frozen=True, slots=True)
class SubmissionRequest:
    """One submission: a job, or an array of jobs of one step.

    Attributes:
        name: Unique to the submission.
        command: What the container runs.
        size: How many jobs; one goes without an array.
        definition: The job definition.
        resources: What each may use.
        timeout_s: How long each attempt may take, in seconds, unless the options say it.
        tries: How often each may be started.
        options: How they run.
        tags: This project's own.
    """

    name: str
    command: tuple[str, ...]
    size: int
    definition: str
    resources: Resources
    timeout_s: int
    tries: int
    options: JobOptions
    tags: Mapping[str, str]


def job_name(prefix: str, what: str, mark: str) -> str:
    """A name that Batch takes, and that only this submission has.

    >>> job_name("bioinfo-assets", "marked_bam-expt.1", "0123456789ab-7f3c")
    'bioinfo-assets-marked_bam-expt_1-0123456789ab-7f3c'
    """
    room = _LONGEST_NAME - len(prefix) - len(mark) - 2
    return re.sub(r"[^A-Za-z0-9_-]", "_", f"{prefix}-{what[:room]}-{mark}")


def submit_job_arguments(order: SubmissionRequest, region: str, disk: str) -> dict[str, Any]:
    """The arguments of SubmitJob.

    Args:
        order: What is submitted.
        region: Where it runs; containers on EC2 are not told, and S3's clients want to know.
        disk: The folder of the machine that jobs work in; empty: the container's own.

    Raises:
        InputError: AWS Batch would not take the job's variables.
    """
    options = order.options
    request: dict[str, Any] = {
        "jobName": order.name,
        "jobQueue": options.queue,
        "jobDefinition": order.definition,
        "containerOverrides": _overrides(order, region, disk),
        "timeout": {"attemptDurationSeconds": options.timeout_s or order.timeout_s},
        "retryStrategy": {"attempts": order.tries, "evaluateOnExit": list(RETRY_RULES)},
        "tags": {**options.tags, **{f"{TAG}{name}": tag_value(value) for name, value in order.tags.items()}},
        "propagateTags": True,
    }
    if order.size > 1:
        request["arrayProperties"] = {"size": order.size}
    if options.share_identifier is not None:
        request["shareIdentifier"] = options.share_identifier
    priority = options.priority
    if priority is None and options.share_identifier is not None and not options.job_definition:
        priority = 0  # with a share Batch wants one, of the submission or the definition: ours have none
    if priority is not None:
        request["schedulingPriorityOverride"] = priority
    return request


def _overrides(order: SubmissionRequest, region: str, disk: str) -> dict[str, Any]:
    needs = {"VCPU": order.resources.cpus, "MEMORY": order.resources.memory_mib, "GPU": order.options.gpus or 0}
    environment = {
        "AWS_DEFAULT_REGION": region,
        **order.options.environment,
        "JOB_CPUS": str(order.resources.cpus),
        "JOB_MEMORY_MIB": str(order.resources.memory_mib),
        **({"JOB_DISK": disk} if disk else {}),
    }
    reserved = sorted(name for name in environment if name.startswith("AWS_BATCH"))
    if reserved:
        raise InputError(f"variable {reserved[0]} belongs to AWS Batch: give it a name that begins otherwise")
    overrides = {
        "command": list(order.command),
        "environment": [{"name": name, "value": value} for name, value in sorted(environment.items())],
        "resourceRequirements": [{"type": kind, "value": str(value)} for kind, value in needs.items() if value],
    }
    length = len(json.dumps(overrides))
    if length > _LONGEST_OVERRIDES:
        raise InputError(
            f"the variables of a job in `environment` are too long for AWS Batch ({length} characters of at most "
            f"{_LONGEST_OVERRIDES}): give fewer, or put them into a file that the job reads"
        )
    return overrides


def tags_of(job: Job, run_id: str, scratch: str, *, alone: bool) -> dict[str, str]:
    """What people and `jobs reap` find a job by."""
    who = {"scope": job.key.scope} if alone else {}
    return {"run": run_id, "step": job.key.asset, "scratch": scratch, **who}


def tag_value(value: str) -> str:
    """A value that AWS takes: at most 256 letters, digits, spaces and `_.:/=+-@` (AWS user guide, tag restrictions)."""
    return re.sub(r"[^\w\s.:/=+@-]", "_", value)[:256]
