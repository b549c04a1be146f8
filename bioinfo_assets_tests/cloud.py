"""AWS as whole runs meet it in tests: Batch is the simulator, whose jobs are processes here, S3 is moto's server."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from bioinfo_assets.launch.backend_config import BackendConfig
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.job import JobOptions
from bioinfo_assets.launch.tools import tool_versions
from bioinfo_assets_tests.launch.batch.batch_backend import PATH, container_environment
from bioinfo_assets_tests.moto_server import moto_server
from bioinfo_assets_tests.simulator import BatchSimulator, Queue

IMAGE = "tools:1"
MEANS = BackendConfig(backend="batch", batch=BatchConfig(poll_interval_s=0.1, scratch_volume=""))
JOBS = JobOptions(image=IMAGE, queue="default", fuse=False)


@dataclass(frozen=True)
class Cloud:
    """Both services, and what a program needs to find them.

    Attributes:
        simulator: Batch and its logs.
        bucket: An empty bucket, as `s3://NAME`.
        environment: The variables of a host that uses them.
    """

    simulator: BatchSimulator
    bucket: str
    environment: dict[str, str]

    def submitted(self) -> list[dict[str, Any]]:
        """The requests of SubmitJob, in order."""
        return [dict(payload) for payload in self.simulator.payloads("SubmitJob")]

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs as Batch has them: an array's children, not the array."""
        return [job for job in self.simulator.job_details() if "size" not in job.get("arrayProperties", {})]

    def starts(self) -> int:
        """How often a container was started."""
        return sum(max(1, len(job.get("attempts", ()))) for job in self.jobs() if job["status"] != "RUNNABLE")


@contextmanager
def opened_cloud(
    folder: Path,
    *,
    tools: Collection[str] = (),
    path: str = PATH,
    queues: Sequence[Queue] = (Queue("default"),),
    through: Callable[[str], AbstractContextManager[str]] = nullcontext,
    max_running: int = 4,
) -> Iterator[Cloud]:
    """Starts both; the variables of this process name them meanwhile.

    Args:
        folder: Where jobs work.
        tools: The tools that images list.
        path: Where jobs find them.
        queues: Of Batch.
        through: Opens what stands between S3's address and its clients, and gives their address.
        max_running: How many jobs the machines hold at the same time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stack = ExitStack()
    url = stack.enter_context(through(stack.enter_context(moto_server())))
    listed = folder / "tools.tsv"
    listed.write_text("".join(f"{tool}\t{version}\n" for tool, version in tool_versions(tools, PATH).items()))
    machines = container_environment(url, listed) | {"PATH": path}
    simulator = BatchSimulator(
        folder / "machines", machine_environment=machines, queues=queues, max_running=max_running, second_s=0.02
    )
    with stack, pytest.MonkeyPatch.context() as patch, simulator:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ENDPOINT_URL_BATCH": simulator.url,
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": simulator.url,
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        for name, value in environment.items():
            patch.setenv(name, value)
        bucket = f"runs-{uuid4().hex[:12]}"
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=bucket)
        s3.close()
        yield Cloud(simulator, f"s3://{bucket}", environment)
