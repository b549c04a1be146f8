from pathlib import Path

import pytest

from bioinfo_assets.steps.engine import Engine
from bioinfo_assets_tests.steps.bench import Bench
from bioinfo_assets_tests.steps.chain import Chain, run_chain


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Every step, run with its own resources."""
    return run_chain(tmp_path_factory.mktemp("chain"), Engine.GATK)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "scratch")
