from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets_tests.orchestration.toy import Toy


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    home = tmp_path / "home"
    home.mkdir()
    with dg.instance_for_test(temp_dir=str(home)) as instance:
        yield Toy(tmp_path, instance)
