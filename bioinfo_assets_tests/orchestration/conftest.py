from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets_tests.orchestration.toy_project import ToyProject


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[ToyProject]:
    home = tmp_path / "home"
    home.mkdir()
    with dg.instance_for_test(temp_dir=str(home)) as instance:
        yield ToyProject(tmp_path, instance)
