"""What a dry run predicts of each result: what a change affects, what depends on that, and nothing else."""

import gzip
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.launch.backend import NO_OPTIONS
from bioinfo_assets.launch.backend_config import open_backend
from bioinfo_assets.launch.job import JobOptions
from bioinfo_assets.orchestration.job_updates import JobState
from bioinfo_assets.pipeline.blocking import build_job
from bioinfo_assets.pipeline.dry_run import DryRun, PlannedAction, PlannedResult
from bioinfo_assets.pipeline.graph import GRAPH, PER_SAMPLE
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.project import Sources
from bioinfo_assets.pipeline.result_state import State, result_states
from bioinfo_assets.records.ended_samples import remove_samples
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.records.samples import save_sample
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.result_key import COHORT
from bioinfo_assets.steps import duplicates, reads, recalibration, reference, trimming
from bioinfo_assets.steps.reference import Aligner
from bioinfo_assets_tests.assets.real_project import RealProject, open_real_project, write_reads
from bioinfo_assets_tests.pipeline.fake_project import (
    FakeProject,
    FakeTools,
    Place,
    by_place,
    not_reused,
    open_fake_project,
    stale,
    with_action,
)
from bioinfo_assets_tests.records.recorded_results import record_result

METRICS = ("alignment_metrics", "insert_size_metrics", "depth")
FROM_RECALIBRATED = ("recalibrated_bam", *METRICS)
FROM_MARKED = ("marked_bam", *FROM_RECALIBRATED)
FROM_ALIGNED = ("aligned_bam", *FROM_MARKED)
FROM_TRIMMED = ("trimmed_reads", *FROM_ALIGNED)
FROM_MERGED = ("merged_reads", *FROM_TRIMMED)
REPORT = ("multiqc_report", "multiqc")
GENOME = ("reference_genome", "references")
INDEX = ("reference_index", "references")
SITES = ("known_sites", "references")


@pytest.fixture
def project(tmp_path: Path) -> FakeProject:
    """Three samples without results."""
    return open_fake_project(tmp_path, "a", "b", "c")


@pytest.fixture(scope="session")
def computed_once(tmp_path_factory: pytest.TempPathFactory) -> FakeProject:
    project = open_fake_project(tmp_path_factory.mktemp("computed"), "a", "b", "c")
    assert len(project.run()) == 3 * 8 + 3 + 1
    return project


@pytest.fixture
def computed(computed_once: FakeProject, tmp_path: Path) -> Iterator[FakeProject]:
    """Three samples with all results."""
    with computed_once.restored(tmp_path / "backup"):
        yield computed_once


def run_planned(project: FakeProject, plan: dict[Place, PlannedResult]) -> set[Place]:
    """Run a project, compare the run with its plan, and return the results that jobs ran for."""
    computed = project.run()
    assert computed >= with_action(plan, PlannedAction.RUN)
    assert computed <= with_action(plan, PlannedAction.RUN) | with_action(plan, PlannedAction.DEPENDS_ON_UPSTREAM)
    assert not_reused(project.plan()) <= with_action(plan, PlannedAction.BLOCKED)
    return computed


def test_every_result_of_a_new_project_is_planned_to_run(project: FakeProject) -> None:
    plan = project.plan()
    assert set(plan) == project.places(project.assets)
    assert {(result.action, result.reason) for result in plan.values()} == {(PlannedAction.RUN, "not computed yet")}
    assert not stale(plan)
    assert run_planned(project, plan) == set(plan)


def test_a_dry_run_of_a_new_project_writes_nothing(project: FakeProject) -> None:
    before = {path: path.stat().st_mtime_ns for path in project.folder.rglob("*")}
    project.plan()
    assert {path: path.stat().st_mtime_ns for path in project.folder.rglob("*")} == before


def test_existing_results_are_reused(computed: FakeProject) -> None:
    plan = computed.plan()
    assert set(plan) == computed.places(computed.assets)
    for (asset, scope), result in plan.items():
        assert (result.action, result.reason, result.is_stale) == (PlannedAction.REUSE, "", False)
        assert result.record == computed.record(asset, scope)
        assert result.decision is not None
        assert result.decision.fingerprint == result.record.fingerprint
    assert run_planned(computed, plan) == set()


