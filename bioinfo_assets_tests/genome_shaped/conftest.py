import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bioinfo_assets_tests.docker_engine import engine, skip_without_engine, tools_image
from bioinfo_assets_tests.genome_shaped.chain import Runner

__all__ = ["engine", "tools_image"]


@pytest.fixture
def runner(tools_image: str, tmp_path: Path) -> Iterator[Runner]:
    """Runs jobs in the tools' image; the files of a test, gigabytes of them, are removed after it."""
    if os.geteuid() != 0:
        skip_without_engine("only root can mount a file system of a given size")
    yield Runner(tools_image, tmp_path / "measured")
    shutil.rmtree(tmp_path)
