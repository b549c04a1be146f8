"""What the command line knows of the assets without Dagster is what Dagster knows of them."""

from bioinfo_assets import definitions
from bioinfo_assets.cli.pipeline import ASSETS, PER_SAMPLE, SUBJECTS, TOOLS


def test_the_assets_and_their_order() -> None:
    assert tuple(asset.key.path[-1] for asset in definitions.ASSETS) == ASSETS


def test_which_are_made_per_sample() -> None:
    assert {asset.key.path[-1] for asset in definitions.ASSETS if asset.partitions_def} == set(PER_SAMPLE)


def test_the_subjects_of_the_others() -> None:
    assert SUBJECTS == definitions.SUBJECTS


def test_each_asset_has_its_tools() -> None:
    assert set(TOOLS) == set(ASSETS)