def test_planned_results_come_in_the_order_of_the_graph(computed: FakeProject) -> None:
    assert list(dict.fromkeys(asset for asset, _ in computed.plan())) == list(computed.assets)


def test_a_changed_fastq_affects_only_its_sample_and_the_report(computed: FakeProject) -> None:
    computed.write_reads("b", pairs=2)
    plan = computed.plan()
    assert with_action(plan, PlannedAction.RUN) == {("merged_reads", "b")}
    assert "inputs" in plan["merged_reads", "b"].reason
    after = computed.places(FROM_TRIMMED, ["b"]) | {REPORT}
    assert with_action(plan, PlannedAction.DEPENDS_ON_UPSTREAM) == after
    assert stale(plan) == {("merged_reads", "b")} | after
    assert {plan[place].reason for place in after} == {"after merged_reads of b"}
    assert run_planned(computed, plan) == {("merged_reads", "b")} | after


def test_a_fastq_rewritten_with_the_same_bytes_changes_nothing(computed: FakeProject) -> None:
    computed.write_reads("b")
    assert not not_reused(computed.plan())


def test_another_reference_affects_everything_but_the_reads(computed: FakeProject) -> None:
    fasta = Path(computed.settings["reference"])
    fasta.write_text(fasta.read_text().replace("ACGT", "ACGA", 1))
    plan = computed.plan()
    after = {INDEX, SITES, REPORT} | computed.places(FROM_ALIGNED)
    assert with_action(plan, PlannedAction.RUN) == {GENOME}
    assert with_action(plan, PlannedAction.DEPENDS_ON_UPSTREAM) == after
    assert stale(plan) == after | {GENOME}
    assert {plan[place].reason for place in after} == {"after reference_genome of references"}
    run_planned(computed, plan)


