"""Quality control: what is found in a sample's results, which samples are stopped, and who accepts them."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import ValidationError

from bioinfo_assets.assets.quality_checks import quality_results
from bioinfo_assets.assets.up_to_date import report_after_run
from bioinfo_assets.cli.qc import qc
from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.genomics.sex_chromosomes import Sex
from bioinfo_assets.launch.fake_backend import Behaviour
from bioinfo_assets.launch.job import Job
from bioinfo_assets.pipeline.assessments import Outcome
from bioinfo_assets.pipeline.blocking import check_not_blocked
from bioinfo_assets.pipeline.dry_run import PlannedAction
from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.project import Project, Sources
from bioinfo_assets.pipeline.quality import QUALITY_CHECKS, Finding, check_sample, check_samples
from bioinfo_assets.quality_settings import CHECKS
from bioinfo_assets.records.accepted_quality import Acceptance, add_acceptances, read_acceptances
from bioinfo_assets.records.provisional import provisional_record
from bioinfo_assets.records.record import InputRecord, Record
from bioinfo_assets.records.record_set import RecordSet
from bioinfo_assets.records.samples import save_sample
from bioinfo_assets.result_key import COHORT, ResultKey
from bioinfo_assets.settings import Settings, save
from bioinfo_assets.steps.reference import Aligner
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cli.small_project import call_command, parse_json
from bioinfo_assets_tests.pipeline import fake_project
from bioinfo_assets_tests.pipeline.fake_project import FakeProject, open_fake_project
from bioinfo_assets_tests.records.external_files import record_reference_index, write_bam
from bioinfo_assets_tests.records.recorded_results import record_result

COUNTS = {
    "merged_reads": {"pairs": "100", "pairs.FC1.1.A": "60", "pairs.FC1.2.A": "40"},
    "trimmed_reads": {"pairs_in": "100", "pairs_out": "90"},
    "aligned_bam": {"primary": "180", "records": "185"},
    "marked_bam": {"records": "185"},
    "recalibrated_bam": {"records": "185"},
}
"""What the steps count of 100 pairs, of which trimming drops ten, and five supplementary alignments."""


def project(folder: Path, **quality: Any) -> Project:
    return Project(Settings(output_path=str(folder / "out"), quality=quality))


def record(project: Project, asset: str, *files: Path, **changes: Any) -> None:
    """Record files as a result of the sample; the key of each is its extension."""
    record_result(project.ledger, asset, "expt", *map(str, files), **changes)


def check(project: Project, name: str) -> Finding:
    return check_sample(project, QUALITY_CHECKS[name], "expt")


def accept(project: Project, finding: Finding) -> None:
    acceptance = Acceptance(
        check=finding.check,
        data_version=finding.data_version,
        by="lab",
        at=datetime.now(UTC),
        reason="as agreed",
        finding=finding.message,
        failures=finding.failures,
    )
    add_acceptances(project.ledger, "expt", [acceptance])


def duplicates_table(duplicates: int) -> str:
    """A table as Picard's MarkDuplicates writes it, of 100 pairs of which some are duplicates."""
    columns = {
        "LIBRARY": "expt",
        "UNPAIRED_READS_EXAMINED": 0,
        "READ_PAIRS_EXAMINED": 100,
        "SECONDARY_OR_SUPPLEMENTARY_RDS": 0,
        "UNMAPPED_READS": 0,
        "UNPAIRED_READ_DUPLICATES": 0,
        "READ_PAIR_DUPLICATES": duplicates,
        "READ_PAIR_OPTICAL_DUPLICATES": 0,
        "PERCENT_DUPLICATION": duplicates / 100,
        "ESTIMATED_LIBRARY_SIZE": "",
    }
    rows = ("\t".join(map(str, row)) for row in (columns, columns.values()))
    return "## METRICS CLASS\tpicard.sam.DuplicationMetrics\n" + "\n".join(rows) + "\n\n"


def record_duplicates(project: Project, folder: Path, duplicates: int) -> None:
    (folder / "expt.metrics").write_text(duplicates_table(duplicates))
    record(project, "marked_bam", folder / "expt.metrics")


def test_settings_and_checks_have_the_same_names() -> None:
    assert tuple(QUALITY_CHECKS) == CHECKS
    assert {check.asset for check in QUALITY_CHECKS.values()} <= set(GRAPH)


