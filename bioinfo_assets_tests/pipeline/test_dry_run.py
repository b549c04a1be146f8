"""What is foretold of each result: what a change makes anew, what depends on that, and nothing else."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from bioinfo_assets.genomics.sample import Sample
from bioinfo_assets.launch.backend_config import open_backend
from bioinfo_assets.orchestration.job_updates import JobState
from bioinfo_assets.pipeline.dry_run import DryRun, PlannedAction, PlannedResult
from bioinfo_assets.pipeline.graph import ASSETS
from bioinfo_assets.pipeline.sources import Sources
from bioinfo_assets.records.samples import remove_samples, save_sample
from bioinfo_assets.records.shared_cache import SharedCache
from bioinfo_assets.steps import duplicates, reads, recalibration, reference, trimming
from bioinfo_assets_tests.assets.graph import Graph, open_graph
from bioinfo_assets_tests.assets.test_changes import write_reads
from bioinfo_assets_tests.pipeline.lab import (
    Lab,
    Place,
    made_again,
    of_outlook,
    open_lab,
    stale,
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
def lab(tmp_path: Path) -> Lab:
    """Three samples, nothing made yet."""
    return open_lab(tmp_path, "a", "b", "c")


@pytest.fixture
def made(lab: Lab) -> Lab:
    """Three samples, all made."""
    assert len(lab.run()) == 3 * 8 + 3 + 1
    return lab


def held_to(lab: Lab, told: dict[Place, PlannedResult]) -> set[Place]:
    """Runs a project and holds the run to what was foretold of it; gives what was made."""
    run = lab.run()
    assert run >= of_outlook(told, PlannedAction.RUN)
    assert run <= of_outlook(told, PlannedAction.RUN) | of_outlook(told, PlannedAction.DEPENDS_ON_UPSTREAM)
    assert made_again(lab.foretell()) <= of_outlook(told, PlannedAction.BLOCKED)
    return run


def test_all_of_a_new_project_is_to_be_made(lab: Lab) -> None:
    told = lab.foretell()
    assert set(told) == lab.places(ASSETS)
    assert {(one.action, one.reason) for one in told.values()} == {(PlannedAction.RUN, "not made yet")}
    assert not stale(told)
    assert held_to(lab, told) == set(told)


def test_a_look_at_what_is_not_made_writes_nothing(lab: Lab) -> None:
    before = {path: path.stat().st_mtime_ns for path in lab.folder.rglob("*")}
    lab.foretell()
    assert {path: path.stat().st_mtime_ns for path in lab.folder.rglob("*")} == before


def test_what_is_made_is_reused(made: Lab) -> None:
    told = made.foretell()
    assert set(told) == made.places(ASSETS)
    for (asset, scope), one in told.items():
        assert (one.action, one.reason, one.is_stale) == (PlannedAction.REUSE, "", False)
        assert one.record == made.record(asset, scope)
        assert one.wanted is not None
        assert one.wanted.fingerprint == one.record.fingerprint
    assert held_to(made, told) == set()


def test_what_is_foretold_comes_in_the_order_in_which_it_is_made(made: Lab) -> None:
    assert list(dict.fromkeys(asset for asset, _ in made.foretell())) == list(ASSETS)


def test_a_changed_fastq_concerns_its_sample_and_the_report(made: Lab) -> None:
    made.write_reads("b", pairs=2)
    told = made.foretell()
    assert of_outlook(told, PlannedAction.RUN) == {("merged_reads", "b")}
    assert "inputs" in told["merged_reads", "b"].reason
    after = made.places(FROM_TRIMMED, ["b"]) | {REPORT}
    assert of_outlook(told, PlannedAction.DEPENDS_ON_UPSTREAM) == after
    assert stale(told) == {("merged_reads", "b")} | after
    assert {told[place].reason for place in after} == {"after merged_reads of b"}
    assert held_to(made, told) == {("merged_reads", "b")} | after


def test_a_fastq_written_again_with_the_same_bytes_changes_nothing(made: Lab) -> None:
    made.write_reads("b")
    assert not made_again(made.foretell())


def test_another_reference_concerns_all_but_the_reads(made: Lab) -> None:
    fasta = Path(made.settings["reference"])
    fasta.write_text(fasta.read_text().replace("ACGT", "ACGA", 1))
    told = made.foretell()
    after = {INDEX, SITES, REPORT} | made.places(FROM_ALIGNED)
    assert of_outlook(told, PlannedAction.RUN) == {GENOME}
    assert of_outlook(told, PlannedAction.DEPENDS_ON_UPSTREAM) == after
    assert stale(told) == after | {GENOME}
    assert {told[place].reason for place in after} == {"after reference_genome of references"}
    held_to(made, told)


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
def test_a_changed_parameter_concerns_what_it_shapes(
    made: Lab, setting: dict[str, object], root: str, after: tuple[str, ...]
) -> None:
    made.settings |= setting
    told = made.foretell()
    assert of_outlook(told, PlannedAction.RUN) == made.places([root])
    assert of_outlook(told, PlannedAction.DEPENDS_ON_UPSTREAM) == made.places(after) | {REPORT}
    assert stale(told) == made_again(told)
    for asset, scope in made.places(after):
        assert told[asset, scope].reason == f"after {root} of {scope}"
    held_to(made, told)


def test_another_aligner_concerns_its_index_and_all_after_it(made: Lab) -> None:
    made.settings["aligner"] = "bwa-mem2"
    told = made.foretell()
    assert of_outlook(told, PlannedAction.RUN) == {INDEX}
    assert of_outlook(told, PlannedAction.DEPENDS_ON_UPSTREAM) == {SITES, REPORT} | made.places(FROM_ALIGNED)


@pytest.mark.parametrize("settings", [{"cpus": 1, "memory_mib": 512}, {"jobs": {"vcpus": 2}}, {"backend": "docker"}])
def test_where_jobs_run_and_with_how_much_concerns_nothing(made: Lab, settings: dict[str, object]) -> None:
    made.settings |= settings
    assert not made_again(made.foretell())


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
def test_a_raised_version_of_a_step_concerns_it_and_what_is_after_it(
    made: Lab, monkeypatch: pytest.MonkeyPatch, module: object, name: str, roots: str, after: tuple[str, ...]
) -> None:
    monkeypatch.setattr(module, name, "1000")
    told = made.foretell()
    assert of_outlook(told, PlannedAction.RUN) == made.places([roots])
    assert all("step version" in told[place].reason for place in made.places([roots]))
    assert of_outlook(told, PlannedAction.DEPENDS_ON_UPSTREAM) == made.places(after) | {REPORT}
    assert stale(told) == made_again(told)


@pytest.mark.parametrize(
    ("tool", "roots", "after"),
    [
        ("cutadapt", ["trimmed_reads"], FROM_ALIGNED),
        ("gatk", ["recalibrated_bam"], METRICS),
        ("mosdepth", ["depth"], ()),
        ("Rscript", ["insert_size_metrics"], ()),
        ("multiqc", ["multiqc_report"], ()),
        ("picard", ["reference_index"], ("known_sites", *FROM_ALIGNED)),
        ("bgzip", ["merged_reads", "known_sites"], FROM_TRIMMED),
        ("tabix", ["known_sites", "depth"], ("recalibrated_bam", "alignment_metrics", "insert_size_metrics")),
    ],
)
def test_another_version_of_a_tool_concerns_what_it_makes(
    made: Lab, tool: str, roots: list[str], after: tuple[str, ...]
) -> None:
    """What comes after stays as it is, where the tool made the same again."""
    made.versions[tool] = "2"
    told = made.foretell()
    direct = {(asset, scope) for asset, scope in made.places(roots) if told[asset, scope].reason[:5] != "after"}
    assert of_outlook(told, PlannedAction.RUN) == direct
    assert {told[place].reason for place in direct} == {f"changed: tools ({tool} 1, now 2)"}
    assert made_again(told) == made.places([*roots, *after]) | {REPORT}
    assert stale(told) == made_again(told)
    assert held_to(made, told) == {
        (step, one) for step, one in made_again(told) if tool in made.record(step, one).tools
    }


def test_a_removed_file_is_damage_and_what_is_after_it_is_not_stale(made: Lab) -> None:
    bam = made.file("aligned_bam", "a", "bam")
    bam.unlink()
    told = made.foretell()
    assert of_outlook(told, PlannedAction.RUN) == {("aligned_bam", "a")}
    assert told["aligned_bam", "a"].reason == f"{bam} is gone"
    after = made.places(FROM_MARKED, ["a"]) | {REPORT}
    assert of_outlook(told, PlannedAction.DEPENDS_ON_UPSTREAM) == after
    assert {told[place].reason for place in after} == {"after aligned_bam of a"}
    assert not stale(told)
    assert held_to(made, told) == {("aligned_bam", "a")}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda data: data[:-1], "bytes, published with"),
        (lambda data: bytes([data[0] ^ 1]) + data[1:], "other bytes than were published"),
    ],
    ids=["shorter", "as long"],
)
def test_a_changed_file_is_damage(made: Lab, change, sentence: str) -> None:
    table = made.file("alignment_metrics", "c", "metrics")
    table.write_bytes(change(table.read_bytes()))
    told = made.foretell()
    assert of_outlook(told, PlannedAction.RUN) == {("alignment_metrics", "c")}
    assert str(table) in told["alignment_metrics", "c"].reason
    assert sentence in told["alignment_metrics", "c"].reason
    assert of_outlook(told, PlannedAction.DEPENDS_ON_UPSTREAM) == {REPORT}
    assert not stale(told)
    assert held_to(made, told) == {("alignment_metrics", "c")}


def test_a_result_that_is_changed_and_damaged_is_stale(made: Lab) -> None:
    made.file("depth", "a", "summary").unlink()
    made.settings["depth_as_text"] = True
    told = made.foretell()
    assert stale(told) == made.places(["depth"]) | {REPORT}


def test_what_comes_after_a_stale_and_a_damaged_result_is_stale(made: Lab) -> None:
    made.file("known_sites", "references", "sites.vcf.gz").unlink()
    made.settings["optical_distance"] = 100
    told = made.foretell()
    assert of_outlook(told, PlannedAction.RUN) == {SITES} | made.places(["marked_bam"])
    assert stale(told) == made.places(FROM_MARKED) | {REPORT}


def test_a_missing_fastq_blocks_its_sample_and_no_other(made: Lab) -> None:
    made.fastq("b", 2).unlink()
    told = made.foretell()
    assert made_again(told) == of_outlook(told, PlannedAction.BLOCKED) == made.places(FROM_MERGED, ["b"])
    assert str(made.fastq("b", 2)) in told["merged_reads", "b"].reason
    assert "\n" not in told["merged_reads", "b"].reason
    assert told["trimmed_reads", "b"].reason == "merged_reads of b cannot be made"
    assert not stale(told)
    assert held_to(made, told) == set()


def test_a_report_is_made_of_what_is_there_when_a_sample_cannot_be(made: Lab) -> None:
    made.fastq("b").unlink()
    made.write_reads("c", pairs=2)
    told = made.foretell()
    assert of_outlook(told, PlannedAction.BLOCKED) == made.places(FROM_MERGED, ["b"])
    assert told[REPORT].action is PlannedAction.DEPENDS_ON_UPSTREAM
    assert told[REPORT].reason == "after merged_reads of c"


def test_a_missing_reference_blocks_what_is_made_with_it(made: Lab) -> None:
    Path(made.settings["reference"]).unlink()
    told = made.foretell()
    assert of_outlook(told, PlannedAction.BLOCKED) == {GENOME, INDEX, SITES} | made.places(FROM_ALIGNED)
    assert made.settings["reference"] in told[GENOME].reason
    assert made_again(told) == of_outlook(told, PlannedAction.BLOCKED)


def test_upstream_that_is_not_selected_is_taken_as_it_is(made: Lab) -> None:
    made.write_reads("b", pairs=2)
    told = made.foretell(FROM_TRIMMED)
    assert set(told) == made.places(FROM_TRIMMED)
    assert not made_again(told)


def test_samples_that_are_not_chosen_are_taken_as_they_are(made: Lab) -> None:
    made.write_reads("a", pairs=2)
    told = made.foretell(samples=["b"])
    assert set(told) == made.places(ASSETS, ["b"])
    assert not made_again(told)
    made.write_reads("b", pairs=2)
    assert made.foretell(samples=["b"])[REPORT].action is PlannedAction.DEPENDS_ON_UPSTREAM


def test_upstream_that_is_neither_selected_nor_made_is_missed(lab: Lab) -> None:
    told = lab.foretell(["trimmed_reads", "aligned_bam", "known_sites", "multiqc_report"])
    assert set(told.values()) == {one for one in told.values() if one.action is PlannedAction.BLOCKED}
    assert told["trimmed_reads", "a"].reason == "there is no merged_reads of a yet: materialize it first"
    assert told["aligned_bam", "a"].reason == "trimmed_reads of a cannot be made"
    assert told[SITES].reason == "there is no reference_index yet: materialize it first"
    assert "no sample to report on" in told[REPORT].reason
    assert lab.run(["trimmed_reads", "aligned_bam", "known_sites", "multiqc_report"]) == set()


def test_upstream_that_is_not_selected_and_damaged_is_told(made: Lab) -> None:
    gone = made.file("merged_reads", "a", "reads1")
    gone.unlink()
    told = made.foretell(["trimmed_reads"])
    assert made_again(told) == {("trimmed_reads", "a")}
    assert told["trimmed_reads", "a"].action is PlannedAction.BLOCKED
    assert told["trimmed_reads", "a"].reason == f"{gone} is gone: materialize merged_reads of a again"


def test_a_new_sample_is_made_and_then_the_report(made: Lab) -> None:
    made.add("d")
    told = made.foretell()
    assert of_outlook(told, PlannedAction.RUN) == made.places(FROM_MERGED, ["d"])
    assert of_outlook(told, PlannedAction.DEPENDS_ON_UPSTREAM) == {REPORT}
    assert told[REPORT].reason == "after trimmed_reads of d"
    assert held_to(made, told) == made.places(FROM_MERGED, ["d"]) | {REPORT}


def test_a_report_without_a_sample_that_is_made_is_stale(made: Lab) -> None:
    made.add("d")
    made.run(FROM_MERGED)
    told = made.foretell()
    assert of_outlook(told, PlannedAction.RUN) == made_again(told) == stale(told) == {REPORT}
    assert "samples" in told[REPORT].reason


def test_a_report_with_a_sample_that_was_removed_is_stale(made: Lab) -> None:
    remove_samples(made.project.ledger, ["b"])
    told = made.foretell()
    assert set(told) == made.places(ASSETS, ["a", "c"])
    assert of_outlook(told, PlannedAction.RUN) == made_again(told) == stale(told) == {REPORT}
    assert held_to(made, told) == {REPORT}


@pytest.fixture
def imported(made: Lab) -> Lab:
    """A sample beside those that were made, of which there is a BAM from elsewhere."""
    files = [made.folder / "elsewhere" / f"x.{ending}" for ending in ("bam", "bai")]
    for file in files:
        made.project.store.write_bytes(str(file), b"from elsewhere")
    record_result(made.project.ledger, "marked_bam", "x", *map(str, files), imported=True)
    save_sample(made.project.ledger, Sample("x", (), imported=True))
    return made


def test_of_a_sample_with_an_imported_result_only_what_is_after_it_is_made(imported: Lab) -> None:
    told = imported.foretell()
    assert set(told) == imported.places(ASSETS, ["a", "b", "c"]) | imported.places(FROM_MARKED, ["x"])
    assert told["marked_bam", "x"].action is PlannedAction.REUSE
    assert of_outlook(told, PlannedAction.RUN) == imported.places(FROM_RECALIBRATED, ["x"])
    assert of_outlook(told, PlannedAction.DEPENDS_ON_UPSTREAM) == {REPORT}
    assert held_to(imported, told) == imported.places(FROM_RECALIBRATED, ["x"]) | {REPORT}


def test_an_imported_result_is_no_older_than_a_changed_step(imported: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    imported.run()
    monkeypatch.setattr(duplicates, "VERSION", "1000")
    told = imported.foretell()
    assert told["marked_bam", "a"].action is PlannedAction.RUN
    assert told["marked_bam", "x"].action is PlannedAction.REUSE
    assert told["depth", "x"].action is PlannedAction.REUSE


def test_an_imported_result_that_is_gone_blocks_its_sample(imported: Lab) -> None:
    imported.run()
    gone = imported.file("marked_bam", "x", "bam")
    gone.unlink()
    told = imported.foretell()
    assert made_again(told) == of_outlook(told, PlannedAction.BLOCKED) == imported.places(FROM_MARKED, ["x"])
    assert str(gone) in told["marked_bam", "x"].reason
    assert told["marked_bam", "x"].reason.endswith("import it again")


def test_tools_that_cannot_be_asked_count_as_those_that_made_it(made: Lab) -> None:
    made.versions["cutadapt"] = None
    with made.look() as look:
        told = {(one.asset, one.scope): one for one in look.planned_results()}
        assert look.unknown_tools == "the tool cutadapt is not here"
    assert not made_again(told)


def test_without_its_tool_a_changed_result_is_changed_still(made: Lab) -> None:
    made.versions["cutadapt"] = None
    made.settings["trimming"] = {"max_n": 0.2}
    told = made.foretell(["trimmed_reads"])
    assert of_outlook(told, PlannedAction.RUN) == set(told)
    assert {one.reason for one in told.values()} == {"changed: parameters (max_n), script"}


def test_tools_of_results_that_are_not_looked_at_are_not_asked_for(made: Lab) -> None:
    made.versions["gatk"] = None
    with made.look(["depth"]) as look:
        assert {one.action for one in look.planned_results()} == {PlannedAction.REUSE}
        assert look.unknown_tools == ""


def test_what_another_project_shares_is_copied(made: Lab, tmp_path: Path) -> None:
    cache = SharedCache(made.project.store, str(tmp_path / "shared"))
    cache.keep(made.record("merged_reads", "a"))
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    other = open_lab(other_folder, "a", "b")
    other.settings["cache"] = cache.place
    told = other.foretell(["merged_reads", "trimmed_reads"])
    assert told["merged_reads", "a"].action is PlannedAction.COPY
    assert told["merged_reads", "a"].reason == f"not made yet; there in {cache.place}"
    assert told["merged_reads", "b"].action is PlannedAction.RUN
    assert told["trimmed_reads", "a"].action is PlannedAction.DEPENDS_ON_UPSTREAM  # it may be shared too
    assert not stale(told)


@pytest.mark.parametrize("count", [99, 100, 1000])
def test_a_report_on_many_samples(tmp_path: Path, count: int) -> None:
    """One of many samples has another result now; those are written by hand, of one asset that the report reads."""
    lab = open_lab(tmp_path)
    ledger, names = lab.project.ledger, [f"s{number:04}" for number in range(count)]
    for name in names:
        file = f"{ledger.output_path}/{name}/{name}.log"
        ledger.store.write_bytes(file, name.encode())
        record_result(ledger, "trimmed_reads", name, file)
        save_sample(ledger, Sample(name, (), imported=True))
    assert lab.run(["multiqc_report"]) == {REPORT}
    assert not made_again(lab.foretell(["multiqc_report"]))

    log = f"{ledger.output_path}/{names[-1]}/{names[-1]}.log"
    ledger.store.write_bytes(log, b"another")
    record_result(ledger, "trimmed_reads", names[-1], log)

    (told,) = lab.foretell(["multiqc_report"]).values()
    assert told.action is PlannedAction.RUN
    assert told.is_stale
    assert told.reason == f"changed: inputs ({names[-1]}.log)"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Graph]:
    (tmp_path / "home").mkdir()
    with dg.instance_for_test(temp_dir=str(tmp_path / "home")) as instance:
        yield open_graph(tmp_path, instance)


READS = ("merged_reads", "trimmed_reads")
COMES_TRUE = {
    PlannedAction.REUSE: {JobState.CACHED},
    PlannedAction.RUN: {JobState.DONE},
    PlannedAction.DEPENDS_ON_UPSTREAM: {JobState.DONE, JobState.CACHED},
    PlannedAction.BLOCKED: {JobState.FAILED, JobState.SKIPPED},
}


def ran_as_foretold(graph: Graph) -> dict[tuple[str, str], tuple[PlannedAction, JobState]]:
    """Looks at a project, runs it by Dagster with the real tools, and holds the run to what was foretold."""
    project = open_graph(graph.folder, graph.instance).project
    backend = open_backend(project.settings.means, project.settings.output_path, project.store, "none", "none")
    look = DryRun(project, backend, READS, graph.samples, graph.samples, Sources(project))
    told = {(one.asset, one.scope): one.action for one in look.planned_results()}
    backend.close()
    graph.run(READS)
    states = {(update.asset, update.partition): update.state for update in graph.updates}
    for place, outlook in told.items():
        assert states[place] in COMES_TRUE[outlook], place
    return {place: (outlook, states[place]) for place, outlook in told.items()}


def test_what_is_foretold_is_what_dagster_runs(project: Graph) -> None:
    fastqs = project.folder / "fastq"
    for sample in ("again", "gone", "lost", "more", "same"):
        write_reads(fastqs, sample, 1)
    project.add([fastqs])
    assert set(ran_as_foretold(project).values()) == {(PlannedAction.RUN, JobState.DONE)}
    assert set(ran_as_foretold(project).values()) == {(PlannedAction.REUSE, JobState.CACHED)}

    for file in fastqs.glob("again_*"):  # other bytes that say the same
        file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()), compresslevel=1, mtime=5))
    next(fastqs.glob("gone_*_1.fastq.gz")).unlink()
    project.file("merged_reads", "lost", "reads1").unlink()
    write_reads(fastqs, "more", 1, pairs=7)

    assert ran_as_foretold(project) == {
        ("merged_reads", "again"): (PlannedAction.RUN, JobState.DONE),
        ("trimmed_reads", "again"): (PlannedAction.DEPENDS_ON_UPSTREAM, JobState.CACHED),
        ("merged_reads", "gone"): (PlannedAction.BLOCKED, JobState.FAILED),
        ("trimmed_reads", "gone"): (PlannedAction.BLOCKED, JobState.SKIPPED),
        ("merged_reads", "lost"): (PlannedAction.RUN, JobState.DONE),
        ("trimmed_reads", "lost"): (PlannedAction.DEPENDS_ON_UPSTREAM, JobState.CACHED),
        ("merged_reads", "more"): (PlannedAction.RUN, JobState.DONE),
        ("trimmed_reads", "more"): (PlannedAction.DEPENDS_ON_UPSTREAM, JobState.DONE),
        ("merged_reads", "same"): (PlannedAction.REUSE, JobState.CACHED),
        ("trimmed_reads", "same"): (PlannedAction.REUSE, JobState.CACHED),
    }
