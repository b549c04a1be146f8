"""Runs by Dagster on released results of real tools."""

from datetime import UTC, datetime

import pytest

from bioinfo_assets.orchestration.job_updates import JobState
from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets.records.released import Releasable, release
from bioinfo_assets.retention_settings import RetentionSettings
from bioinfo_assets_tests.assets.real_project import RealProject

pytestmark = pytest.mark.xdist_group("retention")


def test_dagster_reuses_released_results_and_shows_what_it_showed_before(complete: RealProject) -> None:
    sample = complete.samples[0]
    shown = {asset: complete.metadata(asset, sample) for asset in RetentionSettings.model_fields}
    for asset in RetentionSettings.model_fields:
        for name in complete.samples:
            item = Releasable(complete.record(asset, name), GRAPH[asset].bulk_files, (), "")
            assert release(complete.project.ledger, item, datetime.now(UTC))

    assert complete.run(), complete.failures()

    assert set(complete.states().values()) == {JobState.CACHED}
    assert complete.stale() == set()
    for asset, before in shown.items():
        after = complete.metadata(asset, sample)
        changed = {name for name, value in after.items() if before.get(name) != value}
        assert changed <= {"reused", "provenance"}  # what the job cost is not shown of a reused result
