from pathlib import Path

import pytest

from bioinfo_assets_tests.engine.awkward_reads import Inputs
from bioinfo_assets_tests.engine.data import SETS
from bioinfo_assets_tests.engine.originals import Originals
from bioinfo_assets_tests.engine.program import Engine, build


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Originals]:
    """Every set of reads; GATK and Picard run once on each, when a test asks for their results."""
    folder = tmp_path_factory.mktemp("compared")
    return {name: Originals(make, folder / name.replace(" ", "_")) for name, make in SETS.items()}


@pytest.fixture(params=list(SETS))
def originals(request: pytest.FixtureRequest, compared: dict[str, Originals]) -> Originals:
    return compared[request.param]


@pytest.fixture(scope="session")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return SETS["awkward reads"](tmp_path_factory.mktemp("awkward") / "inputs")


@pytest.fixture(scope="session", params=["one thread", "two threads", "sanitized"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """The program, also with AddressSanitizer and UndefinedBehaviorSanitizer."""
    return Engine(build(sanitized=request.param == "sanitized"), 2 if request.param == "two threads" else 1)


@pytest.fixture(scope="session", params=[False, True], ids=["usual build", "sanitized"])
def program(request: pytest.FixtureRequest) -> Path:
    return build(sanitized=request.param)
