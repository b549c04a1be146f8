"""Where jobs run: the backend that the settings name, and the place it works in."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend_config import (
    BackendConfig,
    batch_scratch,
    default_scratch,
    open_backend,
)
from bioinfo_assets.launch.batch.backend import BatchBackend
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.docker.backend import DockerBackend
from bioinfo_assets.launch.local_backend import LocalBackend
from bioinfo_assets.storage.store import Store


def opened(means: BackendConfig, output_path: str) -> object:
    backend = open_backend(means, output_path, Store(), "run-1", "run-1")
    backend.close()
    return backend


@pytest.mark.parametrize(
    ("means", "kind"),
    [
        (BackendConfig(), LocalBackend),
        (BackendConfig(backend="docker", image="tools:1"), DockerBackend),
        (BackendConfig(backend="batch", scratch="s3://bucket/scratch"), BatchBackend),
    ],
)
def test_the_backend_is_the_one_that_is_named(tmp_path: Path, means: BackendConfig, kind: type) -> None:
    """It is made without a look at engine, network or disk: none of them is there."""
    backend = opened(means, str(tmp_path / "output"))
    assert isinstance(backend, kind)
    assert backend.name == means.backend
    assert list(tmp_path.iterdir()) == []


def test_batch_is_asked_as_often_as_is_set() -> None:
    means = BackendConfig(backend="batch", scratch="s3://bucket/scratch", batch=BatchConfig(poll_interval_s=7.5))
    assert opened(means, "s3://bucket/run").interval_s == 7.5


@pytest.mark.parametrize(
    ("output_path", "scratch", "place"),
    [
        ("s3://bucket/run", None, "s3://bucket/run/.scratch"),
        ("s3://bucket/run/", None, "s3://bucket/run/.scratch"),
        ("s3://bucket/run", "s3://other/scratch", "s3://other/scratch"),
        ("/data/run", "s3://other/scratch", "s3://other/scratch"),
    ],
)
def test_jobs_on_batch_work_in_s3(output_path: str, scratch: str | None, place: str) -> None:
    assert batch_scratch(BackendConfig(backend="batch", scratch=scratch), output_path) == place


@pytest.mark.parametrize(
    ("output_path", "scratch"), [("/data/run", None), ("s3://bucket/run", "/scratch"), ("gs://b/r", None)]
)
def test_jobs_on_batch_work_nowhere_else(output_path: str, scratch: str | None) -> None:
    with pytest.raises(InputError, match="s3://BUCKET/FOLDER"):
        batch_scratch(BackendConfig(backend="batch", scratch=scratch), output_path)


def test_jobs_of_this_machine_work_beside_their_results() -> None:
    """So that publishing is a rename; results elsewhere are made in the user's cache."""
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
        BatchConfig(**wrong)


def test_a_backend_that_is_not_there() -> None:
    with pytest.raises(ValidationError, match="'local', 'docker' or 'batch'"):
        BackendConfig(backend="btach")
