"""The causes of the differences between two results."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.provenance.comparison import Cause, Change, Comparer, Comparison
from bioinfo_assets.provenance.lineage import Lineage
from bioinfo_assets.records.record import Record
from bioinfo_assets_tests.pipeline.fake_project import FakeProject, open_fake_project

TO_DEPTH = ("merged_reads", "trimmed_reads", "aligned_bam", "marked_bam", "recalibrated_bam", "depth")


@pytest.fixture
def fake(tmp_path: Path) -> FakeProject:
    """A project of two samples with all results up to the depth."""
    fake = open_fake_project(tmp_path, "a", "b")
    run(fake)
    return fake


def run(fake: FakeProject) -> None:
    fake.run(("reference_genome", "reference_index", "known_sites", *TO_DEPTH))


def compare(fake: FakeProject, before: Record, after: Record) -> Comparison:
    lineage = Lineage(fake.project.ledger)
    return Comparer(lineage, lineage).compare(lineage.of_record(before), lineage.of_record(after))


def path(comparison: Comparison) -> list[str]:
    """The results that differ, upstream along the first input of each."""
    names = [comparison.name]
    for change in comparison.changes:
        if change.because is not None:
            return names + path(change.because)
    return names


def digest(fake: FakeProject, file: Path) -> str:
    return fake.project.store.digest(str(file)).removeprefix("sha256:")[:8]


def test_a_result_does_not_differ_from_itself(fake: FakeProject) -> None:
    depth = fake.record("depth", "a")
    comparison = compare(fake, depth, depth)
    assert comparison.is_same
    assert comparison.causes == ()
    assert set(comparison.contents.values()) == {True}


def test_two_samples_differ_in_their_fastqs_and_not_in_their_names(fake: FakeProject) -> None:
    comparison = compare(fake, fake.record("depth", "a"), fake.record("depth", "b"))
    assert not any(comparison.contents.values())
    # The fake tools write the script into their outputs, so all results differ.
    assert path(comparison) == [f"{asset} of a and b" for asset in reversed(TO_DEPTH)]
    assert {cause.change.kind for cause in comparison.causes} == {"FASTQ"}
    assert [cause.change.name for cause in comparison.causes] == ["SAMPLE.lane1.1.fastq.gz", "SAMPLE.lane1.2.fastq.gz"]
    first, second = fake.fastq("a"), fake.fastq("b")
    assert comparison.causes[0].change.before == f"{first} ({digest(fake, first)})"
    assert comparison.causes[0].change.after == f"{second} ({digest(fake, second)})"


def test_a_changed_fastq_is_the_only_cause(fake: FakeProject) -> None:
    before, file = fake.record("depth", "a"), fake.fastq("a")
    old_digest = digest(fake, file)
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()).replace(b"ACGT", b"ACCC")))
    run(fake)

    comparison = compare(fake, before, fake.record("depth", "a"))

    change = Change("FASTQ", str(file), old_digest, digest(fake, file))
    assert comparison.causes == (Cause(change, ("merged_reads of a",)),)
    assert str(comparison.causes[0]) == f"FASTQ {file}: {old_digest} → {digest(fake, file)} (merged_reads of a)"
    assert path(comparison) == [f"{asset} of a" for asset in reversed(TO_DEPTH)]


def test_a_parameter_is_the_cause_of_the_scripts_change(fake: FakeProject) -> None:
    before = fake.record("depth", "a")
    fake.settings["optical_distance"] = 100
    run(fake)
    comparison = compare(fake, before, fake.record("depth", "a"))
    assert list(map(str, comparison.causes)) == ["parameter optical_distance: 2500 → 100 (marked_bam of a)"]
    assert path(comparison)[-1] == "marked_bam of a"


def test_a_tool_is_named_once_with_all_its_results(fake: FakeProject) -> None:
    before = {asset: fake.record(asset, "a") for asset in ("marked_bam", "depth")}
    fake.versions["samtools"] = "2"
    run(fake)
    marked = compare(fake, before["marked_bam"], fake.record("marked_bam", "a"))
    assert list(map(str, marked.causes)) == ["tool samtools: 1 → 2 (marked_bam of a)"]
    assert set(marked.contents.values()) == {True}
    assert compare(fake, before["depth"], fake.record("depth", "a")).causes == with_result(marked, "depth of a")


def with_result(comparison: Comparison, result: str) -> tuple[Cause, ...]:
    """The same causes, found in another result: an input with the same content is not a cause."""
    return tuple(Cause(cause.change, (result,)) for cause in comparison.causes)


def test_a_changed_reference_is_named_once_although_many_jobs_read_it(fake: FakeProject) -> None:
    before, fasta = fake.record("depth", "a"), Path(fake.settings["reference"])
    old_digest = digest(fake, fasta)
    fasta.write_text(f">chrM\n{'TGCA' * 4}\n")
    run(fake)
    (cause,) = compare(fake, before, fake.record("depth", "a")).causes
    assert cause.change == Change("reference", str(fasta), old_digest, digest(fake, fasta))
    assert cause.results == ("reference_genome of references",)


def test_a_script_that_changed_without_a_new_version_is_a_cause(fake: FakeProject) -> None:
    record = fake.record("depth", "a")
    other = record.model_copy(update={"script": f"{record.script}true\nfalse\n", "fingerprint": "0" * 64})
    comparison = compare(fake, record, other)
    assert list(map(str, comparison.causes)) == ["script: 0 lines removed, 2 added (depth of a)"]
    assert comparison.script[-2:] == ("+true", "+false")
    with_new_version = compare(fake, record, other.model_copy(update={"version": "9", "fingerprint": "1" * 64}))
    assert list(map(str, with_new_version.causes)) == [f"step version: {record.version} → 9 (depth of a)"]


def test_another_image_is_not_a_difference(fake: FakeProject) -> None:
    record = fake.record("depth", "a")
    comparison = compare(fake, record, record.model_copy(update={"image": "tools:2"}))
    assert comparison.is_same


def test_other_contents_with_the_same_recipe_are_a_difference(fake: FakeProject) -> None:
    record = fake.record("depth", "a")
    first, *others = record.outputs
    changed = record.model_copy(
        update={"outputs": (replace(first, content="sha256:other"), *others), "fingerprint": "0" * 64}
    )
    comparison = compare(fake, record, changed.model_copy(update={"fingerprint": record.fingerprint}))
    comparer = Comparer(Lineage(fake.project.ledger), Lineage(fake.project.ledger))
    assert comparison.contents[first.key] is False
    assert [change.kind for change in comparison.changes] == ["contents"]
    assert comparison.changes[0].name == first.key
    lineage = comparer.before
    kinds = [change.kind for change in comparer.compare(lineage.of_record(record), lineage.of_record(changed)).changes]
    assert kinds == ["contents", "outputs"]


def test_an_imported_result_differs_in_its_origin(fake: FakeProject) -> None:
    record = fake.record("recalibrated_bam", "a")
    imported = record.model_copy(
        update={"imported": True, "script": "", "tools": {}, "inputs": (), "user": "ada", "fingerprint": "0" * 64}
    )
    assert compare(fake, record, imported).changes == (Change("origin", "", "computed by a job", "imported by ada"),)
    assert compare(fake, imported, imported).is_same


def test_results_of_different_steps_are_not_compared_in_detail(fake: FakeProject) -> None:
    comparison = compare(fake, fake.record("depth", "a"), fake.record("marked_bam", "a"))
    assert comparison.changes == (Change("step", "", "depth", "marked_bam"),)


def test_a_report_on_many_samples_is_traced_where_it_differs(fake: FakeProject) -> None:
    fake.run()
    before = fake.record("multiqc_report", "multiqc")
    fake.write_reads("b", pairs=2)
    fake.run()
    ledger = fake.project.ledger
    # With at most one scope, its inputs are not traced, like those of a report on more than 20 samples.
    lineages = Lineage(ledger, max_scopes=1), Lineage(ledger, max_scopes=1)
    first, second = lineages[0].of_record(before), lineages[1].of_record(fake.record("multiqc_report", "multiqc"))
    assert first.untraced_scopes == second.untraced_scopes == 2

    comparison = Comparer(*lineages).compare(first, second)

    assert {cause.change.name for cause in comparison.causes} == {str(fake.fastq("b", read)) for read in (1, 2)}


def test_a_report_on_another_sample_differs_in_the_samples(fake: FakeProject) -> None:
    fake.run()
    before = fake.record("multiqc_report", "multiqc")
    fake.add("c")
    fake.run()
    comparison = compare(fake, before, fake.record("multiqc_report", "multiqc"))
    assert list(map(str, comparison.causes)) == ['parameter samples: [] → ["c"] (multiqc_report of multiqc)']
    added = [change for change in comparison.changes if change.kind == "result"]
    assert len(added) >= 6
    assert all(change.follows and not change.before for change in added)
