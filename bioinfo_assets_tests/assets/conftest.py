from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets_tests.assets.graph import Graph, open_graph
from bioinfo_assets_tests.data_sets import DataSet, data_sets, simulated


@pytest.fixture(scope="module", params=data_sets() or [None], ids=lambda one: one.folder.name if one else "simulated")
def data_set(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return request.param or simulated(tmp_path_factory.mktemp("simulated"))


@pytest.fixture(scope="module")
def graph(data_set: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """The whole graph on a real data set, run once."""
    folder = tmp_path_factory.mktemp("graph")
    (folder / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(folder / "home")) as instance:
        opened = open_graph(
            folder, instance, reference=str(data_set.reference), known_sites=tuple(map(str, data_set.known_sites))
        )
        opened.add([data_set.fastqs])
        assert opened.run(), opened.failures()
        yield opened


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Graph]:
    """An empty project."""
    (tmp_path / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "home")) as instance:
        yield open_graph(tmp_path, instance)
