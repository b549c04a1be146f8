"""AWS Batch (the simulator) and S3 (moto's server), and settings as a user would have them."""

import pytest

from bioinfo_assets_tests.launch.batch.machines import container_environment, opened, tools_list
from bioinfo_assets_tests.simulator import BatchSimulator, Queue


@pytest.fixture
def second_s():
    """How long a second of Batch's timeouts and of its grace of 30 seconds takes."""
    return 0.02


@pytest.fixture
def simulator(tmp_path, s3_server, s3, monkeypatch, second_s):
    environment = container_environment(s3_server, tools_list(tmp_path))
    with BatchSimulator(
        tmp_path / "machines",
        machine_environment=environment,
        queues=(Queue("default"), Queue("shared", fair_share=True)),
        second_s=second_s,
        max_running=8,
    ) as started:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BATCH", started.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", started.url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield started


@pytest.fixture
def scratch(s3):
    return f"{s3}/scratch"


@pytest.fixture
def backend(simulator, scratch):
    with opened(scratch) as batch:
        yield batch
