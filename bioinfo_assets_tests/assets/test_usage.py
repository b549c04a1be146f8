"""What jobs used, in Dagit: an asset that is observed, its metadata, and the page under the output path."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.assets.usage import (
    USAGE_INTERVAL_S,
    observe_resource_usage,
    report_usage,
    resource_usage,
)
from bioinfo_assets.definitions import build_definitions
from bioinfo_assets.launch.accounting import Accounting
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.provenance.usage.prices import sample_prices
from bioinfo_assets.settings import HOME_VARIABLE, Settings
from bioinfo_assets_tests.provenance.usage_project import record_job

FOUR = Accounting(vcpus=4, memory_mib=1024)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with one result, of two hours on four CPUs."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    project = Project(Settings(output_path=str(tmp_path / "output")))
    record_job(project.ledger, "depth", "a", hours=2, stored=1000, accounting=FOUR)
    return project


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("samples", ["a", "b"])
        yield instance


def observations(instance: dg.DagsterInstance) -> list[dg.AssetObservation]:
    """The reported observations, the newest first."""
    records = instance.fetch_observations(resource_usage.key, limit=100).records
    return [record.asset_observation for record in records if record.asset_observation is not None]


def test_the_totals_are_reported_when_they_change(
    project: Project, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    for _ in range(2):
        assert report_usage(instance, project, tmp_path / "home") == ""
    (first,) = observations(instance)
    assert (first.metadata["jobs"].value, first.metadata["vcpu_hours"].value) == (1, 8.0)
    assert first.metadata["stored_bytes"].value == 1000
    assert "| depth | 1 | 8.00 | 2 h 0 min | 4 |" in str(first.metadata["steps"].value)
    assert "price" not in first.metadata
    assert (tmp_path / "output" / "resource_usage.html").exists()
    assert first.metadata["page"].value == "/results/resource_usage.html"
    assert (tmp_path / "output" / "resource_usage.html").exists()

    record_job(project.ledger, "depth", "b", hours=1, accounting=FOUR)
    report_usage(instance, project, tmp_path / "home")
    assert [item.metadata["vcpu_hours"].value for item in observations(instance)] == [12.0, 8.0]


def test_prices_in_the_home_are_used(project: Project, instance: dg.DagsterInstance, tmp_path: Path) -> None:
    (tmp_path / "home" / "prices.toml").write_text(sample_prices(), encoding="utf-8")
    assert report_usage(instance, project, tmp_path / "home") == ""
    (observation,) = observations(instance)
    assert observation.metadata["price"].value == pytest.approx(8 * 0.0425)
    assert "THE PRICES ARE A SAMPLE" in str(observation.metadata["notes"].value)


def test_a_wrong_table_of_prices_is_reported_and_ends_nothing(
    project: Project, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    (tmp_path / "home" / "prices.toml").write_text("vcpu_hour = cheap")
    assert "prices.toml is not TOML" in report_usage(instance, project, tmp_path / "home")
    skipped = observe_resource_usage(dg.build_sensor_context(instance=instance, resources={"project": project}))
    assert isinstance(skipped, dg.SkipReason)
    assert "prices.toml is not TOML" in str(skipped.skip_message)
    assert observations(instance) == []


def test_the_sensor_adds_up_only_after_results_of_samples_have_changed(
    project: Project, instance: dg.DagsterInstance
) -> None:
    first = observe_resource_usage(dg.build_sensor_context(instance=instance, resources={"project": project}))
    assert isinstance(first, dg.SensorResult)
    assert len(first.asset_events) == 1
    context = dg.build_sensor_context(instance=instance, resources={"project": project}, cursor=first.cursor)
    assert isinstance(observe_resource_usage(context), dg.SkipReason)

    instance.report_runless_asset_event(dg.AssetMaterialization("depth", partition="a"))
    context = dg.build_sensor_context(instance=instance, resources={"project": project}, cursor=first.cursor)
    assert isinstance(observe_resource_usage(context), dg.SensorResult)


def test_it_is_observed_from_dagit(project: Project, instance: dg.DagsterInstance) -> None:
    job = build_definitions(project.settings).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance, asset_selection=[resource_usage.key])
    assert result.success
    (observation,) = observations(instance)
    assert observation.metadata["vcpu_hours"].value == 8.0


def test_dagit_has_the_asset_and_its_sensor(tmp_path: Path) -> None:
    definitions = build_definitions(Settings(output_path=str(tmp_path)))
    sensor = definitions.resolve_sensor_def("observe_resource_usage")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == USAGE_INTERVAL_S
    assert resource_usage.key in definitions.resolve_asset_graph().get_all_asset_keys()
