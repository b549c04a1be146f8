from pathlib import Path

import pytest

from bioinfo_assets_tests.engine.awkward_reads import Inputs
from bioinfo_assets_tests.engine.data import SETS
from bioinfo_assets_tests.engine.originals import Originals
from bioinfo_assets_tests.engine.program import Engine, build


@pytest.fixture(scope="session", params=list(SETS))
def originals(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Originals:
    """A set of reads with GATK's and Picard's results."""
    return Originals(SETS[request.param](tmp_path_factory.mktemp("reads") / "inputs"))


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
