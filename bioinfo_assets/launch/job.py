"""A job: a bash script, its inputs and outputs under local names, its resources, and the options that users set.

A job does not know where it runs. Its script finds every input in its working folder, under its local name, and leaves
every output there under its local name; a backend stages the inputs and collects the outputs.

>>> job = Job(
...     key=ResultKey("greeting", "expt"),
...     version="1",
...     script="cat name.txt > greeting.txt",
...     inputs=(Input("name.txt", StoredFile("/data/name.txt", size=5, content="sha256:ab")),),
...     outputs=(Output("text", "greeting.txt", "/results/expt/greeting.txt"),),
... )
>>> job.name
'greeting-expt'
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from bioinfo_assets.result_key import ResultKey

DEFAULT_PREFIX = "bioinfo-assets"
"""The prefix of jobs' names, unless `name_prefix` is set."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$"


class JobOptions(BaseModel):
    """How a job runs. An option that is None is left to the layer before, and in the end to the backend.

    The local backend uses `vcpus`, `memory_mib`, `timeout_s` and `fuse`, the docker backend `image`, `gpus`,
    `shared_memory_mib` and `environment` too, the Batch backend all of them. Limits are those of AWS Batch (API
    reference, SubmitJob and RegisterJobDefinition).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str | None = Field(default=None, min_length=1, description="Container image with the tools.")
    vcpus: int | None = Field(default=None, ge=1, description="CPUs, instead of the number computed from the inputs.")
    memory_mib: int | None = Field(
        default=None, ge=4, description="Memory in MiB, instead of the amount computed from the inputs."
    )
    gpus: int | None = Field(default=None, ge=0, description="Number of GPUs.")
    shared_memory_mib: int | None = Field(default=None, ge=1, description="Size of /dev/shm in MiB.")
    timeout_s: int | None = Field(default=None, ge=60, description="Time limit of an attempt in seconds.")
    retries: int | None = Field(
        default=None,
        ge=0,
        le=9,
        description="Maximum number of retries of a job, after infrastructure failures or a lack of memory.",
    )
    fuse: bool | None = Field(
        default=None,
        description="Run this step of a sample in the same job as the step before it, on one machine. Unset: on AWS "
        "Batch if both need the same CPUs and memory.",
    )
    queue: str | None = Field(default=None, min_length=1, description="Job queue: name or ARN.")
    fallback_queue: str | None = Field(
        default=None,
        min_length=1,
        description="Job queue for jobs that failed several times because of their machines, usually on-demand ones.",
    )
    job_definition: str | None = Field(
        default=None,
        min_length=1,
        description="Existing job definition (name, name:revision or ARN), instead of one registered as needed.",
    )
    job_role: str | None = Field(default=None, min_length=1, description="ARN of the role of jobs.")
    execution_role: str | None = Field(
        default=None, min_length=1, description="ARN of the role that pulls images and writes logs."
    )
    tags: dict[str, str] = Field(default={}, max_length=40, description="Tags of jobs in AWS, at most 40.")
    name_prefix: str | None = Field(default=None, pattern=NAME, description="Prefix of jobs' names.")
    share_identifier: str | None = Field(
        default=None, min_length=1, description="Share identifier in a fair-share queue."
    )
    priority: int | None = Field(default=None, ge=0, le=9999, description="Priority within the share.")
    environment: dict[str, str] = Field(
        default={},
        description="Environment variables of the container; no secrets: everyone who may describe jobs can read them.",
    )

    @property
    def prefix(self) -> str:
        """The prefix of jobs' names."""
        return self.name_prefix or DEFAULT_PREFIX

    def then(self, other: "JobOptions") -> "JobOptions":
        """Return these options overridden by those of the next layer; tags and variables are merged."""
        merged = {name: {**getattr(self, name), **getattr(other, name)} for name in ("tags", "environment")}
        return self.model_copy(update={**other.set_options(), **merged})

    def set_options(self) -> dict[str, object]:
        """Return the options that are set; of a class that adds some, those of this one."""
        return self.model_dump(exclude_none=True, exclude_defaults=True, include=set(JobOptions.model_fields))


Scalar = str | int | float | bool | None
Parameter = Scalar | tuple[Scalar, ...]

_LOCAL_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")

