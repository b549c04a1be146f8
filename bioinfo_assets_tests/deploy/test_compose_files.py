"""The files of deploy/compose, without starting anything."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from dagster._core.instance.config import dagster_instance_config

from bioinfo_assets.application.dagster_runs import INSTANCE
from bioinfo_assets.cli.dagit import DAGSTER_ENVIRONMENT
from bioinfo_assets.orchestration.compute_logs import MAX_LOG_BYTES

COMPOSE: Final = Path(__file__).parents[2] / "deploy" / "compose"


@pytest.fixture(scope="module")
def image_environment() -> dict[str, str]:
    """The variables of the image `app`."""
    text = (COMPOSE / "Dockerfile").read_text().replace("\\\n", " ")
    app = text.partition(" AS app\n")[2].partition("\nFROM ")[0]
    words = [shlex.split(line)[1:] for line in app.splitlines() if line.startswith("ENV ")]
    return dict(word.split("=", 1) for own in words for word in own)


def test_the_image_has_the_variables_of_dagit(image_environment: dict[str, str]) -> None:
    assert DAGSTER_ENVIRONMENT.items() <= image_environment.items()


def test_dagster_uploads_more_of_a_log_than_it_may_have(image_environment: dict[str, str]) -> None:
    """Otherwise it uploads what there was at its last upload, and deletes the rest."""
    assert int(image_environment["DAGSTER_TRUNCATE_COMPUTE_LOGS_UPLOAD_BYTES"]) > MAX_LOG_BYTES


def test_dagster_accepts_its_configuration_which_queues_runs_as_dagit_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("DATABASE_HOST", "DATABASE_PASSWORD", "COMPUTE_LOG_BUCKET"):
        monkeypatch.setenv(variable, "a")

    def load(text: str) -> dict[str, Any]:
        (tmp_path / "dagster.yaml").write_text(text)
        return dict(dagster_instance_config(str(tmp_path))[0])

    deployed, local = load((COMPOSE / "dagster.yaml").read_text()), load(INSTANCE)
    for section in ("run_queue", "concurrency", "run_launcher", "telemetry", "python_logs"):
        assert deployed[section] == local[section], section


def test_the_example_of_settings_is_enough_for_a_client_of_aws_batch() -> None:
    lines = (COMPOSE / "settings.env.example").read_text().splitlines()
    environment = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    command = "import boto3; boto3.client('batch')"
    subprocess.run([sys.executable, "-c", command], env={**environment, "AWS_CONFIG_FILE": "/dev/null"}, check=True)
