"""A simulator, and the real boto3 client."""

import os

import boto3
import pytest
from botocore.config import Config

from bioinfo_assets_tests.simulator import BatchSimulator, Queue
from bioinfo_assets_tests.simulator.driver import Driver
from bioinfo_assets_tests.simulator.shapes import check_answer

ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=5)


@pytest.fixture
def queues():
    return (
        Queue("queue"),
        Queue("closed", enabled=False),
        Queue("shared", fair_share=True),
        Queue("small", max_vcpus=2),
    )


@pytest.fixture
def simulator(tmp_path, queues):
    with BatchSimulator(
        tmp_path / "machines",
        machine_environment={"PATH": os.environ["PATH"], "TOOLS": "/opt/tools"},
        queues=queues,
        second_s=0.005,
        images={"tools:1", "tools:2"},
        log_groups=["/genomes"],
    ) as started:
        yield started


@pytest.fixture
def batch(simulator):
    client = client_of("batch", simulator)
    yield Driver(client)
    client.close()


@pytest.fixture
def logs(simulator):
    client = client_of("logs", simulator)
    yield client
    client.close()


def client_of(service, simulator, config=ONCE):
    """The real client; every answer that it gets is compared with its own model."""
    client = boto3.client(
        service,
        endpoint_url=simulator.url,
        region_name="us-east-1",
        aws_access_key_id="someone",
        aws_secret_access_key="secret",  # noqa: S106 (nobody's)
        config=config,
    )
    client.meta.events.register("before-parse", check_answer)
    return client
