from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets_tests.orchestration.toy_project import ToyProject


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a Dagster home whose instance has Dagster's own settings."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return folder


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[ToyProject]:
    home = tmp_path / "home"
    home.mkdir()
    with dg.instance_for_test(temp_dir=str(home)) as instance:
        yield ToyProject(tmp_path, instance)