@pytest.mark.parametrize(
    ("setting", "root", "after"),
    [
        ({"platform": "ELEMENT"}, "merged_reads", FROM_TRIMMED),
        ({"trimming": {"max_n": 0.2}}, "trimmed_reads", FROM_ALIGNED),
        ({"optical_distance": 100}, "marked_bam", FROM_RECALIBRATED),
        ({"quantized_quals": (10, 20)}, "recalibrated_bam", METRICS),
        ({"known_sites": ()}, "recalibrated_bam", METRICS),
        ({"depth_as_text": True}, "depth", ()),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_changed_parameter_affects_its_asset_and_everything_downstream(
    computed: FakeProject, setting: dict[str, object], root: str, after: tuple[str, ...]
) -> None:
    computed.settings |= setting
    plan = computed.plan()
    assert with_action(plan, PlannedAction.RUN) == computed.places([root])
    assert with_action(plan, PlannedAction.DEPENDS_ON_UPSTREAM) == computed.places(after) | {REPORT}
    assert stale(plan) == not_reused(plan)
    for asset, scope in computed.places(after):
        assert plan[asset, scope].reason == f"after {root} of {scope}"
    run_planned(computed, plan)


def test_another_aligner_affects_the_index_and_everything_downstream(computed: FakeProject) -> None:
    computed.settings["aligner"] = "bwa-mem2"
    plan = computed.plan()
    assert with_action(plan, PlannedAction.RUN) == {INDEX}
    assert with_action(plan, PlannedAction.DEPENDS_ON_UPSTREAM) == {SITES, REPORT} | computed.places(FROM_ALIGNED)


@pytest.mark.parametrize("settings", [{"cpus": 1, "memory_mib": 512}, {"jobs": {"vcpus": 2}}, {"backend": "docker"}])
def test_backend_and_resources_affect_no_result(computed: FakeProject, settings: dict[str, object]) -> None:
    computed.settings |= settings
    assert not not_reused(computed.plan())


@pytest.mark.parametrize(
    ("module", "name", "roots", "after"),
    [
        (reads, "VERSION", "merged_reads", FROM_TRIMMED),
        (trimming, "VERSION", "trimmed_reads", FROM_ALIGNED),
        (duplicates, "VERSION", "marked_bam", FROM_RECALIBRATED),
        (recalibration, "VERSION", "recalibrated_bam", METRICS),
        (reference, "INDEX_VERSION", "reference_index", ("known_sites", *FROM_ALIGNED)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_new_step_version_affects_its_asset_and_everything_downstream(
    computed: FakeProject,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    roots: str,
    after: tuple[str, ...],
) -> None:
    monkeypatch.setattr(module, name, "1000")
    plan = computed.plan()
    assert with_action(plan, PlannedAction.RUN) == computed.places([roots])
    assert all("step version" in plan[place].reason for place in computed.places([roots]))
    assert with_action(plan, PlannedAction.DEPENDS_ON_UPSTREAM) == computed.places(after) | {REPORT}
    assert stale(plan) == not_reused(plan)


@pytest.mark.parametrize(
    ("tool", "roots", "after"),
    [
        ("cutadapt", ["trimmed_reads"], FROM_ALIGNED),
        ("bioinfo-assets-engine", ["merged_reads"], FROM_TRIMMED),
        ("mosdepth", ["depth"], ()),
        ("Rscript", ["insert_size_metrics"], ()),
        ("multiqc", ["multiqc_report"], ()),
        ("bwa", ["reference_index"], ("known_sites", *FROM_ALIGNED)),
        ("bgzip", ["merged_reads", "known_sites"], FROM_TRIMMED),
        ("tabix", ["known_sites", "depth"], ("recalibrated_bam", "alignment_metrics", "insert_size_metrics")),
    ],
)
def test_another_tool_version_affects_the_assets_that_call_the_tool(
    computed: FakeProject, tool: str, roots: list[str], after: tuple[str, ...]
) -> None:
    """Nothing downstream is computed if the tool writes the same output as before."""
    computed.versions[tool] = "2"
    plan = computed.plan()
    direct = {(asset, scope) for asset, scope in computed.places(roots) if plan[asset, scope].reason[:5] != "after"}
    assert with_action(plan, PlannedAction.RUN) == direct
    assert {plan[place].reason for place in direct} == {f"changed: tools ({tool} 1, now 2)"}
    assert not_reused(plan) == computed.places([*roots, *after]) | {REPORT}
    assert stale(plan) == not_reused(plan)
    assert run_planned(computed, plan) == {
        (asset, scope) for asset, scope in not_reused(plan) if tool in computed.record(asset, scope).tools
    }


def test_a_missing_file_is_damage_and_nothing_downstream_is_stale(computed: FakeProject) -> None:
    bam = computed.file("aligned_bam", "a", "bam")
    bam.unlink()
    plan = computed.plan()
    assert with_action(plan, PlannedAction.RUN) == {("aligned_bam", "a")}
    assert plan["aligned_bam", "a"].reason == f"{bam} is missing"
    after = computed.places(FROM_MARKED, ["a"]) | {REPORT}
    assert with_action(plan, PlannedAction.DEPENDS_ON_UPSTREAM) == after
    assert {plan[place].reason for place in after} == {"after aligned_bam of a"}
    assert not stale(plan)
    assert run_planned(computed, plan) == {("aligned_bam", "a")}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda data: data[:-1], "bytes, published with"),
        (lambda data: bytes([data[0] ^ 1]) + data[1:], "its checksum differs"),
    ],
    ids=["truncated", "same size"],
)
def test_a_changed_file_is_damage(computed: FakeProject, change: Callable[[bytes], bytes], sentence: str) -> None:
    table = computed.file("alignment_metrics", "c", "metrics")
    table.write_bytes(change(table.read_bytes()))
    plan = computed.plan()
    assert with_action(plan, PlannedAction.RUN) == {("alignment_metrics", "c")}
    assert str(table) in plan["alignment_metrics", "c"].reason
    assert sentence in plan["alignment_metrics", "c"].reason
    assert with_action(plan, PlannedAction.DEPENDS_ON_UPSTREAM) == {REPORT}
    assert not stale(plan)
    assert run_planned(computed, plan) == {("alignment_metrics", "c")}


def test_states_are_the_same_without_what_they_do_not_depend_on(computed: FakeProject) -> None:
    """A stale result, a damaged one, a missing one, a blocked one, and what is downstream of each."""
    computed.write_reads("a", pairs=3)
    (computed.folder / "out" / "b" / "b.mark_dup.bam").write_bytes(b"damaged")
    (computed.folder / "out" / "c" / "records" / "depth.json").unlink()
    computed.versions["cutadapt"] = "2"
    with computed.dry_run() as full, computed.dry_run() as slim:
        slim.states_only = True
        assert result_states(slim) == result_states(full)
        assert {state.state for state in result_states(full)} == {*State} - {State.RELEASED}
        records = [planned.record for planned in slim.planned_results() if planned.record is not None]
        assert not any(record.script or record.inputs for record in records)


def test_a_result_that_is_outdated_and_damaged_is_stale(computed: FakeProject) -> None:
    computed.file("depth", "a", "summary").unlink()
    computed.settings["depth_as_text"] = True
    plan = computed.plan()
    assert stale(plan) == computed.places(["depth"]) | {REPORT}


def test_a_result_downstream_of_a_stale_and_a_damaged_one_is_stale(computed: FakeProject) -> None:
    computed.file("known_sites", "references", "sites.vcf.gz").unlink()
    computed.settings["optical_distance"] = 100
    plan = computed.plan()
    assert with_action(plan, PlannedAction.RUN) == {SITES} | computed.places(["marked_bam"])
    assert stale(plan) == computed.places(FROM_MARKED) | {REPORT}


def test_a_missing_fastq_blocks_only_its_sample(computed: FakeProject) -> None:
    computed.fastq("b", 2).unlink()
    plan = computed.plan()
    assert not_reused(plan) == with_action(plan, PlannedAction.BLOCKED) == computed.places(FROM_MERGED, ["b"])
    assert str(computed.fastq("b", 2)) in plan["merged_reads", "b"].reason
    assert "\n" not in plan["merged_reads", "b"].reason
    assert plan["trimmed_reads", "b"].reason == "merged_reads of b cannot be computed"
    assert not stale(plan)
    assert run_planned(computed, plan) == set()


def test_the_report_is_planned_although_one_sample_is_blocked(computed: FakeProject) -> None:
    computed.fastq("b").unlink()
    computed.write_reads("c", pairs=2)
    plan = computed.plan()
    assert with_action(plan, PlannedAction.BLOCKED) == computed.places(FROM_MERGED, ["b"])
    assert plan[REPORT].action is PlannedAction.DEPENDS_ON_UPSTREAM
    assert plan[REPORT].reason == "after merged_reads of c"


def test_a_missing_reference_blocks_everything_computed_from_it(computed: FakeProject) -> None:
    Path(computed.settings["reference"]).unlink()
    plan = computed.plan()
    assert with_action(plan, PlannedAction.BLOCKED) == {GENOME, INDEX, SITES} | computed.places(FROM_ALIGNED)
    assert computed.settings["reference"] in plan[GENOME].reason
    assert not_reused(plan) == with_action(plan, PlannedAction.BLOCKED)


def test_an_upstream_asset_that_is_not_selected_is_used_as_it_is(computed: FakeProject) -> None:
    computed.write_reads("b", pairs=2)
    plan = computed.plan(FROM_TRIMMED)
    assert set(plan) == computed.places(FROM_TRIMMED)
    assert not not_reused(plan)


def test_samples_that_are_not_selected_are_used_as_they_are(computed: FakeProject) -> None:
    computed.write_reads("a", pairs=2)
    plan = computed.plan(samples=["b"])
    assert set(plan) == computed.places(computed.assets, ["b"])
    assert not not_reused(plan)
    computed.write_reads("b", pairs=2)
    assert computed.plan(samples=["b"])[REPORT].action is PlannedAction.DEPENDS_ON_UPSTREAM


def test_a_missing_upstream_result_that_is_not_selected_blocks(project: FakeProject) -> None:
    plan = project.plan(["trimmed_reads", "aligned_bam", "known_sites", "multiqc_report"])
    assert with_action(plan, PlannedAction.BLOCKED) == set(plan)
    assert plan["trimmed_reads", "a"].reason == "merged_reads of a does not exist yet: materialize it first"
    assert plan["aligned_bam", "a"].reason == "trimmed_reads of a cannot be computed"
    assert plan[SITES].reason == "reference_index does not exist yet: materialize it first"
    assert "no sample to report on" in plan[REPORT].reason
    assert project.run(["trimmed_reads", "aligned_bam", "known_sites", "multiqc_report"]) == set()


def test_a_damaged_upstream_result_that_is_not_selected_blocks(computed: FakeProject) -> None:
    reads = computed.file("merged_reads", "a", "reads1")
    reads.unlink()
    plan = computed.plan(["trimmed_reads"])
    assert not_reused(plan) == {("trimmed_reads", "a")}
    assert plan["trimmed_reads", "a"].action is PlannedAction.BLOCKED
    assert plan["trimmed_reads", "a"].reason == f"{reads} is missing: materialize merged_reads of a again"


def test_a_new_sample_is_computed_and_then_the_report(computed: FakeProject) -> None:
    computed.add("d")
    plan = computed.plan()
    assert with_action(plan, PlannedAction.RUN) == computed.places(FROM_MERGED, ["d"])
    assert with_action(plan, PlannedAction.DEPENDS_ON_UPSTREAM) == {REPORT}
    assert plan[REPORT].reason == "after trimmed_reads of d"
    assert run_planned(computed, plan) == computed.places(FROM_MERGED, ["d"]) | {REPORT}


def test_a_report_that_lacks_a_computed_sample_is_stale(computed: FakeProject) -> None:
    computed.add("d")
    computed.run(FROM_MERGED)
    plan = computed.plan()
    assert with_action(plan, PlannedAction.RUN) == not_reused(plan) == stale(plan) == {REPORT}
    assert "samples" in plan[REPORT].reason


def test_a_report_on_a_removed_sample_is_stale(computed: FakeProject) -> None:
    remove_samples(computed.project.ledger, ["b"])
    plan = computed.plan()
    assert set(plan) == computed.places(computed.assets, ["a", "c"])
    assert with_action(plan, PlannedAction.RUN) == not_reused(plan) == stale(plan) == {REPORT}
    assert run_planned(computed, plan) == {REPORT}


@pytest.fixture
def imported(computed: FakeProject) -> FakeProject:
    """In addition to the computed samples, one with an imported BAM."""
    files = [computed.folder / "import" / f"x.{ending}" for ending in ("bam", "bai")]
    for file in files:
        computed.project.store.write_bytes(str(file), b"imported")
    record_result(computed.project.ledger, "marked_bam", "x", *map(str, files), imported=True)
    save_sample(computed.project.ledger, Sample("x", (), imported=True))
    return computed


def test_only_what_is_downstream_of_an_imported_result_is_computed(imported: FakeProject) -> None:
    plan = imported.plan()
    assert set(plan) == imported.places(imported.assets, ["a", "b", "c"]) | imported.places(FROM_MARKED, ["x"])
    assert plan["marked_bam", "x"].action is PlannedAction.REUSE
    assert with_action(plan, PlannedAction.RUN) == imported.places(FROM_RECALIBRATED, ["x"])
    assert with_action(plan, PlannedAction.DEPENDS_ON_UPSTREAM) == {REPORT}
    assert run_planned(imported, plan) == imported.places(FROM_RECALIBRATED, ["x"]) | {REPORT}


def test_what_an_imported_result_leaves_without_input_is_not_computed(imported: FakeProject) -> None:
    """The sample with the imported BAM has no reads whose quality could be measured."""
    imported.settings["read_quality"] = True
    plan = imported.plan()
    assert {place for place in plan if place[0] == "read_quality"} == imported.places(["read_quality"], ["a", "b", "c"])
    assert run_planned(imported, plan) >= imported.places(["read_quality"], ["a", "b", "c"])


def test_a_new_step_version_does_not_affect_an_imported_result(
    imported: FakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported.run()
    monkeypatch.setattr(duplicates, "VERSION", "1000")
    plan = imported.plan()
    assert plan["marked_bam", "a"].action is PlannedAction.RUN
    assert plan["marked_bam", "x"].action is PlannedAction.REUSE
    assert plan["depth", "x"].action is PlannedAction.REUSE


def test_a_damaged_imported_result_blocks_its_sample(imported: FakeProject) -> None:
    imported.run()
    bam = imported.file("marked_bam", "x", "bam")
    bam.unlink()
    plan = imported.plan()
    assert not_reused(plan) == with_action(plan, PlannedAction.BLOCKED) == imported.places(FROM_MARKED, ["x"])
    assert str(bam) in plan["marked_bam", "x"].reason
    assert plan["marked_bam", "x"].reason.endswith("import it again")


def test_a_missing_tool_counts_as_the_recorded_version(computed: FakeProject) -> None:
    computed.versions["cutadapt"] = None
    with computed.dry_run() as trial:
        plan = by_place(trial)
        assert trial.unknown_tools == "the tool cutadapt is not installed"
    assert not not_reused(plan)


class UnlistedImage(FakeTools):
    """Its tools can be listed only by a job."""

    def tool_versions(self, tools: Collection[str], options: JobOptions = NO_OPTIONS) -> Mapping[str, str]:
        raise AssertionError("a dry run has started a job")

    def known_tool_versions(  # type: ignore[override] # those of the fake are always known
        self, tools: Collection[str], options: JobOptions = NO_OPTIONS
    ) -> Mapping[str, str] | None:
        return None if tools else {}


def test_no_job_is_started_to_choose_the_aligner_and_the_recorded_one_is_taken(
    computed: FakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed.settings["aligner"] = "auto"
    monkeypatch.setattr("bioinfo_assets_tests.pipeline.fake_project.FakeTools", UnlistedImage)
    assert not not_reused(computed.plan())


def test_a_changed_parameter_is_detected_without_the_tool(computed: FakeProject) -> None:
    computed.versions["cutadapt"] = None
    computed.settings["trimming"] = {"max_n": 0.2}
    plan = computed.plan(["trimmed_reads"])
    assert with_action(plan, PlannedAction.RUN) == set(plan)
    assert {result.reason for result in plan.values()} == {"changed: parameters (max_n), script"}


def test_versions_are_read_only_for_tools_of_selected_assets(computed: FakeProject) -> None:
    computed.versions["bioinfo-assets-engine"] = None
    with computed.dry_run(["depth"]) as trial:
        assert {result.action for result in trial.planned_results()} == {PlannedAction.REUSE}
        assert trial.unknown_tools == ""


def test_a_result_shared_by_another_project_is_copied(computed: FakeProject, tmp_path: Path) -> None:
    cache = SharedCache(computed.project.store, str(tmp_path / "shared"))
    cache.add(computed.record("merged_reads", "a"))
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    other = open_fake_project(other_folder, "a", "b")
    other.settings["cache"] = cache.prefix
    plan = other.plan(["merged_reads", "trimmed_reads"])
    assert plan["merged_reads", "a"].action is PlannedAction.COPY
    assert plan["merged_reads", "a"].reason == f"not computed yet; available in {cache.prefix}"
    assert plan["merged_reads", "b"].action is PlannedAction.RUN
    assert plan["trimmed_reads", "a"].action is PlannedAction.DEPENDS_ON_UPSTREAM  # the cache may have it too
    assert not stale(plan)


def test_a_report_leaves_out_a_removed_sample_whose_partition_stays_for_a_backfill(tmp_path: Path) -> None:
    project = open_fake_project(tmp_path, "a", "b")
    project.run()
    ledger = project.project.ledger
    remove_samples(ledger, ["b"])
    upstream_assets = [asset for asset in GRAPH["multiqc_report"].upstream if asset in PER_SAMPLE]
    records = {asset: RecordSet.read(ledger, asset, ["a", "b"]) for asset in upstream_assets}
    assert records["marked_bam"].records.keys() == {"a", "b"}
    read = Counter[str]()

    class Read(dict[str, RecordSet]):
        """A run reads the records of all samples each time that it is asked for those of an asset."""

        def __getitem__(self, asset: str) -> RecordSet:
            read[asset] += 1
            return super().__getitem__(asset)

    upstream = Upstream(project.project, Sources(project.project), Read(records), lambda: Aligner.BWA)
    job = build_job(GRAPH["multiqc_report"], upstream, COHORT)
    assert set(read.values()) == {1}
    assert job.inputs
    assert not [item.file.uri for item in job.inputs if "/b/" in item.file.uri]


@pytest.mark.parametrize("count", [99, 100])
def test_a_report_is_stale_when_one_of_many_samples_has_another_result(tmp_path: Path, count: int) -> None:
    """The results of one asset that the report reads are written by hand."""
    project = open_fake_project(tmp_path)
    ledger, names = project.project.ledger, [f"s{number:04}" for number in range(count)]
    for name in names:
        file = f"{ledger.output_path}/{name}/{name}.log"
        ledger.store.write_bytes(file, name.encode())
        record_result(ledger, "trimmed_reads", name, file)
        save_sample(ledger, Sample(name, (), imported=True))
    assert project.run(["multiqc_report"]) == {REPORT}
    assert not not_reused(project.plan(["multiqc_report"]))

    log = f"{ledger.output_path}/{names[-1]}/{names[-1]}.log"
    ledger.store.write_bytes(log, b"another")
    record_result(ledger, "trimmed_reads", names[-1], log)

    (plan,) = project.plan(["multiqc_report"]).values()
    assert plan.action is PlannedAction.RUN
    assert plan.is_stale
    assert plan.reason == f"changed: inputs ({names[-1]}+{names[-1]}.log)"


@pytest.fixture
def real_project(tmp_path: Path) -> Iterator[RealProject]:
    (tmp_path / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "home")) as instance:
        yield open_real_project(tmp_path, instance)


READS = ("merged_reads", "trimmed_reads")
STATES_BY_ACTION = {
    PlannedAction.REUSE: {JobState.CACHED},
    PlannedAction.RUN: {JobState.DONE},
    PlannedAction.DEPENDS_ON_UPSTREAM: {JobState.DONE, JobState.CACHED},
    PlannedAction.BLOCKED: {JobState.FAILED, JobState.SKIPPED},
}


def run_as_predicted(real_project: RealProject) -> dict[Place, tuple[PlannedAction, JobState]]:
    """Dry-run a project, run it by Dagster with the real tools, and compare the two."""
    project, samples = open_real_project(real_project.folder, real_project.instance).project, real_project.samples
    backend = open_backend(project.settings, project.settings.output_path, project.store, "none", "none")
    plan = by_place(DryRun(project, backend, READS, samples, samples, Sources(project)))
    backend.close()
    real_project.run(READS)
    states = real_project.states()
    actions = {place: result.action for place, result in plan.items()}
    for place, action in actions.items():
        assert states[place] in STATES_BY_ACTION[action], place
    return {place: (action, states[place]) for place, action in actions.items()}


def test_a_dagster_run_does_what_the_dry_run_predicted(real_project: RealProject) -> None:
    fastqs = real_project.folder / "fastq"
    for sample in ("changed", "damaged", "recompressed", "removed", "unchanged"):
        write_reads(fastqs, sample, 1)
    real_project.add([fastqs])
    assert set(run_as_predicted(real_project).values()) == {(PlannedAction.RUN, JobState.DONE)}
    assert set(run_as_predicted(real_project).values()) == {(PlannedAction.REUSE, JobState.CACHED)}

    for file in fastqs.glob("recompressed_*"):  # other bytes, the same reads
        file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()), compresslevel=1, mtime=5))
    next(fastqs.glob("removed_*_1.fastq.gz")).unlink()
    real_project.file("merged_reads", "damaged", "reads1").unlink()
    write_reads(fastqs, "changed", 1, pairs=7)

    assert run_as_predicted(real_project) == {
        ("merged_reads", "recompressed"): (PlannedAction.RUN, JobState.DONE),
        ("trimmed_reads", "recompressed"): (PlannedAction.DEPENDS_ON_UPSTREAM, JobState.CACHED),
        ("merged_reads", "removed"): (PlannedAction.BLOCKED, JobState.FAILED),
        ("trimmed_reads", "removed"): (PlannedAction.BLOCKED, JobState.SKIPPED),
        ("merged_reads", "damaged"): (PlannedAction.RUN, JobState.DONE),
        ("trimmed_reads", "damaged"): (PlannedAction.DEPENDS_ON_UPSTREAM, JobState.CACHED),
        ("merged_reads", "changed"): (PlannedAction.RUN, JobState.DONE),
        ("trimmed_reads", "changed"): (PlannedAction.DEPENDS_ON_UPSTREAM, JobState.DONE),
        ("merged_reads", "unchanged"): (PlannedAction.REUSE, JobState.CACHED),
        ("trimmed_reads", "unchanged"): (PlannedAction.REUSE, JobState.CACHED),
    }
