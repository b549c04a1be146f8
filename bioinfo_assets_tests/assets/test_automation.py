"""What Dagster starts by itself: changed data starts what is after it, events alone start nothing."""

import gzip
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy

from bioinfo_assets.assets.automation import automate, materialize_stale_nightly
from bioinfo_assets.assets.sources import report_cohort
from bioinfo_assets.orchestration.beta_features import accept_beta_features
from bioinfo_assets.pipeline.graph import ASSETS
from bioinfo_assets_tests.assets.real_project import RealProject, open_real_project, write_reads

pytestmark = pytest.mark.xdist_group("automation")  # they share a project

READS = ("merged_reads", "trimmed_reads")


class Automation:
    """Evaluations of the conditions, one tick after the other."""

    def __init__(self, project: RealProject) -> None:
        self._definitions, self._instance = project.definitions, project.instance
        self._cursor: dg.AssetDaemonCursor | None = None

    def tick(self) -> Mapping[str, Collection[str | None]]:
        """By asset, the samples that are requested; None for an asset without partitions."""
        with accept_beta_features():
            result = dg.evaluate_automation_conditions(self._definitions, self._instance, cursor=self._cursor)
        self._cursor = result.cursor
        requested = {asset: result.get_requested_partitions(dg.AssetKey(asset)) for asset in ASSETS}
        return {asset: partitions for asset, partitions in requested.items() if partitions}


@pytest.fixture(scope="module")
def two_samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealProject]:
    """Each test changes it, and looks from then on only."""
    folder = tmp_path_factory.mktemp("automation")
    with dg.DagsterInstance.ephemeral() as instance:  # a tick reads the partitions some 400 times
        project = open_real_project(folder, instance, run_tags={"cost-center": "4711"})
        for sample in ("a", "b"):
            write_reads(folder / "fastq", sample, 1)
        project.add([folder / "fastq"])
        assert project.run(READS)
        yield project


@pytest.fixture
def automation(two_samples: RealProject) -> Automation:
    """After its first tick, which starts nothing: whoever turns the sensor on does not ask for all that is missing."""
    automation = Automation(two_samples)
    assert automation.tick() == {}
    return automation


def test_events_without_a_change_start_nothing(two_samples: RealProject, automation: Automation) -> None:
    """Neither results that a run reused, which it materializes again, nor a FASTQ that was observed again."""
    assert two_samples.run(READS)
    assert automation.tick() == {}
    two_samples.observe_reads()
    assert automation.tick() == {}


def test_a_changed_fastq_starts_its_sample_once(two_samples: RealProject, automation: Automation) -> None:
    write_reads(two_samples.folder / "fastq", "b", 1, pairs=7)
    two_samples.observe_reads()
    # What needs the reference is not started, since there is none.
    assert automation.tick() == {"merged_reads": {"b"}, "trimmed_reads": {"b"}}
    assert automation.tick() == {}
    assert two_samples.run(READS, ["b"])
    assert automation.tick() == {}


def test_a_recompressed_fastq_starts_its_sample_and_nothing_after_it(
    two_samples: RealProject, automation: Automation
) -> None:
    for file in (two_samples.folder / "fastq").glob("b_*"):
        file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()), compresslevel=1, mtime=5))
    assert two_samples.run(["merged_reads"])
    assert "trimmed_reads" not in automation.tick()


def test_a_new_sample_is_started_once_its_fastqs_are_observed(two_samples: RealProject, automation: Automation) -> None:
    write_reads(two_samples.folder / "fastq", "c", 1)
    two_samples.add([two_samples.folder / "fastq"])
    assert automation.tick() == {}
    two_samples.observe_reads()
    assert automation.tick() == {"merged_reads": {"c"}, "trimmed_reads": {"c"}}


def test_the_report_follows_the_cohort(two_samples: RealProject, automation: Automation) -> None:
    """It is not held up by samples without results, which may have failed."""
    report_cohort(two_samples.instance)
    automation.tick()
    assert two_samples.run(["trimmed_reads"], ["a", "b"])
    assert automation.tick() == {}
    write_reads(two_samples.folder / "fastq", "b", 1, pairs=8)
    assert two_samples.run(READS, ["a", "b"])
    report_cohort(two_samples.instance)
    assert automation.tick()["multiqc_report"] == {None}


def specs_of(folder: Path, **settings: object) -> Mapping[str, dg.AssetSpec]:
    with dg.DagsterInstance.ephemeral() as instance:
        definitions = open_real_project(folder, instance, **settings).definitions
    found = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    return {asset: found[asset] for asset in ASSETS}


def test_what_the_settings_leave_out_is_not_started(tmp_path: Path) -> None:
    specs = specs_of(tmp_path)
    without = {asset for asset, spec in specs.items() if spec.automation_condition is None}
    optional = {"recalibrated_cram", "read_quality", "contamination", "fingerprint", "genome_metrics"}
    assert without == {"known_sites", *optional}


def test_only_the_report_can_be_overdue_and_only_by_a_setting(tmp_path: Path) -> None:
    assert all(spec.freshness_policy is None for spec in specs_of(tmp_path).values())
    policies = {asset: spec.freshness_policy for asset, spec in specs_of(tmp_path, report_max_age_days=7).items()}
    report = policies.pop("multiqc_report")
    assert isinstance(report, TimeWindowFreshnessPolicy)
    assert report.fail_window.to_timedelta() == timedelta(days=7)
    assert set(policies.values()) == {None}


def test_runs_are_labelled(two_samples: RealProject) -> None:
    """Whoever starts them: a run, a backfill or a sensor."""
    output_path = str(two_samples.folder / "output")
    expected = {"bioinfo-assets/output-path": output_path, "bioinfo-assets/reference": "none", "cost-center": "4711"}
    runs = two_samples.instance.get_runs()
    assert runs
    for run in runs:
        assert expected.items() <= run.tags.items()


def test_nothing_is_started_unless_somebody_turns_it_on() -> None:
    assert automate.default_status is dg.DefaultSensorStatus.STOPPED
    assert materialize_stale_nightly.default_status is dg.DefaultScheduleStatus.STOPPED
