"""AWS Batch (the simulator) and S3 (moto's server), with the environment of a user."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bioinfo_assets_tests.launch.batch.batch_backend import (
    BackendWithOptions,
    batch_backend,
    container_environment,
    write_tool_list,
)
from bioinfo_assets_tests.simulator import BatchSimulator, Queue


@pytest.fixture
def second_s() -> float:
    """How long a second of Batch's timeouts and of its grace of 30 seconds takes."""
    return 0.02


@pytest.fixture
def max_running() -> int:
    """How many jobs the machines hold at the same time."""
    return 8


@pytest.fixture
def simulator(
    tmp_path: Path, s3_server: str, s3: str, monkeypatch: pytest.MonkeyPatch, second_s: float, max_running: int
) -> Iterator[BatchSimulator]:
    environment = container_environment(s3_server, write_tool_list(tmp_path))
    with BatchSimulator(
        tmp_path / "machines",
        machine_environment=environment,
        queues=(Queue("default"), Queue("on-demand"), Queue("shared", fair_share=True)),
        second_s=second_s,
        max_running=max_running,
    ) as simulator:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BATCH", simulator.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", simulator.url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield simulator


@pytest.fixture
def scratch(s3: str) -> str:
    return f"{s3}/scratch"


@pytest.fixture
def backend(simulator: BatchSimulator, scratch: str) -> Iterator[BackendWithOptions]:
    with batch_backend(scratch) as backend:
        yield backend
