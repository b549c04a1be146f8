"""What a user may set of how jobs run; no part of their results.

Options are given for all jobs, for one step, and for one run. Each layer says what it wants changed:

>>> for_all = JobOptions(queue="spot", retries=3)
>>> for_one_step = JobOptions(memory_mib=65536, tags={"project": "p1"})
>>> for_all.then(for_one_step).given()
{'memory_mib': 65536, 'retries': 3, 'queue': 'spot', 'tags': {'project': 'p1'}}
"""

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_PREFIX = "bioinfo-assets"
"""What names of jobs begin with, unless `name_prefix` says otherwise."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$"


class JobOptions(BaseModel):
    """How a job runs. What is None is as the layer before says, and in the end the backend's own choice.

    The local backend heeds `vcpus`, `memory_mib` and `timeout_s`, the docker backend `image`, `gpus`,
    `shared_memory_mib` and `environment` too, the Batch backend all of them. Limits are those of AWS Batch (API
    reference, SubmitJob and RegisterJobDefinition).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str | None = Field(default=None, min_length=1, description="Container image with the tools.")
    vcpus: int | None = Field(default=None, ge=1, description="Processors, instead of those reckoned from the inputs.")
    memory_mib: int | None = Field(
        default=None, ge=4, description="Memory in MiB, instead of that reckoned from the inputs."
    )
    gpus: int | None = Field(default=None, ge=0, description="Graphics processors.")
    shared_memory_mib: int | None = Field(default=None, ge=1, description="Size of /dev/shm in MiB.")
    timeout_s: int | None = Field(default=None, ge=60, description="Seconds after which an attempt is ended.")
    retries: int | None = Field(
        default=None, ge=0, le=9, description="How often a job may be started again in all, whatever ended it."
    )
    queue: str | None = Field(default=None, min_length=1, description="Job queue: name or ARN.")
    job_definition: str | None = Field(
        default=None,
        min_length=1,
        description="A job definition that is there (name, name:revision or ARN) instead of one registered as needed.",
    )
    job_role: str | None = Field(default=None, min_length=1, description="ARN of the role that jobs have.")
    execution_role: str | None = Field(
        default=None, min_length=1, description="ARN of the role that pulls images and writes logs."
    )
    tags: dict[str, str] = Field(default={}, max_length=40, description="Tags of the job in AWS, at most 40.")
    name_prefix: str | None = Field(default=None, pattern=NAME, description="What names of jobs begin with.")
    share_identifier: str | None = Field(default=None, min_length=1, description="Share of a fair-share queue.")
    priority: int | None = Field(default=None, ge=0, le=9999, description="Priority within the share.")
    environment: dict[str, str] = Field(
        default={}, description="Variables of the container; never secrets, everyone who may look at jobs sees them."
    )

    @property
    def prefix(self) -> str:
        """What names of jobs begin with."""
        return self.name_prefix or DEFAULT_PREFIX

    def then(self, other: "JobOptions") -> "JobOptions":
        """These options with what the next layer says; tags and variables are added up."""
        added = {name: {**getattr(self, name), **getattr(other, name)} for name in ("tags", "environment")}
        return self.model_copy(update={**other.given(), **added})

    def given(self) -> dict[str, object]:
        """The options that say something."""
        return self.model_dump(exclude_none=True, exclude_defaults=True)