def test_a_sample_without_results_is_pending(tmp_path: Path) -> None:
    assert {check(project(tmp_path), name).outcome for name in CHECKS} == {Outcome.PENDING}


def test_an_intact_bam_of_the_reference_passes(tmp_path: Path) -> None:
    own = project(tmp_path)
    record_reference_index(own.ledger)
    record(own, "recalibrated_bam", write_bam(tmp_path / "out" / "expt" / "expt.bam"))
    finding = check(own, "intact_bam")
    assert (finding.outcome, finding.message) == (
        Outcome.PASS,
        "intact, and aligned to the 2 contigs of this reference",
    )


def test_a_bam_of_another_reference_fails(tmp_path: Path) -> None:
    own = project(tmp_path)
    record_reference_index(own.ledger, [("chrM", 16571), ("chr1", 5000)])
    record(own, "recalibrated_bam", write_bam(tmp_path / "out" / "expt" / "expt.bam"))
    finding = check(own, "intact_bam")
    assert finding.outcome is Outcome.FAIL
    assert "chrM" in finding.message


def test_a_truncated_bam_fails(tmp_path: Path) -> None:
    own = project(tmp_path)
    record_reference_index(own.ledger)
    bam = write_bam(tmp_path / "out" / "expt" / "expt.bam")
    record(own, "recalibrated_bam", bam)
    bam.write_bytes(bam.read_bytes()[:-28])
    assert check(own, "intact_bam").outcome is Outcome.FAIL
    record(own, "recalibrated_bam", bam)  # as if it had been published so
    assert "end-of-file block" in check(own, "intact_bam").message


def test_whoever_accepts_a_bam_of_other_contigs_does_not_accept_a_truncated_one(tmp_path: Path) -> None:
    own = project(tmp_path)
    record_reference_index(own.ledger, [("chrM", 16571), ("chr1", 5000)])
    bam = write_bam(tmp_path / "out" / "expt" / "expt.bam")
    record(own, "recalibrated_bam", bam)
    accept(own, check(own, "intact_bam"))
    assert check(own, "intact_bam").outcome is Outcome.ACCEPTED
    bam.write_bytes(bam.read_bytes()[:-28])
    assert check(own, "intact_bam").outcome is Outcome.FAIL


def test_a_released_bam_was_intact_if_there_is_a_cram_of_it(tmp_path: Path) -> None:
    own = project(tmp_path)
    bam = write_bam(tmp_path / "out" / "expt" / "expt.bam")
    record(own, "recalibrated_bam", bam)
    released = own.ledger.read(ResultKey("recalibrated_bam", "expt"))
    assert released is not None
    outputs = tuple(replace(file, released=datetime.now(UTC)) for file in released.outputs)
    own.ledger.write(released.model_copy(update={"outputs": outputs}))
    assert check(own, "intact_bam").outcome is Outcome.UNKNOWN
    read = InputRecord(local=bam.name, uri=str(bam), size=1, content=released.file("bam").content)
    (tmp_path / "expt.cram").write_text("CRAM")
    record(own, "recalibrated_cram", tmp_path / "expt.cram", inputs=(read,))
    assert check(own, "intact_bam").outcome is Outcome.PASS


def test_all_reads_are_accounted_for(tmp_path: Path) -> None:
    own = project(tmp_path)
    for asset, facts in COUNTS.items():
        record(own, asset, facts=facts)
    finding = check(own, "reads_accounted_for")
    assert finding.outcome is Outcome.PASS
    assert finding.figures == {"pairs": 100, "pairs_kept": 90, "records": 185}


@pytest.mark.parametrize(
    ("asset", "fact"),
    [
        ("merged_reads", "pairs.FC1.2.A"),
        ("trimmed_reads", "pairs_in"),
        ("trimmed_reads", "pairs_out"),
        ("aligned_bam", "primary"),
        ("aligned_bam", "records"),
        ("marked_bam", "records"),
        ("recalibrated_bam", "records"),
    ],
)
def test_a_read_that_is_lost_anywhere_fails(tmp_path: Path, asset: str, fact: str) -> None:
    own = project(tmp_path)
    for name, facts in COUNTS.items():
        lost = {fact: str(int(facts[fact]) - 1)} if name == asset else {}
        record(own, name, facts=facts | lost)
    assert check(own, "reads_accounted_for").outcome is Outcome.FAIL


