from collections.abc import Iterator
from pathlib import Path

import pytest

from bioinfo_assets_tests.records.greeting_project import GreetingProject, open_greeting_project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[GreetingProject]:
    with open_greeting_project(tmp_path) as opened:
        yield opened
