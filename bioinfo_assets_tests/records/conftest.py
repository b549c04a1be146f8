from collections.abc import Iterator
from pathlib import Path

import pytest

from bioinfo_assets_tests.records.bench import Bench, open_bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with open_bench(tmp_path) as opened:
        yield opened
