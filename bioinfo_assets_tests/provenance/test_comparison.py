"""Why two results differ: what is found to be the cause, and what is not."""

import gzip
from pathlib import Path

import pytest
from bioinfo_assets.provenance.comparer import Comparer

from bioinfo_assets.provenance.comparison import Cause, Change, Comparison
from bioinfo_assets.provenance.lineage import Lineage
from bioinfo_assets.records.record import Record
from bioinfo_assets_tests.pipeline.lab import Lab, open_lab

TO_DEPTH = ("merged_reads", "trimmed_reads", "aligned_bam", "marked_bam", "recalibrated_bam", "depth")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Two samples, whose depth is made."""
    lab = open_lab(tmp_path, "a", "b")
    run(lab)
    return lab


def run(lab: Lab) -> None:
    lab.run(("reference_genome", "reference_index", "known_sites", *TO_DEPTH))


def compared(lab: Lab, before: Record, after: Record) -> Comparison:
    lineage = Lineage(lab.project.ledger)
    return Comparer(lineage, lineage).compare(lineage.of_record(before), lineage.of_record(after))


def path(comparison: Comparison) -> list[str]:
    """The results that differ, upstream along the first input of each."""
    found = [comparison.name]
    for change in comparison.changes:
        if change.because is not None:
            return found + path(change.because)
    return found


def digest(lab: Lab, file: Path) -> str:
    return lab.project.store.digest(str(file)).removeprefix("sha256:")[:8]


def test_a_result_is_the_same_as_itself(lab: Lab) -> None:
    depth = lab.record("depth", "a")
    same = compared(lab, depth, depth)
    assert same.is_same
    assert same.causes == ()
    assert set(same.contents.values()) == {True}


def test_two_samples_differ_by_their_fastqs_and_not_by_their_names(lab: Lab) -> None:
    comparison = compared(lab, lab.record("depth", "a"), lab.record("depth", "b"))
    assert not any(comparison.contents.values())
    # The made-up tools write the script into what they make, so that all results differ.
    assert path(comparison) == [f"{asset} of a and b" for asset in reversed(TO_DEPTH)]
    assert {cause.change.kind for cause in comparison.causes} == {"FASTQ"}
    assert [cause.change.name for cause in comparison.causes] == ["SAMPLE.lane1.1.fastq.gz", "SAMPLE.lane1.2.fastq.gz"]
    first, second = lab.fastq("a"), lab.fastq("b")
    assert comparison.causes[0].change.before == f"{first} ({digest(lab, first)})"
    assert comparison.causes[0].change.after == f"{second} ({digest(lab, second)})"


def test_another_fastq_is_the_one_cause_of_all_that_follows(lab: Lab) -> None:
    before, file = lab.record("depth", "a"), lab.fastq("a")
    was = digest(lab, file)
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()).replace(b"ACGT", b"ACCC")))
    run(lab)

    comparison = compared(lab, before, lab.record("depth", "a"))

    change = Change("FASTQ", str(file), was, digest(lab, file))
    assert comparison.causes == (Cause(change, ("merged_reads of a",)),)
    assert str(comparison.causes[0]) == f"FASTQ {file}: {was} → {digest(lab, file)} (merged_reads of a)"
    assert path(comparison) == [f"{asset} of a" for asset in reversed(TO_DEPTH)]


def test_a_parameter_is_the_cause_and_the_script_follows_from_it(lab: Lab) -> None:
    before = lab.record("depth", "a")
    lab.settings["optical_distance"] = 100
    run(lab)
    comparison = compared(lab, before, lab.record("depth", "a"))
    assert list(map(str, comparison.causes)) == ["parameter optical_distance: 2500 → 100 (marked_bam of a)"]
    assert path(comparison)[-1] == "marked_bam of a"


def test_a_tool_is_named_once_with_all_that_it_made(lab: Lab) -> None:
    before = {asset: lab.record(asset, "a") for asset in ("marked_bam", "depth")}
    lab.versions["samtools"] = "2"
    run(lab)
    marked = compared(lab, before["marked_bam"], lab.record("marked_bam", "a"))
    assert list(map(str, marked.causes)) == ["tool samtools: 1 → 2 (marked_bam of a)"]
    assert set(marked.contents.values()) == {True}
    assert compared(lab, before["depth"], lab.record("depth", "a")).causes == marked_of(marked, "depth of a")


def marked_of(comparison: Comparison, result: str) -> tuple[Cause, ...]:
    """The same causes in another result: an input of the same content is no cause."""
    return tuple(Cause(cause.change, (result,)) for cause in comparison.causes)


def test_another_reference_is_told_once_though_it_is_read_on_many_ways(lab: Lab) -> None:
    before, fasta = lab.record("depth", "a"), Path(lab.settings["reference"])
    was = digest(lab, fasta)
    fasta.write_text(f">chrM\n{'TGCA' * 4}\n")
    run(lab)
    (cause,) = compared(lab, before, lab.record("depth", "a")).causes
    assert cause.change == Change("reference", str(fasta), was, digest(lab, fasta))
    assert cause.results == ("reference_genome of references",)


def test_a_script_changed_without_its_version_is_a_cause(lab: Lab) -> None:
    record = lab.record("depth", "a")
    other = record.model_copy(update={"script": f"{record.script}true\nfalse\n", "fingerprint": "0" * 64})
    comparison = compared(lab, record, other)
    assert list(map(str, comparison.causes)) == ["script: 0 lines removed, 2 added (depth of a)"]
    assert comparison.script[-2:] == ("+true", "+false")
    raised = compared(lab, record, other.model_copy(update={"version": "9", "fingerprint": "1" * 64}))
    assert list(map(str, raised.causes)) == [f"step version: {record.version} → 9 (depth of a)"]


def test_the_image_is_told_and_is_no_difference(lab: Lab) -> None:
    record = lab.record("depth", "a")
    comparison = compared(lab, record, record.model_copy(update={"image": "tools:2"}))
    assert comparison.is_same


def test_other_contents_of_the_same_recipe_are_a_difference(lab: Lab) -> None:
    record = lab.record("depth", "a")
    first, *others = record.outputs
    changed = record.model_copy(
        update={"outputs": (first.model_copy(update={"content": "sha256:other"}), *others), "fingerprint": "0" * 64}
    )
    comparison = compared(lab, record, changed.model_copy(update={"fingerprint": record.fingerprint}))
    again = Comparer(Lineage(lab.project.ledger), Lineage(lab.project.ledger))
    assert comparison.contents[first.key] is False
    assert [change.kind for change in comparison.changes] == ["contents"]
    assert comparison.changes[0].name == first.key
    lineage = again.before
    kinds = [change.kind for change in again.compare(lineage.of_record(record), lineage.of_record(changed)).changes]
    assert kinds == ["contents", "outputs"]


def test_an_imported_result_differs_by_where_it_is_from(lab: Lab) -> None:
    record = lab.record("recalibrated_bam", "a")
    imported = record.model_copy(
        update={"imported": True, "script": "", "tools": {}, "inputs": (), "user": "ada", "fingerprint": "0" * 64}
    )
    assert compared(lab, record, imported).changes == (Change("origin", "", "made by a job", "imported by ada"),)
    assert compared(lab, imported, imported).is_same


def test_results_of_two_steps_are_not_taken_apart(lab: Lab) -> None:
    comparison = compared(lab, lab.record("depth", "a"), lab.record("marked_bam", "a"))
    assert comparison.changes == (Change("step", "", "depth", "marked_bam"),)


def test_a_report_over_many_samples_is_traced_where_it_differs(lab: Lab) -> None:
    lab.run()
    before = lab.record("multiqc_report", "multiqc")
    lab.write_reads("b", pairs=2)
    lab.run()
    ledger = lab.project.ledger
    # With one scope at most, its inputs are not traced, as those of a report over more than 20 samples.
    first, second = Lineage(ledger, widest=1), Lineage(ledger, widest=1)
    one, other = first.of_record(before), second.of_record(lab.record("multiqc_report", "multiqc"))
    assert one.untraced == other.untraced == 2

    comparison = Comparer(first, second).compare(one, other)

    assert {cause.change.name for cause in comparison.causes} == {str(lab.fastq("b", read)) for read in (1, 2)}


def test_a_report_of_one_sample_more_differs_by_the_samples(lab: Lab) -> None:
    lab.run()
    before = lab.record("multiqc_report", "multiqc")
    lab.add("c")
    lab.run()
    comparison = compared(lab, before, lab.record("multiqc_report", "multiqc"))
    assert list(map(str, comparison.causes)) == ['parameter samples: [] → ["c"] (multiqc_report of multiqc)']
    added = [change for change in comparison.changes if change.kind == "result"]
    assert len(added) >= 6
    assert all(change.follows and not change.before for change in added)
