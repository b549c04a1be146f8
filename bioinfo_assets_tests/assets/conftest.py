from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets_tests.assets.real_project import RealProject, open_real_project
from bioinfo_assets_tests.data_sets import DataSet, data_sets, simulated

DATA_SETS: list[DataSet | None] = [*data_sets()] or [None]
"""The real data sets; None stands for a simulated one."""


@pytest.fixture(
    scope="module", params=DATA_SETS, ids=lambda data_set: data_set.folder.name if data_set else "simulated"
)
def data_set(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    data_set: DataSet | None = request.param
    return data_set or simulated(tmp_path_factory.mktemp("simulated"))


@pytest.fixture(scope="module")
def complete(data_set: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealProject]:
    """A project whose whole graph was run once on a data set."""
    folder = tmp_path_factory.mktemp("complete")
    (folder / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(folder / "home")) as instance:
        settings = {"reference": str(data_set.reference), "known_sites": tuple(map(str, data_set.known_sites))}
        project = open_real_project(folder, instance, cram="embedded", read_quality=True, **settings)
        project.add([data_set.fastqs])
        assert project.samples
        assert project.run(), project.failures()
        yield project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[RealProject]:
    """An empty project."""
    (tmp_path / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "home")) as instance:
        yield open_real_project(tmp_path, instance)
