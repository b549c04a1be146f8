"""The SubmitJob request of a job, or of an array of jobs."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.batch.retries import RETRY_RULES
from bioinfo_assets.launch.job import Job, JobOptions, Resources

TAG: Final = "bioinfo-assets:"
"""Prefix of this project's own tags."""

NO_QUEUE: Final = "no job queue is set for AWS Batch: set `queue` in [jobs] of bioinfo-assets.toml, or use --queue"

MIN_TIMEOUT_S: Final = 2 * 3600
MAX_TIMEOUT_S: Final = 72 * 3600
MIN_BYTES_PER_SECOND: Final = 500_000
"""Several times slower than the slowest step, recalibration in one thread: some 2 MB of BAM a second."""

_MAX_OVERRIDES_LENGTH: Final = 8192  # or the job fails later: "Container Overrides length must be at most"
_MAX_NAME_LENGTH: Final = 128  # of [A-Za-z0-9_-] (AWS Batch API reference, SubmitJob)


@dataclass(frozen=True, slots=True)
class SubmissionRequest:
    """One submission: a job, or an array of jobs of one step.

    Attributes:
        name: Unique name.
        command: Command of the container.
        size: Number of jobs; 1: no array.
        definition: The job definition.
        resources: Resources of each job.
        timeout_s: Timeout of each attempt in seconds, unless the options set one.
        attempts: How often each job may be started.
        options: Options of the jobs.
        tags: This project's own tags.
    """

    name: str
    command: tuple[str, ...]
    size: int
    definition: str
    resources: Resources
    timeout_s: int
    attempts: int
    options: JobOptions
    tags: Mapping[str, str]


def job_name(prefix: str, label: str, suffix: str) -> str:
    """A name that Batch accepts; the suffix makes it unique.

    >>> job_name("bioinfo-assets", "marked_bam-expt.1", "0123456789ab-7f3c")
    'bioinfo-assets-marked_bam-expt_1-0123456789ab-7f3c'
    """
    label_length = _MAX_NAME_LENGTH - len(prefix) - len(suffix) - 2
    return re.sub(r"[^A-Za-z0-9_-]", "_", f"{prefix}-{label[:label_length]}-{suffix}")


def default_timeout_s(job: Job) -> int:
    """The timeout of an attempt in seconds, from the size of its inputs, unless a user sets `timeout_s`.

    >>> from bioinfo_assets.result_key import ResultKey
    >>> default_timeout_s(Job(ResultKey("trimmed_reads", "expt"), "1", ""))
    7200
    """
    size = sum(item.file.size for item in job.inputs)
    return min(MIN_TIMEOUT_S + size // MIN_BYTES_PER_SECOND, MAX_TIMEOUT_S)


def timeout_of_parts(jobs: Iterable[Job]) -> int:
    """The timeout of an attempt that runs these jobs one after the other: the sum of theirs."""
    return sum(job.options.timeout_s or default_timeout_s(job) for job in jobs)


def submit_job_arguments(request: SubmissionRequest, region: str, disk: str) -> dict[str, Any]:
    """The arguments of SubmitJob.

    Args:
        request: The submission.
        region: Its region: containers on EC2 do not know theirs, and clients of S3 need it.
        disk: Folder on the machine in which jobs work; empty: the container's own file system.

    Raises:
        InputError: AWS Batch would refuse the job's environment variables.
    """
    options = request.options
    arguments: dict[str, Any] = {
        "jobName": request.name,
        "jobQueue": options.queue,
        "jobDefinition": request.definition,
        "containerOverrides": _overrides(request, region, disk),
        "timeout": {"attemptDurationSeconds": options.timeout_s or request.timeout_s},
        "retryStrategy": {"attempts": request.attempts, "evaluateOnExit": list(RETRY_RULES)},
        "tags": {**options.tags, **{f"{TAG}{name}": tag_value(value) for name, value in request.tags.items()}},
        "propagateTags": True,
    }
    if request.size > 1:
        arguments["arrayProperties"] = {"size": request.size}
    if options.share_identifier is not None:
        arguments["shareIdentifier"] = options.share_identifier
    priority = options.priority
    if priority is None and options.share_identifier is not None and not options.job_definition:
        priority = 0  # with a share Batch requires one in the submission or the definition; ours have none
    if priority is not None:
        arguments["schedulingPriorityOverride"] = priority
    return arguments


def _overrides(request: SubmissionRequest, region: str, disk: str) -> dict[str, Any]:
    resources = {"VCPU": request.resources.cpus, "MEMORY": request.resources.memory_mib}
    requirements = {**resources, "GPU": request.options.gpus or 0}
    environment = {
        "AWS_DEFAULT_REGION": region,
        **request.options.environment,
        "JOB_CPUS": str(request.resources.cpus),
        "JOB_MEMORY_MIB": str(request.resources.memory_mib),
        **({"JOB_DISK": disk} if disk else {}),
    }
    reserved = sorted(name for name in environment if name.startswith("AWS_BATCH"))
    if reserved:
        raise InputError(f"variable {reserved[0]} is reserved for AWS Batch: rename it")
    overrides = {
        "command": list(request.command),
        "environment": [{"name": name, "value": value} for name, value in sorted(environment.items())],
        "resourceRequirements": [{"type": kind, "value": str(value)} for kind, value in requirements.items() if value],
    }
    length = len(json.dumps(overrides))
    if length > _MAX_OVERRIDES_LENGTH:
        raise InputError(
            f"the variables in `environment` are too long for AWS Batch ({length} of at most {_MAX_OVERRIDES_LENGTH} "
            "characters): set fewer, or put them into a file that the job reads"
        )
    return overrides


def tags_of(job: Job, run_id: str, scratch: str, *, is_single: bool) -> dict[str, str]:
    """The tags by which people and `jobs reap` find a job; an array has none for the scope."""
    scope = {"scope": job.key.scope} if is_single else {}
    return {"run": run_id, "asset": job.key.asset, "scratch": scratch, **scope}


def tag_value(value: str) -> str:
    """A value that AWS accepts: at most 256 letters, digits, spaces and `_.:/=+-@` (AWS user guide, tag naming)."""
    return re.sub(r"[^\w\s.:/=+@-]", "_", value)[:256]
