"""What is known of the assets without Dagster is what Dagster knows of them."""

import dagster as dg
import pytest

from bioinfo_assets import definitions
from bioinfo_assets.assets.sources import SOURCE_ASSETS
from bioinfo_assets.pipeline.graph import ASSETS, GRAPH, PER_SAMPLE, SOURCES
from bioinfo_assets.settings import Settings


def test_the_assets_and_their_order() -> None:
    assert tuple(asset.key.path[-1] for asset in definitions.ASSETS) == ASSETS


def test_which_are_made_per_sample() -> None:
    assert {asset.key.path[-1] for asset in definitions.ASSETS if asset.partitions_def} == set(PER_SAMPLE)


def test_the_sources() -> None:
    assert tuple(source.key.path[-1] for source in SOURCE_ASSETS) == SOURCES


@pytest.mark.parametrize("asset", definitions.ASSETS, ids=lambda asset: asset.key.path[-1])
def test_what_each_is_made_from(asset: dg.AssetsDefinition) -> None:
    assert {key.path[-1] for key in asset.dependency_keys} == set(GRAPH[asset.key.path[-1]].upstream)


@pytest.mark.parametrize("made", GRAPH.values(), ids=GRAPH)
def test_each_comes_after_what_it_is_made_from(made) -> None:
    assert set(made.upstream) <= {*SOURCES, *ASSETS[: ASSETS.index(made.name)]}


@pytest.mark.parametrize("made", GRAPH.values(), ids=GRAPH)
def test_the_settings_that_shape_it_are_settings(made) -> None:
    assert set(made.settings) <= set(Settings.model_fields)
