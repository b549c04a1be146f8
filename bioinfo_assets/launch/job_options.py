"""How jobs run, as far as users set it; no part of their results.

Options are set for all jobs, for one asset, and for one run. Each layer contains only what it changes:

>>> for_all = JobOptions(queue="spot", retries=3)
>>> for_one_asset = JobOptions(memory_mib=65536, tags={"project": "p1"})
>>> for_all.then(for_one_asset).set_options()
{'memory_mib': 65536, 'retries': 3, 'queue': 'spot', 'tags': {'project': 'p1'}}
"""

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_PREFIX = "bioinfo-assets"
"""The prefix of jobs' names, unless `name_prefix` is set."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$"


class JobOptions(BaseModel):
    """How a job runs. An option that is None is left to the layer before, and in the end to the backend.

    The local backend uses `vcpus`, `memory_mib` and `timeout_s`, the docker backend `image`, `gpus`,
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
        default=None, ge=0, le=9, description="Maximum number of retries of a job, whatever ended it."
    )
    queue: str | None = Field(default=None, min_length=1, description="Job queue: name or ARN.")
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
    share_identifier: str | None = Field(default=None, min_length=1, description="Share of a fair-share queue.")
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
        """Return the options that are set."""
        return self.model_dump(exclude_none=True, exclude_defaults=True)
