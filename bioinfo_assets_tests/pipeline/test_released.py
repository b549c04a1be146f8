"""Released results count as existing, and are computed again only where a job that has to run reads their files."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bioinfo_assets.pipeline.dry_run import PlannedAction
from bioinfo_assets.pipeline.graph import ASSETS, GRAPH, PER_SAMPLE, REPORT_FILES, SHARED, downstream_of
from bioinfo_assets.records.released import Releasable, release
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.retention_settings import RetentionSettings
from bioinfo_assets_tests.pipeline.fake_project import FakeProject, Place, not_reused, open_fake_project, with_action

INTERMEDIATES = tuple(RetentionSettings.model_fields)
CHAIN = ("merged_reads", "trimmed_reads", "aligned_bam", "marked_bam")
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def release_results(project: FakeProject, *assets: str, sample: str = "a") -> None:
    """Release the large files of results, as `gc` does."""
    for asset in assets:
        item = Releasable(project.record(asset, sample), GRAPH[asset].bulk_files, (), "")
        assert item.files
        assert release(project.project.ledger, item, NOW)
        assert not any(Path(file.uri).exists() for file in item.files)


def reasons(project: FakeProject, action: PlannedAction, **options: object) -> dict[Place, str]:
    plan = project.plan(**options)  # type: ignore[arg-type]
    return {place: plan[place].reason for place in with_action(plan, action)}


@pytest.fixture
def computed(tmp_path: Path) -> FakeProject:
    """Two samples with all results, the intermediates of `a` released."""
    project = open_fake_project(tmp_path, "a", "b")
    project.run()
    release_results(project, *CHAIN)
    return project


def test_retention_is_for_intermediates_and_spares_what_the_report_reads() -> None:
    used = {asset for asset in PER_SAMPLE if downstream_of(asset) & set(PER_SAMPLE)}
    assert set(INTERMEDIATES) == {asset for asset in ASSETS if GRAPH[asset].bulk_files} <= used
    for asset in INTERMEDIATES:
        assert not set(GRAPH[asset].bulk_files) & set(REPORT_FILES.get(asset, ()))
    assert not set(INTERMEDIATES) & set(SHARED)


def test_nothing_is_computed_again_because_of_released_results(computed: FakeProject) -> None:
    assert not not_reused(computed.plan())
    assert computed.run() == set()


def test_another_sample_changes_the_report_and_needs_no_released_file(computed: FakeProject) -> None:
    """MultiQC reads logs and tables, which are kept."""
    computed.add("a", "b", "c")
    plan = computed.plan()
    assert {place for place in not_reused(plan) if place[1] != "c"} == {("multiqc_report", "multiqc")}
    assert computed.run() == not_reused(plan)


def test_a_job_that_has_to_run_needs_everything_released_upstream_of_it(computed: FakeProject) -> None:
    computed.settings["quantized_quals"] = (10, 20)
    assert reasons(computed, PlannedAction.RUN) == {
        ("merged_reads", "a"): "its files were released and trimmed_reads of a needs them",
        ("trimmed_reads", "a"): "its files were released and aligned_bam of a needs them",
        ("aligned_bam", "a"): "its files were released and marked_bam of a needs them",
        ("marked_bam", "a"): "its files were released and recalibrated_bam of a needs them",
        ("recalibrated_bam", "a"): "changed: parameters (static_quantized_quals), script",
        ("recalibrated_bam", "b"): "changed: parameters (static_quantized_quals), script",
    }
    plan = computed.plan()
    ran = computed.run()
    assert with_action(plan, PlannedAction.RUN) <= ran
    assert ran <= not_reused(plan)
    assert all(computed.record(asset, "a").released is None for asset in CHAIN)
    assert not not_reused(computed.plan())


def test_results_upstream_that_are_kept_are_not_computed_again(computed: FakeProject) -> None:
    computed.settings["depth_as_text"] = True
    assert set(reasons(computed, PlannedAction.RUN)) == {("depth", "a"), ("depth", "b")}
    assert ("recalibrated_bam", "a") not in computed.run()
    assert computed.record("marked_bam", "a").released == NOW


def test_the_record_before_is_in_the_history(computed: FakeProject) -> None:
    before = computed.record("merged_reads", "a")
    computed.file("trimmed_reads", "a", "log").unlink()
    assert computed.run() == {("trimmed_reads", "a"), ("merged_reads", "a")}
    after = computed.record("merged_reads", "a")
    assert (after.fingerprint, after.data_version) == (before.fingerprint, before.data_version)
    past = computed.folder / "out" / "a" / "records" / "history"
    (kept,) = past.glob("merged_reads.*.json")
    assert computed.project.ledger.read_any(str(kept)) == before


def test_siblings_of_a_job_that_needs_a_released_result_follow_it(tmp_path: Path) -> None:
    project = open_fake_project(tmp_path, "a")
    project.settings["cram"] = "embedded"
    project.run()
    release_results(project, "recalibrated_bam")
    project.settings["depth_as_text"] = True
    plan = project.plan()
    assert with_action(plan, PlannedAction.RUN) == {("recalibrated_bam", "a"), ("depth", "a")}
    siblings = project.places(("recalibrated_cram", "alignment_metrics", "insert_size_metrics"))
    assert {(plan[place].action, plan[place].reason) for place in siblings} == {
        (PlannedAction.DEPENDS_ON_UPSTREAM, "after recalibrated_bam of a")
    }
    assert project.run() == with_action(plan, PlannedAction.RUN) | {("multiqc_report", "multiqc")}
    assert not not_reused(project.plan())


def test_a_result_that_may_be_needed_is_planned_as_such(computed: FakeProject) -> None:
    """Only when the reference is indexed is it known whether the reads must be aligned again."""
    fasta = Path(computed.settings["reference"])
    fasta.write_text(fasta.read_text().replace("ACGT", "ACGA", 1))
    plan = computed.plan()
    assert plan["trimmed_reads", "a"].action is PlannedAction.DEPENDS_ON_UPSTREAM
    assert plan["trimmed_reads", "a"].reason == "its files were released and aligned_bam of a may need them"
    assert plan["merged_reads", "a"].reason == "its files were released and trimmed_reads of a may need them"
    assert plan["trimmed_reads", "b"].action is PlannedAction.REUSE
    ran = computed.run()
    assert {("trimmed_reads", "a"), ("merged_reads", "a")} <= ran <= not_reused(plan)


def test_a_released_result_that_is_not_selected_blocks_the_job_that_needs_it(computed: FakeProject) -> None:
    computed.settings["quantized_quals"] = (10, 20)
    blocked = reasons(computed, PlannedAction.BLOCKED, assets=("recalibrated_bam", "depth"))
    assert blocked == {
        ("recalibrated_bam", "a"): "the files of marked_bam of a were released: select marked_bam too, to compute them "
        "again",
        ("depth", "a"): "recalibrated_bam of a cannot be computed",
    }
    higher = reasons(computed, PlannedAction.BLOCKED, assets=("marked_bam", "recalibrated_bam"))
    assert higher == {
        ("recalibrated_bam", "a"): "the files of aligned_bam of a were released: select aligned_bam too, to compute "
        "them again"
    }


def test_a_result_that_may_need_a_released_one_that_is_not_selected_has_the_condition_as_its_reason(
    computed: FakeProject,
) -> None:
    fasta = Path(computed.settings["reference"])
    fasta.write_text(fasta.read_text().replace("ACGT", "ACGA", 1))
    plan = computed.plan(assets=("reference_genome", "reference_index", "aligned_bam"))
    assert plan["aligned_bam", "a"].action is PlannedAction.DEPENDS_ON_UPSTREAM
    assert plan["aligned_bam", "a"].reason.endswith(
        "; if it has to run, the files of trimmed_reads of a were released: select trimmed_reads too, to compute them "
        "again"
    )
    assert "released" not in plan["aligned_bam", "b"].reason


def test_a_released_result_whose_inputs_changed_is_stale_as_any_other(computed: FakeProject) -> None:
    computed.write_reads("a", pairs=2)
    plan = computed.plan()
    assert with_action(plan, PlannedAction.RUN) == {("merged_reads", "a")}
    assert "inputs" in plan["merged_reads", "a"].reason
    computed.run()
    assert not not_reused(computed.plan())
    assert computed.record("marked_bam", "a").released is None


def test_a_released_result_is_not_handed_out_by_the_shared_cache(computed: FakeProject, tmp_path: Path) -> None:
    cache = SharedCache(computed.project.store, str(tmp_path / "cache"))
    released, kept = computed.record("marked_bam", "a"), computed.record("marked_bam", "b")
    for record in (released, kept):
        cache.add(record)
    assert cache.find(kept.fingerprint) == kept
    assert cache.find(released.fingerprint) is None
    assert not computed.project.store.exists(cache.uri(released.fingerprint))
