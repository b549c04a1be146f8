"""Where jobs run, and the backend for it."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import Backend
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.storage.store import Store, join

BackendName = Literal["local", "docker", "batch"]


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
        batch: The settings of AWS Batch.
    """

    model_config = ConfigDict(frozen=True)

    backend: BackendName = "local"
    scratch: str | None = None
    cpus: int | None = None
    memory_mib: int | None = None
    tool_path: tuple[str, ...] = ()
    image: str | None = None
    batch: BatchConfig = BatchConfig()


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
        from bioinfo_assets.launch.batch.backend import BatchBackend, RunIdentity  # noqa: PLC0415

        return BatchBackend(batch_scratch(means, output_path), store, RunIdentity(run_id, budget), means.batch)
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