def test_reads_of_an_imported_bam_are_unknown(tmp_path: Path) -> None:
    own = project(tmp_path)
    for asset, facts in COUNTS.items():
        record(own, asset, facts=facts, imported=asset == "marked_bam")
    finding = check(own, "reads_accounted_for")
    assert (finding.outcome, finding.message) == (
        Outcome.UNKNOWN,
        "marked_bam was not computed here, so its reads were not counted",
    )


def test_a_sample_without_proper_pairs_fails(tmp_path: Path) -> None:
    own = project(tmp_path)
    (tmp_path / "expt.metrics").touch()
    record(own, "insert_size_metrics", tmp_path / "expt.metrics", facts={"has_insert_metrics": "no"})
    assert check(own, "insert_size").outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("limits", "outcome", "message"),
    [
        ({}, Outcome.PASS, "duplicates 0.3"),
        ({"warn": 0.3, "fail": 0.4}, Outcome.PASS, "duplicates 0.3"),
        ({"warn": 0.2, "fail": 0.4}, Outcome.WARN, "duplicates 0.3 is above 0.2"),
        ({"warn": 0.1, "fail": 0.2}, Outcome.FAIL, "duplicates 0.3 is above 0.2"),
    ],
)
def test_a_figure_is_compared_with_its_limits(
    tmp_path: Path, limits: dict[str, float], outcome: Outcome, message: str
) -> None:
    own = project(tmp_path, duplicates=limits)
    record_duplicates(own, tmp_path, 30)
    finding = check(own, "duplicates")
    assert (finding.outcome, finding.message) == (outcome, message)


def test_coverage_is_the_mean_and_what_is_covered_deeply(tmp_path: Path) -> None:
    """A genome of 1,000 bases of which 100 have no reads, so that mosdepth leaves them out."""
    own = project(tmp_path, mean_depth={"warn": 20}, covered_20x={"fail": 0.5})
    (tmp_path / "a.summary").write_text(
        "chrom\tlength\tbases\tmean\tmin\tmax\nchr1\t900\t13500\t15.00\t1\t35\ntotal\t900\t13500\t15.00\t1\t35\n"
    )
    (tmp_path / "a.distribution").write_text("total\t35\t0.10\ntotal\t15\t0.80\ntotal\t1\t1.00\ntotal\t0\t1.00\n")
    record(own, "depth", tmp_path / "a.summary", tmp_path / "a.distribution", facts={"genome_length": "1000"})
    finding = check(own, "coverage")
    assert finding.outcome is Outcome.FAIL
    assert finding.figures == pytest.approx(
        {"mean depth": 13.5, "genome at 10x": 0.72, "genome at 20x": 0.09, "genome at 30x": 0.09}
    )
    assert "mean depth 13.5 is below 20" in finding.message


def test_whoever_accepts_a_low_mean_does_not_accept_bases_without_reads(tmp_path: Path) -> None:
    own = project(tmp_path, mean_depth={"fail": 20})
    (tmp_path / "a.summary").write_text("chrom\tlength\tbases\tmean\tmin\tmax\ntotal\t900\t13500\t15.00\t1\t35\n")
    (tmp_path / "a.distribution").write_text("total\t15\t0.80\ntotal\t0\t1.00\n")
    record(own, "depth", tmp_path / "a.summary", tmp_path / "a.distribution", facts={"genome_length": "1000"})
    accept(own, check(own, "coverage"))
    assert check(own, "coverage").outcome is Outcome.ACCEPTED
    stricter = project(tmp_path, mean_depth={"fail": 20}, covered_20x={"fail": 0.5})
    assert check(stricter, "coverage").outcome is Outcome.FAIL


HUMAN = (("chr1", 100_000), ("chr2", 50_000), ("chrX", 40_000), ("chrY", 20_000), ("chrM", 10))


