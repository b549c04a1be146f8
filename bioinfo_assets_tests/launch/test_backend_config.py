"""The backend that a configuration selects, and its scratch."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend import Backend
from bioinfo_assets.launch.backend_config import (
    BackendConfig,
    batch_scratch,
    default_scratch,
    open_backend,
)
from bioinfo_assets.launch.batch.backend import BatchBackend
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.docker.backend import DockerBackend
from bioinfo_assets.launch.job import JobOptions
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.storage.store import Store


def open_and_close(config: BackendConfig, output_path: str) -> Backend:
    backend = open_backend(config, output_path, Store(), "run-1", "run-1")
    backend.close()
    return backend


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (BackendConfig(), LocalBackend),
        (BackendConfig(backend="docker", jobs=JobOptions(image="tools:1")), DockerBackend),
        (BackendConfig(backend="batch", scratch="s3://bucket/scratch"), BatchBackend),
    ],
)
def test_the_configured_backend_is_opened(tmp_path: Path, config: BackendConfig, kind: type) -> None:
    """It connects to no engine, network or disk: none of them exists."""
    backend = open_and_close(config, str(tmp_path / "output"))
    assert isinstance(backend, kind)
    assert backend.name == config.backend
    assert list(tmp_path.iterdir()) == []


def test_the_poll_interval_of_batch_can_be_set() -> None:
    config = BackendConfig(backend="batch", scratch="s3://bucket/scratch", batch=BatchConfig(poll_interval_s=7.5))
    assert open_and_close(config, "s3://bucket/run").interval_s == 7.5


@pytest.mark.parametrize(
    ("output_path", "scratch", "place"),
    [
        ("s3://bucket/run", None, "s3://bucket/run/.scratch"),
        ("s3://bucket/run/", None, "s3://bucket/run/.scratch"),
        ("s3://bucket/run", "s3://other/scratch", "s3://other/scratch/run."),
        ("s3://bucket/run 7/", "s3://other/scratch/", "s3://other/scratch/run_7."),
        ("s3://bucket", "s3://other/scratch", "s3://other/scratch/bucket."),
        ("/data/run", "s3://other/scratch", "s3://other/scratch/run."),
    ],
)
def test_the_scratch_of_batch_is_in_s3(output_path: str, scratch: str | None, place: str) -> None:
    found = batch_scratch(BackendConfig(backend="batch", scratch=scratch), output_path)
    assert re.fullmatch(re.escape(place) + (r"[0-9a-f]{12}" if scratch else ""), found)


def test_projects_do_not_share_their_scratch() -> None:
    """They would adopt, and free, the jobs of each other that compute the same result."""
    config = BackendConfig(backend="batch", scratch="s3://bucket/scratch")
    first, other = (batch_scratch(config, f"s3://bucket/{lab}/run7") for lab in ("a", "b"))
    assert first != other
    assert first == batch_scratch(config, "s3://bucket/a/run7/")


@pytest.mark.parametrize(
    ("output_path", "scratch"), [("/data/run", None), ("s3://bucket/run", "/scratch"), ("gs://b/r", None)]
)
def test_the_scratch_of_batch_can_be_nowhere_else(output_path: str, scratch: str | None) -> None:
    with pytest.raises(InputError, match="s3://BUCKET/FOLDER"):
        batch_scratch(BackendConfig(backend="batch", scratch=scratch), output_path)


def test_the_scratch_of_this_machine_is_next_to_local_results() -> None:
    """So publishing is a rename; for remote results it is in the user's cache."""
    assert default_scratch("/data/run") == Path("/data/run/.scratch")
    assert default_scratch("s3://bucket/run").is_relative_to(Path.home() / ".cache")


@pytest.mark.parametrize(
    "wrong",
    [
        {"array_min_size": 1},
        {"array_max_size": 10_001},
        {"poll_interval_s": 0},
        {"queue_timeout_s": 0},
        {"max_memory_mib": 3},
        {"pol": 1},
    ],
)
def test_settings_of_batch_have_limits(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        BatchConfig.model_validate(wrong)


def test_an_unknown_backend_is_rejected() -> None:
    with pytest.raises(ValidationError, match="'local', 'docker' or 'batch'"):
        BackendConfig.model_validate({"backend": "btach"})
