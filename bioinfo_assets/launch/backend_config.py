"""Where jobs run: one configuration for settings, launcher and backends."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import Backend
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.job import JobOptions
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.storage.store import Store, join

BackendName = Literal["local", "docker", "batch"]


class BackendConfig(BaseModel):
    """Where jobs run and with which options. `settings.Settings` has these fields too, and is passed on as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: BackendName = Field(
        default="local", description="Where jobs run: as processes or containers on this machine, or on AWS Batch."
    )
    scratch: str | None = Field(
        default=None,
        description="Where jobs work: a folder, or for AWS Batch `s3://BUCKET/FOLDER`; `.scratch` in the output path.",
    )
    cpus: int | None = Field(
        default=None,
        ge=1,
        description="CPUs of this machine that the jobs of one run may use together; all by default.",
    )
    memory_mib: int | None = Field(
        default=None,
        ge=1,
        description="Memory of this machine in MiB that the jobs of one run may use together; all by default.",
    )
    tool_path: tuple[str, ...] = Field(default=(), description="Folders with tools, searched before `PATH`.")
    jobs: JobOptions = Field(default=JobOptions(), description="Options of all jobs.")
    steps: Mapping[str, JobOptions] = Field(default={}, description="Options of the jobs of single assets, by asset.")
    batch: BatchConfig = Field(default=BatchConfig(), description="How jobs use AWS Batch.")

    @property
    def queues(self) -> tuple[tuple[str, str], ...]:
        """The job queues of AWS Batch that the options name, each with the prefix of its job names."""
        options = (self.jobs, *(self.options_of(asset) for asset in self.steps))
        queues = ((queue, option.prefix) for option in options for queue in (option.queue, option.fallback_queue))
        return tuple(dict.fromkeys((queue, prefix) for queue, prefix in queues if queue is not None))

    def options_of(self, asset: str) -> JobOptions:
        """The options of an asset's jobs: those of all jobs, overridden by the asset's own."""
        return self.jobs.then(self.steps.get(asset, JobOptions()))


def open_backend(config: BackendConfig, output_path: str, store: Store, run_id: str, budget: str) -> Backend:
    """Open the backend that runs a project's jobs; it connects to nothing before its first use.

    Args:
        config: Where jobs run.
        output_path: Where results are published.
        store: Reads the inputs.
        run_id: The run that jobs belong to.
        budget: The run whose retries are counted (see `RunIdentity`).

    Raises:
        InputError: these jobs cannot work in the scratch folder.
    """
    # Each backend's library (boto3, docker) takes tenths of a second to import, which users of the others save.
    if config.backend == "batch":
        from bioinfo_assets.launch.batch.backend import BatchBackend, RunIdentity  # noqa: PLC0415 - see above

        return BatchBackend(batch_scratch(config, output_path), store, RunIdentity(run_id, budget), config.batch)
    scratch = Path(config.scratch) if config.scratch else default_scratch(output_path)
    if config.backend == "docker":
        from bioinfo_assets.launch.docker.backend import DockerBackend  # noqa: PLC0415 - see above

        return DockerBackend(scratch, store, config.jobs.image, config.cpus, config.memory_mib)
    from bioinfo_assets.launch.local_backend import LocalBackend  # noqa: PLC0415 - see above

    return LocalBackend(scratch, store, config.cpus, config.memory_mib, tool_folders(config))


def tool_folders(config: BackendConfig) -> tuple[Path, ...]:
    """The folders in which tools are searched before `PATH`: the configured ones, then that of this Python.

    `make install` puts cutadapt, GATK and Picard there. So jobs use the same tools however a run is started.
    """
    return (*map(Path, config.tool_path), Path(sys.executable).parent)


def batch_scratch(config: BackendConfig, output_path: str) -> str:
    """The scratch folder of a project's jobs on AWS Batch: in the configured one, or the one in the output path.

    Projects have folders of their own in a configured one. A job is known there by the fingerprint of its result, and
    projects with the same samples or the same reference would take each other's jobs for their own.

    Raises:
        InputError: neither is in S3.
    """
    layout = OutputLayout(output_path)
    scratch = join(config.scratch, layout.project_name) if config.scratch else layout.scratch
    if not scratch.startswith("s3://"):
        raise InputError(
            f"jobs on AWS Batch cannot work in {config.scratch or scratch}: set scratch, or the output path, to s3://BUCKET/FOLDER"
        )
    return scratch


def default_scratch(output_path: str) -> Path:
    """The default scratch folder on this machine: in a local output path, so that publishing is a rename."""
    if "://" in output_path:
        return Path.home() / ".cache" / "bioinfo-assets" / "scratch"
    return Path(OutputLayout(output_path).scratch)
