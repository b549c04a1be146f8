"""A backfill in which a sample failed: the report of the others is made all the same."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset

from bioinfo_assets.assets.sensors import make_report_after_backfill
from bioinfo_assets.definitions import build_definitions
from bioinfo_assets.orchestration.backfills import request_backfill
from bioinfo_assets.orchestration.internals import BulkActionStatus
from bioinfo_assets.settings import Settings

REPORT = dg.AssetKey("multiqc_report")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def backfill(
    instance: dg.DagsterInstance,
    assets: list[str],
    status: BulkActionStatus = BulkActionStatus.COMPLETED_FAILED,
    *,
    report_requested: bool = False,
    requested_at: float | None = None,
    ended_at: float | None = None,
) -> str:
    """A backfill of two samples, as Dagster leaves it when one of them has failed."""
    partitions: dict[str, list[str | None]] = {asset: ["good", "bad"] for asset in assets if asset != "multiqc_report"}
    if "multiqc_report" in assets:
        partitions["multiqc_report"] = [None]
    backfill_id = request_backfill(instance, partitions, title="test")
    requested = instance.get_backfill(backfill_id)
    assert requested is not None
    data = requested.asset_backfill_data
    assert data is not None
    samples = AssetGraphSubset(  # type: ignore[call-arg] # a NamedTuple whose decorator hides its fields
        partitions_subsets_by_asset_key=data.target_subset.partitions_subsets_by_asset_key,
        non_partitioned_asset_keys={REPORT} if report_requested else set(),
    )
    instance.update_backfill(
        requested._replace(
            status=status,
            asset_backfill_data=data._replace(requested_subset=samples),
            backfill_timestamp=requested_at or requested.backfill_timestamp,
            backfill_end_timestamp=ended_at,
        )
    )
    return backfill_id


def requests(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    found: Any = make_report_after_backfill(dg.build_sensor_context(instance))
    return [item for item in found if isinstance(item, dg.RunRequest)]


def test_the_report_that_a_backfill_left_out_is_requested_once(instance: dg.DagsterInstance) -> None:
    backfill_id = backfill(instance, ["depth", "multiqc_report"])
    (request,) = requests(instance)
    assert request.asset_selection == [REPORT]
    assert request.partition_key is None
    assert request.tags["bioinfo-assets/report-of-backfill"] == backfill_id
    (again,) = requests(instance)
    assert again.run_key == request.run_key  # Dagster launches one run for a key


def test_a_backfill_of_genomes_takes_days(instance: dg.DagsterInstance) -> None:
    """Dagster's filter is for the time of its request."""
    long_ago = time.time() - 5 * 24 * 3600
    long = backfill(instance, ["depth", "multiqc_report"], requested_at=long_ago, ended_at=time.time() - 60)
    backfill(instance, ["depth", "multiqc_report"], requested_at=long_ago, ended_at=long_ago + 60)
    assert [request.tags["bioinfo-assets/report-of-backfill"] for request in requests(instance)] == [long]


def test_other_backfills_get_no_report(instance: dg.DagsterInstance) -> None:
    backfill(instance, ["depth"])
    backfill(instance, ["depth", "multiqc_report"], report_requested=True)
    backfill(instance, ["depth", "multiqc_report"], BulkActionStatus.CANCELED)
    backfill(instance, ["depth", "multiqc_report"], BulkActionStatus.REQUESTED)
    assert requests(instance) == []


def test_the_sensor_may_launch_the_report(tmp_path: Path) -> None:
    repository = build_definitions(Settings(output_path=str(tmp_path))).get_repository_def()
    sensor = repository.get_sensor_def("make_report_after_backfill")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.asset_selection is not None
    assert sensor.asset_selection.resolve(repository.asset_graph) == {REPORT}