@pytest.mark.parametrize(
    ("sex", "x_bases", "y_bases", "outcome", "found", "comparison"),
    [
        ("XX", 12_000, None, Outcome.PASS, "XX by depth (X 1.00 and Y 0.00", ", as in the samplesheet"),
        ("XY", 6_000, 1_400, Outcome.PASS, "XY by depth (X 0.50 and Y 0.23", ", as in the samplesheet"),
        ("XX", 6_000, 1_400, Outcome.FAIL, "XY by depth (X 0.50 and Y 0.23", ", but XX in the samplesheet"),
        ("XY", 12_000, 60, Outcome.FAIL, "XX by depth (X 1.00 and Y 0.01", ", but XY in the samplesheet"),
        ("XY", 12_000, 1_400, Outcome.FAIL, "XXY by depth (X 1.00 and Y 0.23", ", but XY in the samplesheet"),
        ("XX", 6_000, None, Outcome.FAIL, "X0 by depth (X 0.50 and Y 0.00", ", but XX in the samplesheet"),
        (None, 6_000, 1_400, Outcome.PASS, "XY by depth (X 0.50 and Y 0.23", "; the samplesheet does not give it"),
    ],
)
def test_the_sex_is_that_of_the_depths_of_x_and_y(
    tmp_path: Path,
    sex: Sex | None,
    x_bases: int,
    y_bases: int | None,
    outcome: Outcome,
    found: str,
    comparison: str,
) -> None:
    """The autosomes have a mean depth of 30 over 150 kb; mosdepth leaves out contigs without reads.

    Bases are in hundreds.
    """
    own = project(tmp_path)
    record_reference_index(own.ledger, HUMAN)
    save_sample(own.ledger, Sample("expt", (Lane("FC1", 1, "/a_1.fq.gz", "/a_2.fq.gz", "expt"),), sex=sex))
    rows = {"chr1": 25_000, "chr2": 20_000, "chrX": x_bases, "chrY": y_bases, "chrM": 90_000}
    lines = [f"{name}\t0\t{100 * bases}\t0\t0\t0" for name, bases in rows.items() if bases is not None]
    (tmp_path / "a.summary").write_text("\n".join(["chrom\tlength\tbases\tmean\tmin\tmax", *lines]) + "\n")
    record(own, "depth", tmp_path / "a.summary")
    finding = check(own, "sex")
    assert (finding.outcome, finding.message) == (outcome, f"{found} of the autosomes){comparison}")
    assert own.sample("expt").sex == sex


@pytest.mark.parametrize(
    "table",
    [f"chrom\tbases\n{row}\n" for row in ("chr1", "chr1\tmany", "chr1\r1", f"chr1\t{'9' * 5000}")],
    ids=["a short row", "a word", "a carriage return", "digits"],
)
def test_a_summary_that_mosdepth_did_not_write_is_a_finding(tmp_path: Path, table: str) -> None:
    own = project(tmp_path)
    record_reference_index(own.ledger, HUMAN)
    save_sample(own.ledger, Sample("expt", (Lane("FC1", 1, "/a_1.fq.gz", "/a_2.fq.gz", "expt"),), sex="XX"))
    (tmp_path / "a.summary").write_bytes(table.encode())
    record(own, "depth", tmp_path / "a.summary")
    finding = check(own, "sex")
    assert finding.outcome is Outcome.UNKNOWN
    assert finding.message.startswith("the metrics of depth cannot be read: ")


def test_without_sex_chromosomes_a_sex_in_the_samplesheet_is_not_checked(tmp_path: Path) -> None:
    own = project(tmp_path)
    record_reference_index(own.ledger, (("chr1", 1000), ("chr22", 500)))
    (tmp_path / "a.summary").write_text("chrom\tlength\tbases\nchr1\t1000\t30000\n")
    record(own, "depth", tmp_path / "a.summary")
    cases: tuple[tuple[Sex | None, Outcome], ...] = ((None, Outcome.PASS), ("XX", Outcome.UNKNOWN))
    for sex, outcome in cases:
        lanes = (Lane("FC1", 1, "/a_1.fq.gz", "/a_2.fq.gz", "expt"),)
        save_sample(own.ledger, replace(Sample("expt", lanes), sex=sex))
        finding = check(own, "sex")
        assert (finding.outcome, finding.message) == (
            outcome,
            "the sex cannot be inferred: the reference has no autosomes, X and Y, or there are too few reads",
        )