RAW_BYTES: Final = "cat"
"""The canonical form of a file all of whose bytes are content."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file at its URI, with the digest of its content.

    Attributes:
        uri: An absolute local path, or an `s3://`, `gs://` or `https://` address.
        size: Bytes.
        content: `sha256:…` of its canonical form (see `Output.canonical`), or `etag:…` for a remote source that was not
            read. None for a file that is derived from another, such as a BAM's index.
        stamp: The store's mark of the version that `content` was computed of (see `FileStat`); if it has changed, a job
            is not run, or not published. Empty if unknown. It is no part of the file's content.
        sha256: Hex digest of its bytes; empty if unknown. No part of the file's content either.
        is_released: Whether the file was deleted on purpose, or never left the machine of its job.
    """

    uri: str
    size: int
    content: str | None
    stamp: str = field(default="", compare=False)
    sha256: str = field(default="", compare=False)
    is_released: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of a job.

    Attributes:
        cpus: CPUs; the script reads them as `$JOB_CPUS`.
        memory_mib: Memory in MiB; the script reads it as `$JOB_MEMORY_MIB`.
        disk_mib: Scratch space in MiB at the job's peak: its own inputs, temporary files and outputs, but not the files
            that it shares with other jobs on its machine (`Input.shared`).
    """

    cpus: int = 1
    memory_mib: int = 1024
    disk_mib: int = 0

    def __post_init__(self) -> None:
        if self.cpus < 1 or self.memory_mib < 1 or self.disk_mib < 0:
            raise ValueError(f"a job needs at least one CPU and 1 MiB of memory, not {self}")


@dataclass(frozen=True, slots=True)
class Input:
    """A file that a job reads.

    Attributes:
        local: The name under which its script finds it.
        file: The file.
        shared: Whether many jobs read it, such as a reference: machines then keep a copy for the next job.
    """

    local: str
    file: StoredFile
    shared: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        _check_local_name(self.local)


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a job produces.

    Attributes:
        key: Its name for the steps that read it, such as `bam`.
        local: The name under which the script leaves it.
        uri: Where it is published.
        canonical: A bash command, the file on stdin and canonical bytes on stdout, that leaves out what may differ
            between equivalent runs (times, thread counts, scratch paths). The digest of those bytes is the file's
            content. It runs under `set -euo pipefail` in the working folder, and the job fails if it fails: `grep -v`
            does if no line is left, `sed '/^#/d'` does not. None: the file is derived from another output, such as an
            md5 or an index of a BAM.
        size_share: Its usual size as a share of the inputs that are not shared, for planning a job that reads it before
            it exists.
        only_for: The assets whose jobs read it. If all of them run after it in the same job of the backend, it is not
            published. Empty: it is always published.
    """

    key: str
    local: str
    uri: str
    canonical: str | None = RAW_BYTES
    size_share: float = field(default=0.0, compare=False)
    only_for: frozenset[str] = field(default=frozenset(), compare=False)

    def __post_init__(self) -> None:
        _check_local_name(self.local)


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a bash script over staged files.

    Attributes:
        key: The result that it computes.
        version: The step's version, set by hand: raised when results change, left alone by a refactoring.
        script: Bash, run under `set -euo pipefail` in the working folder. In addition to the inputs it has `$JOB_CPUS`,
            `$JOB_MEMORY_MIB`, `$TMPDIR`, and the functions of `launch/prologue.sh`: `fail MESSAGE`, `warn MESSAGE`,
            `fact NAME VALUE`.
        inputs: The files it reads.
        outputs: The files it produces; if one is missing, the job fails.
        tools: The commands whose versions are part of the result's fingerprint.
        parameters: The settings from which the script was rendered, to be shown and compared.
        resources: CPUs and memory; no part of the result.
        options: How it runs, as far as users set it; no part of the result.
    """

    key: ResultKey
    version: str
    script: str
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    tools: tuple[str, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    options: JobOptions = field(default_factory=JobOptions)

    def __post_init__(self) -> None:
        _check_unique("input", [item.local for item in self.inputs])
        _check_unique("output", [item.local for item in self.outputs])
        _check_unique("output key", [item.key for item in self.outputs])

    @property
    def name(self) -> str:
        """The job's name, for people and AWS."""
        return self.key.job_name

    def with_options(self, options: JobOptions) -> "Job":
        """Return the job with these options; their CPUs and memory override its own resources."""
        resources = replace(
            self.resources,
            cpus=options.vcpus or self.resources.cpus,
            memory_mib=options.memory_mib or self.resources.memory_mib,
        )
        return replace(self, options=options, resources=resources)


def _check_local_name(name: str) -> None:
    if not _LOCAL_NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be a local name: letters, digits, '.', '_', '+' and '-' only")


def _check_unique(what: str, names: list[str]) -> None:
    duplicates = sorted(name for name, count in Counter(names).items() if count > 1)  # a report has 90,000 inputs
    if duplicates:
        raise ValueError(f"duplicate {what} in one job: {', '.join(duplicates)}")
