"""A simulator, and boto3's own client."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore.config import Config

from bioinfo_assets_tests.simulator import BatchSimulator, Queue
from bioinfo_assets_tests.simulator.answer_check import check_answer
from bioinfo_assets_tests.simulator.driver import Driver

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

WITHOUT_RETRIES: Final = Config(retries={"total_max_attempts": 1}, read_timeout=60)


@pytest.fixture
def queues() -> tuple[Queue, ...]:
    return (
        Queue("queue"),
        Queue("closed", enabled=False),
        Queue("shared", fair_share=True),
        Queue("small", max_vcpus=2),
    )


@pytest.fixture
def second_s() -> float:
    """How long a second of Batch's timeouts and of its grace of 30 seconds takes."""
    return 0.005


@pytest.fixture
def simulator(tmp_path: Path, queues: tuple[Queue, ...], second_s: float) -> Iterator[BatchSimulator]:
    with BatchSimulator(
        tmp_path / "machines",
        machine_environment={"PATH": os.environ["PATH"], "TOOLS": "/opt/tools"},
        queues=queues,
        second_s=second_s,
        images={"tools:1", "tools:2"},
        log_groups=["/genomes"],
    ) as simulator:
        yield simulator


@pytest.fixture
def batch(simulator: BatchSimulator) -> Iterator[Driver]:
    client = client_of("batch", simulator)
    yield Driver(client)
    client.close()


@pytest.fixture
def logs(simulator: BatchSimulator) -> "Iterator[CloudWatchLogsClient]":
    client = client_of("logs", simulator)
    yield client
    client.close()


def client_of(service: str, simulator: BatchSimulator, config: Config = WITHOUT_RETRIES) -> Any:
    """boto3's client; every answer to it is compared with botocore's model."""
    client = boto3.Session().client(
        service,  # type: ignore[call-overload] # one of two services
        endpoint_url=simulator.url,
        region_name="us-east-1",
        aws_access_key_id="someone",
        aws_secret_access_key="secret",  # noqa: S106 (nobody's)
        config=config,
    )
    client.meta.events.register("before-parse", check_answer)
    return client