def test_a_sample_with_a_handful_of_reads_is_not_taken_for_an_exchanged_one(tmp_path: Path) -> None:
    own = project(tmp_path)
    record_reference_index(own.ledger, HUMAN)
    save_sample(own.ledger, Sample("expt", (Lane("FC1", 1, "/a_1.fq.gz", "/a_2.fq.gz", "expt"),), sex="XY"))
    (tmp_path / "a.summary").write_text("chrom\tlength\tbases\nchr1\t100000\t3000\nchrX\t40000\t450\n")
    record(own, "depth", tmp_path / "a.summary")
    assert check(own, "sex").outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("quality", "message"),
    [
        ({"mapped": {"warn": 0.5, "fail": 0.9}}, "`fail` must not be above `warn`"),
        ({"duplicates": {"warn": 0.5, "fail": 0.2}}, "`fail` must not be below `warn`"),
        ({"blocking": ["duplicate"]}, "there is no check duplicate"),
    ],
)
def test_limits_that_contradict_each_other_are_refused(tmp_path: Path, quality: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        project(tmp_path, **quality)


@pytest.fixture
def blocking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProject:
    """Three samples; of the pairs of b, 80 of 100 are duplicates, which stops it."""
    behave = fake_project._behave

    def behave_with_duplicates(job: Job) -> Behaviour:
        behaviour = behave(job)
        if job.key.asset == "marked_bam":
            duplicates = 80 if job.key.scope == "b" else 10
            behaviour.files["metrics"] = duplicates_table(duplicates).encode()  # type: ignore[index] # a dict
        return behaviour

    monkeypatch.setattr(fake_project, "_behave", behave_with_duplicates)
    opened = open_fake_project(tmp_path, "a", "b", "c")
    opened.settings["quality"] = {"duplicates": {"fail": 0.5}, "blocking": ["duplicates"]}
    save(opened.project.settings, tmp_path / "out" / ".dagster")
    return opened


def test_a_blocked_sample_stops_alone(blocking: FakeProject) -> None:
    computed = blocking.run()
    assert {asset for asset, scope in computed if scope == "b"} == {
        "merged_reads", "trimmed_reads", "aligned_bam", "marked_bam",
    }  # fmt: skip
    assert {scope for asset, scope in computed if asset == "depth"} == {"a", "c"}
    assert ("multiqc_report", "multiqc") in computed
    plan = blocking.plan()
    assert plan["recalibrated_bam", "b"].action is PlannedAction.BLOCKED
    assert "b is stopped by the check duplicates (duplicates 0.8 is above 0.5)" in plan["recalibrated_bam", "b"].reason


def upstream_of_marked(own: Project, sample: str, record: Record) -> Upstream:
    return Upstream(own, Sources(own), {"marked_bam": RecordSet("marked_bam", {sample: record})}, lambda: Aligner.BWA)


def test_a_result_of_the_same_job_is_checked_once_that_has_run(blocking: FakeProject) -> None:
    """A job that runs after another on the same machine is planned before there is anything to check."""
    blocking.run()
    own, spec = blocking.project, GRAPH["recalibrated_bam"]
    decision = blocking.plan()["marked_bam", "b"].decision
    assert decision is not None
    provisional = provisional_record(decision.required_job)
    check_not_blocked(spec, upstream_of_marked(own, "b", provisional), "b")
    with pytest.raises(InputError, match="b is stopped by the check duplicates"):
        check_not_blocked(spec, upstream_of_marked(own, "b", blocking.record("marked_bam", "b")), "b")


def test_an_accepted_sample_goes_on_and_it_is_recorded_who_accepted_it(blocking: FakeProject) -> None:
    blocking.run()
    arguments = ["--output-path", blocking.folder / "out", "--accept", "duplicates", "--samples", "b"]
    result = call_command(qc, *arguments, "--reason", "low input", "--json")
    assert result.exit_code == 0
    (found,) = parse_json(result)
    (accepted,) = [item for item in found["checks"] if item["check"] == "duplicates"]
    assert (found["outcome"], accepted["outcome"]) == ("accepted", "accepted")
    (acceptance,) = read_acceptances(blocking.project.ledger, "b")
    assert (acceptance.check, acceptance.reason, acceptance.finding) == (
        "duplicates",
        "low input",
        "duplicates 0.8 is above 0.5",
    )
    assert acceptance.by
    assert ("depth", "b") in blocking.run()
    # Other reads: the result has other content, and nobody has accepted that.
    blocking.write_reads("b", pairs=2)
    assert ("recalibrated_bam", "b") not in blocking.run()


def test_the_table_has_all_samples_and_the_exit_code_of_a_failure(blocking: FakeProject) -> None:
    blocking.run()
    result = call_command(qc, "--output-path", blocking.folder / "out")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(("a ", "b ", "c "))] == ["a", "b", "c"]
    assert "b: duplicates: duplicates 0.8 is above 0.5" in lines
    found = parse_json(call_command(qc, "--output-path", blocking.folder / "out", "--json"))
    outcomes = {(item["sample"], of["check"]): of["outcome"] for item in found for of in item["checks"]}
    assert [outcomes[sample, "duplicates"] for sample in "abc"] == ["pass", "fail", "pass"]
    assert [outcomes[sample, "coverage"] for sample in "abc"] == [
        "unknown",
        "pending",
        "unknown",
    ]  # of a and c the tools here wrote no table


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--accept", "duplicate", "--samples", "b", "--reason", "x"], "there is no check duplicate: did you mean"),
        (["--accept", "duplicates", "--samples", "a", "--reason", "x"], "a has not failed duplicates"),
        (["--accept", "duplicates", "--samples", "b"], "--accept needs --samples"),
        (["--accept", "duplicates", "--reason", "x"], "--accept needs --samples"),
        (["--samples", "d"], "there is no sample 'd'"),
        (["--reason", "x"], "--reason is for --accept"),
    ],
)
def test_a_mistake_is_reported_in_a_sentence(blocking: FakeProject, arguments: list[str], message: str) -> None:
    blocking.run(["merged_reads", "trimmed_reads", "reference_genome", "reference_index", "aligned_bam", "marked_bam"])
    result = call_command(qc, "--output-path", blocking.folder / "out", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert read_acceptances(blocking.project.ledger, "b") == ()


def test_dagit_shows_a_check_with_all_samples(blocking: FakeProject) -> None:
    blocking.run()
    results = {result.check_name: result for result in quality_results(blocking.project)}
    assert set(results) == set(CHECKS) - {"contamination", "identity"}
    duplicates = results["duplicates"]
    assert duplicates.asset_key == dg.AssetKey("marked_bam")
    assert not duplicates.passed
    assert duplicates.severity is dg.AssetCheckSeverity.ERROR
    assert duplicates.description == "1 of 3 fail: b (duplicates 0.8 is above 0.5)"
    table = duplicates.metadata["samples"]
    assert isinstance(table, dg.TableMetadataValue)
    with dg.DagsterInstance.ephemeral() as instance:
        report_after_run(instance, blocking.project)
        key = dg.AssetCheckKey(dg.AssetKey("marked_bam"), "duplicates")
        stored = instance.get_latest_asset_check_evaluation_record(key)
        assert stored is not None
        assert stored.evaluation is not None
        assert stored.evaluation.description == duplicates.description
    assert [(row.data["sample"], row.data["outcome"]) for row in table.records] == [
        ("b", "fail"), ("a", "pass"), ("c", "pass"),
    ]  # fmt: skip


def test_dagit_warns_of_what_cannot_be_assessed(blocking: FakeProject) -> None:
    """Of the fake tools' tables, only those of duplicates can be read."""
    before = {result.check_name: result for result in quality_results(blocking.project)}
    assert (before["mapped"].passed, before["mapped"].description) == (
        True,
        "0 of 3 samples passed or were accepted; 3 have no result yet",
    )
    blocking.run()
    mapped = {result.check_name: result for result in quality_results(blocking.project)}["mapped"]
    assert (mapped.passed, mapped.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert mapped.description is not None
    assert mapped.description.startswith("2 of 3 cannot be assessed: a (")
    assert "a: mapped: " in call_command(qc, "--output-path", blocking.folder / "out").stdout


def test_a_sample_whose_blocking_check_cannot_be_made_is_stopped(blocking: FakeProject) -> None:
    blocking.run()
    record = blocking.record("marked_bam", "a")
    Path(record.file("metrics").uri).write_text("## METRICS CLASS\tpicard.sam.DuplicationMetrics\nnothing\n")
    upstream = upstream_of_marked(blocking.project, "a", record)
    with pytest.raises(InputError, match="a table of marked_bam of a cannot be read"):
        check_not_blocked(GRAPH["recalibrated_bam"], upstream, "a")


def test_the_report_has_a_table_of_all_samples(blocking: FakeProject) -> None:
    """Its job changes with the limits, and with who accepts a sample, so that the report is never older than these."""
    blocking.run()
    with blocking.dry_run() as trial:
        (report,) = [item for item in trial.planned_results() if item.key.asset == "multiqc_report"]
    assert report.action is PlannedAction.REUSE
    assert report.decision is not None
    assert report.decision.job is not None
    _, _, config = report.decision.job.script.partition('"custom_data": ')
    data = json.JSONDecoder().raw_decode(config)[0]["quality_control"]["data"]
    assert {sample: (row["overall"], row["duplicates"]) for sample, row in data.items()} == {
        "a": ("unknown", "pass"),
        "b": ("fail", "fail"),
        "c": ("unknown", "pass"),
    }
    blocking.settings["quality"] = {"duplicates": {"fail": 0.9}}
    assert blocking.plan()["multiqc_report", "multiqc"].action is not PlannedAction.REUSE


def record_contamination(own: Project, folder: Path, estimate: float, error: float, **facts: str) -> None:
    table = folder / "expt.table"
    table.write_text(f"sample\tcontamination\terror\nexpt\t{estimate}\t{error}\n")
    record(own, "contamination", table, facts=facts)


@pytest.mark.parametrize(
    ("estimate", "error", "ratio", "outcome", "message"),
    [
        (0.001, 0.0005, "0.96", Outcome.PASS, "contamination 0.001"),
        (0.03, 0.002, "1.02", Outcome.WARN, "contamination 0.03 is above 0.02"),
        (0.11, 0.002, "1.2", Outcome.FAIL, "contamination 0.11 is above 0.05"),
        (0.0, 0.00001, "1.83", Outcome.WARN, "heterozygous sites are 1.83 times as frequent as expected"),
        (0.0, 1.0, "", Outcome.UNKNOWN, "no variants with enough reads to estimate contamination"),
        (0.0, float("nan"), "", Outcome.UNKNOWN, "no variants with enough reads to estimate contamination"),
        (0.0, 0.3, "1.0", Outcome.UNKNOWN, "contamination 0 has a standard error of 0.3, above the limit of 0.02"),
        (0.6, 0.3, "1.0", Outcome.FAIL, "contamination 0.6 is above 0.05"),
    ],
    ids=[
        "clean",
        "a little",
        "much",
        "two people in equal parts",
        "no reads",
        "no number",
        "few reads",
        "few but much",
    ],
)
def test_contamination(
    tmp_path: Path, estimate: float, error: float, ratio: str, outcome: Outcome, message: str
) -> None:
    own = project(tmp_path, contamination={"warn": 0.02, "fail": 0.05})
    facts = {"sites": "60000"} | ({"heterozygous_ratio": ratio} if ratio else {})
    record_contamination(own, tmp_path, estimate, error, **facts)
    finding = check(own, "contamination")
    assert finding.outcome is outcome
    assert message in finding.message


def record_fingerprint(own: Project, folder: Path, **facts: str) -> None:
    fingerprint = folder / "expt.fingerprint"
    fingerprint.write_text("genotypes\n")
    record(own, "fingerprint", fingerprint, facts={"sites": "2000", **facts})
    save_patient(own, "P1")


def save_patient(own: Project, patient: str | None) -> None:
    lanes = (Lane("FC1", 1, "/a_1.fq.gz", "/a_2.fq.gz", "expt"),)
    save_sample(own.ledger, Sample("expt", lanes, patient=patient))


def record_report(own: Project, folder: Path, *pairs: str) -> None:
    """Record a report that was made of the sample's fingerprint, with these lines of pairs."""
    table = folder / "sample.identity"
    table.write_text("\n".join(["SAMPLE_1\tSAMPLE_2\tFOUND\tLOD", *pairs]) + "\n")
    own_file = folder / "expt.fingerprint"
    read = InputRecord(local=own_file.name, uri=str(own_file), size=1, content=Store().digest(str(own_file)))
    people = {"people": ("a: sample a", "expt: patient P1")}
    record_result(own.ledger, "multiqc_report", COHORT, str(table), inputs=(read,), parameters=people)


def test_a_sample_that_is_whose_the_samplesheet_states(tmp_path: Path) -> None:
    own = project(tmp_path)
    record_fingerprint(own, tmp_path, lowest_lane_lod="75.5", lowest_lanes="g1 and g2")
    record_report(own, tmp_path, "a\tb\tone person\t80.25")
    finding = check(own, "identity")
    assert (finding.outcome, finding.message) == (Outcome.PASS, "as the samplesheet states, by 2000 variants")
    assert finding.figures == {"sites": 2000, "lowest_lane_lod": 75.5}


def test_a_sample_that_is_somebody_elses(tmp_path: Path) -> None:
    own = project(tmp_path)
    record_fingerprint(own, tmp_path)
    record_report(own, tmp_path, "a\texpt\tone person\t83.8125", "expt\tz\ttwo people\t-209.804")
    finding = check(own, "identity")
    assert (finding.outcome, finding.message) == (
        Outcome.FAIL,
        (
            "a has the same genotypes, but the samplesheet lists different patients (LOD 83.81); "
            "z has other genotypes, but the samplesheet lists the same patient (LOD -209.8)"
        ),
    )


def test_an_accepted_sample_fails_again_if_it_is_like_yet_another(tmp_path: Path) -> None:
    own = project(tmp_path)
    record_fingerprint(own, tmp_path)
    record_report(own, tmp_path, "a\texpt\tone person\t83.8125")
    finding = check(own, "identity")
    accept(own, finding)
    assert check(own, "identity").outcome is Outcome.ACCEPTED
    record_report(own, tmp_path, "a\texpt\tone person\t82.5")  # the same pair, with more reads of the other one
    assert check(own, "identity").outcome is Outcome.ACCEPTED
    record_report(own, tmp_path, "a\texpt\tone person\t83.8125", "c\texpt\tone person\t90.5")
    assert check(own, "identity").outcome is Outcome.FAIL


def test_lanes_of_two_people(tmp_path: Path) -> None:
    own = project(tmp_path)
    record_fingerprint(own, tmp_path, lowest_lane_lod="-109.07", lowest_lanes="g1 and g2")
    finding = check(own, "identity")
    assert (finding.outcome, finding.message) == (
        Outcome.FAIL,
        "read groups g1 and g2 are of two people (LOD -109.1)",
    )


def test_a_fingerprint_that_the_report_does_not_have_yet(tmp_path: Path) -> None:
    own = project(tmp_path)
    record_fingerprint(own, tmp_path)
    assert check(own, "identity").message.startswith("not compared with the other samples yet")
    record_report(own, tmp_path)
    assert check(own, "identity").outcome is Outcome.PASS
    (tmp_path / "expt.fingerprint").write_text("others\n")
    record(own, "fingerprint", tmp_path / "expt.fingerprint", facts={"sites": "2000"})
    assert check(own, "identity").outcome is Outcome.PENDING


def test_a_sample_of_another_patient_than_the_report_compared(tmp_path: Path) -> None:
    own = project(tmp_path)
    record_fingerprint(own, tmp_path)
    record_report(own, tmp_path)
    for patient in ("P2", None):
        save_patient(own, patient)
        assert check(own, "identity").outcome is Outcome.PENDING
    save_patient(own, "P1")
    assert check(own, "identity").outcome is Outcome.PASS


def test_a_pair_of_one_patient_with_too_few_reads_is_not_known(tmp_path: Path) -> None:
    own = project(tmp_path)
    record_fingerprint(own, tmp_path)
    record_report(own, tmp_path, "a\texpt\tinconclusive\t0.7")
    finding = check(own, "identity")
    assert (finding.outcome, finding.message) == (
        Outcome.UNKNOWN,
        "a is of the same patient, but has too few reads to be compared (LOD 0.7)",
    )


def test_lanes_with_too_few_reads_are_not_known(tmp_path: Path) -> None:
    own = project(tmp_path)
    record_fingerprint(own, tmp_path, lowest_lane_lod="1.5", lowest_lanes="g1 and g2")
    record_report(own, tmp_path)
    finding = check(own, "identity")
    assert (finding.outcome, finding.message) == (
        Outcome.UNKNOWN,
        "read groups g1 and g2 have too few reads to be compared (LOD 1.5)",
    )


def test_no_reads_at_the_variants_of_the_map(tmp_path: Path) -> None:
    own = project(tmp_path)
    record_fingerprint(own, tmp_path, sites="0")
    finding = check(own, "identity")
    assert (finding.outcome, finding.message) == (Outcome.UNKNOWN, "no reads at the variants of the haplotype map")


def test_identity_cannot_stop_a_sample(tmp_path: Path) -> None:
    with pytest.raises(
        ValidationError, match="identity cannot stop a sample: it is checked only when the MultiQC report is made"
    ):
        project(tmp_path, blocking=["identity"])


def test_a_check_that_the_settings_do_not_ask_for_is_not_shown(tmp_path: Path) -> None:
    own = project(tmp_path)
    assert {finding.check for finding in check_samples(own, ["expt"])["expt"]} == set(CHECKS) - {
        *("contamination", "identity"),
    }
    given = {"contamination_sites": "/common.vcf.gz", "haplotype_map": "/map.txt"}
    other = Project(own.settings.model_copy(update=given))
    assert {finding.check for finding in check_samples(other, ["expt"])["expt"]} == set(CHECKS)
