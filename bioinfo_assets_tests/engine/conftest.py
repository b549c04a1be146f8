from collections.abc import Iterator
from pathlib import Path

import pytest

from bioinfo_assets_tests.engine.awkward_reads import Inputs
from bioinfo_assets_tests.engine.data import SETS
from bioinfo_assets_tests.engine.java import Java
from bioinfo_assets_tests.engine.marking import NAMES, MarkedTemplates
from bioinfo_assets_tests.engine.originals import Originals
from bioinfo_assets_tests.engine.program import Engine, build


@pytest.fixture(scope="session")
def java() -> Iterator[Java]:
    """GATK and Picard."""
    java = Java()
    yield java
    java.close()


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory, java: Java) -> dict[str, Originals]:
    """Every set of reads; GATK and Picard run once on each, when a test asks for their results."""
    folder = tmp_path_factory.mktemp("compared")
    return {name: Originals(make, folder / name.replace(" ", "_"), java) for name, make in SETS.items()}


@pytest.fixture(params=list(SETS))
def originals(request: pytest.FixtureRequest, compared: dict[str, Originals]) -> Originals:
    return compared[request.param]


@pytest.fixture(scope="session")
def marked(tmp_path_factory: pytest.TempPathFactory, java: Java) -> dict[str, MarkedTemplates]:
    """Every set of templates; Picard runs once on each, when a test asks for its results."""
    folder = tmp_path_factory.mktemp("marked")
    return {name: MarkedTemplates(name, folder / name.replace(" ", "_"), java) for name in NAMES}


@pytest.fixture(scope="session")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return SETS["awkward reads"](tmp_path_factory.mktemp("awkward") / "inputs")


@pytest.fixture(
    scope="session",
    params=[
        pytest.param((None, 1), id="one thread"),
        pytest.param((None, 2), id="two threads"),
        pytest.param(("memory", 1), id="memory sanitizers"),
        # Not on each machine: gcc 12's refuses to start where the kernel places programs at more random addresses.
        pytest.param(("threads", 4), id="thread sanitizer", marks=pytest.mark.long),
    ],
)
def engine(request: pytest.FixtureRequest) -> Engine:
    """The program, also with sanitizers."""
    sanitizers, threads = request.param
    return Engine(build(sanitizers), threads)


@pytest.fixture(
    scope="session", params=[pytest.param(None, id="usual build"), pytest.param("memory", id="memory sanitizers")]
)
def program(request: pytest.FixtureRequest) -> Path:
    return build(request.param)


@pytest.fixture(scope="session")
def sanitized() -> Path:
    return build("memory")


@pytest.fixture(scope="session")
def usual() -> Path:
    return build()
