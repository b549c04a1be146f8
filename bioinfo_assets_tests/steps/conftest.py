import pytest

from bioinfo_assets_tests.steps.bench import Bench
from bioinfo_assets_tests.steps.chain import Chain, run_chain


@pytest.fixture(scope="session")
def chain(tmp_path_factory) -> Chain:
    """Every step, with the resources it asks for."""
    return run_chain(tmp_path_factory.mktemp("chain"))


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path / "scratch")
