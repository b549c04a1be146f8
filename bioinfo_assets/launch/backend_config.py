"""Where jobs run, and the backend for it."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import Backend
from bioinfo_assets.storage.store import Store, join

BackendName = Literal["local", "docker", "batch"]


class BatchSettings(BaseModel):
    """How this project speaks to AWS Batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    log_group: str = Field(default="/aws/batch/job", description="The CloudWatch log group of jobs.")
    scratch_volume: str = Field(
        default="/scratch",
        description="The folder of the machines' disk that jobs work in; empty: the container's own.",
    )
    arrays_from: int = Field(default=5, ge=2, le=10_000, description="Jobs that go as one array, at least.")
    arrays_to: int = Field(default=10_000, ge=2, le=10_000, description="Jobs of one array, at most.")
    poll_s: float = Field(default=5.0, gt=0, description="Seconds from one look at the jobs to the next.")
    wait_s: float = Field(default=86_400.0, gt=0, description="Seconds that a job may wait for a machine.")
    most_memory_mib: int = Field(
        default=196_608, ge=4, description="Memory that a job gets at most, in MiB, when it ran out of it."
    )


class BackendConfig(BaseModel):
    """Where jobs run, and what they share there.

    Attributes:
        backend: As processes or containers of this machine, or on AWS Batch.
        scratch: Where jobs work: a folder of this machine, or for AWS Batch `s3://BUCKET/FOLDER`; beside the results
            unless given.
        cpus: Processors of this machine that jobs share; all unless given.
        memory_mib: Memory of this machine that jobs share, in MiB; all unless given.
        tool_path: Folders with tools of this machine, looked at before `PATH`.
        image: The container image where a job's options name none.
        batch: How to speak to AWS Batch.
    """

    model_config = ConfigDict(frozen=True)

    backend: BackendName = "local"
    scratch: str | None = None
    cpus: int | None = None
    memory_mib: int | None = None
    tool_path: tuple[str, ...] = ()
    image: str | None = None
    batch: BatchSettings = BatchSettings()


def open_backend(means: BackendConfig, output_path: str, store: Store, run_id: str, budget: str) -> Backend:
    """The backend that runs a project's jobs; it reaches out to nothing before its first use.

    Args:
        means: Where jobs run.
        output_path: Where results are published.
        store: Where inputs come from.
        run_id: The run that jobs belong to.
        budget: The run whose tries are counted (see `RunIdentity`).

    Raises:
        InputError: the scratch is no place that these jobs can work in.
    """
    # Each backend's library (boto3, docker) takes tenths of a second to import, which the others' users save.
    if means.backend == "batch":
        from bioinfo_assets.launch.batch.backend import BatchBackend, Limits  # noqa: PLC0415
        from bioinfo_assets.launch.batch.batch_job import RunIdentity  # noqa: PLC0415
        from bioinfo_assets.launch.batch.job_definition import MachineConfig  # noqa: PLC0415

        settings = means.batch
        limits = Limits(
            arrays_from=settings.arrays_from,
            arrays_to=settings.arrays_to,
            poll_s=settings.poll_s,
            wait_s=settings.wait_s,
            most_memory_mib=settings.most_memory_mib,
        )
        machine = MachineConfig(settings.log_group, settings.scratch_volume)
        return BatchBackend(batch_scratch(means, output_path), store, RunIdentity(run_id, budget), machine, limits)
    scratch = Path(means.scratch) if means.scratch else default_scratch(output_path)
    if means.backend == "docker":
        from bioinfo_assets.launch.docker.backend import DockerBackend  # noqa: PLC0415

        return DockerBackend(scratch, store, means.image, means.cpus, means.memory_mib)
    from bioinfo_assets.launch.local_backend import LocalBackend  # noqa: PLC0415

    return LocalBackend(scratch, store, means.cpus, means.memory_mib, tuple(map(Path, means.tool_path)))


def batch_scratch(means: BackendConfig, output_path: str) -> str:
    """Where jobs on AWS Batch work: the given place in S3, or beside the results.

    Raises:
        InputError: neither is in S3.
    """
    scratch = means.scratch or join(output_path, ".scratch")
    if not scratch.startswith("s3://"):
        raise InputError(
            f"jobs on AWS Batch cannot work in {scratch}: set scratch, or the output path, to s3://BUCKET/FOLDER"
        )
    return scratch


def default_scratch(output_path: str) -> Path:
    """Where jobs of this machine work unless told otherwise: beside local results, so that publishing is a rename."""
    if "://" in output_path:
        return Path.home() / ".cache" / "bioinfo-assets" / "scratch"
    return Path(output_path) / ".scratch"
