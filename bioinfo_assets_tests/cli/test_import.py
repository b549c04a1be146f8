"""`bioinfo-assets import`: what is said, and the samples that are known after it."""

import json
from pathlib import Path

from bioinfo_assets.cli.import_ import import_
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cli.commands import call
from bioinfo_assets_tests.cli.upkeep import all_files, call_one, documents
from bioinfo_assets_tests.records.external_files import record_reference_index, write_bam, write_reads
from bioinfo_assets_tests.records.recorded_results import record_result


def test_a_bam_is_registered_and_the_way_on_is_told(tmp_path: Path):
    bam, out = write_bam(tmp_path / "x.bam"), tmp_path / "out"
    words = (bam, "--sample", "expt", "--as", "recalibrated_bam", "--output-path", out)
    said = call_one(import_, *words)
    assert said.exit_code == 0
    assert said.stdout.startswith(f"recalibrated_bam of expt is registered:\n  {bam} (")
    shared = "--select reference_genome --select reference_index --select known_sites"  # not there yet
    assert f"run --output-path {out} {shared} --select 'recalibrated_bam*' --samples expt\n" in said.stdout
    assert "were not compared" in said.stderr
    record = Ledger(Store(), str(out)).read("expt", "recalibrated_bam")
    assert record is not None
    assert record.outputs[0].sha256 in said.stdout
    assert "recalibrated_bam of expt is there already:" in call_one(import_, *words).stdout
    listed = call("samples", "list", "--output-path", out)
    assert [line.split() for line in listed.stdout.splitlines()[1:]] == [["expt", "(imported)"]]


def test_what_all_samples_share_is_not_made_again(tmp_path: Path):
    ledger = Ledger(Store(), str(tmp_path / "out"))
    record_reference_index(ledger)
    record_result(ledger, "reference_genome", "references")
    record_result(ledger, "known_sites", "references")
    said = call_one(
        import_,
        write_bam(tmp_path / "x.bam"),
        *("--sample", "expt", "--as", "marked_bam"),
        "--output-path",
        tmp_path / "out",
    )
    assert said.stderr == ""
    assert f"run --output-path {tmp_path / 'out'} --select 'marked_bam*' --samples expt\n" in said.stdout


def test_the_result_as_json(tmp_path: Path):
    bam = write_bam(tmp_path / "x.bam", order=None, index=False)
    said = call_one(
        import_, bam, "--sample", "expt", "--as", "aligned_bam", "--output-path", tmp_path / "out", "--json"
    )
    one = documents(said)
    assert (one["asset"], one["sample"], one["new"]) == ("aligned_bam", "expt", True)
    assert [(file["key"], file["uri"]) for file in one["files"]] == [("bam", str(bam))]
    assert len(one["warnings"]) == 1


def test_reads_with_a_read_group_from_the_command_line(tmp_path: Path):
    said = call_one(
        import_,
        *write_reads(tmp_path),
        *("--sample", "expt", "--as", "trimmed_reads", "--output-path", tmp_path / "out"),
        *("--read-group", r"@RG\tID:FC1.1\tSM:expt\tLB:l\tPL:ILLUMINA\tPU:FC1.1"),
    )
    assert said.exit_code == 0
    record = json.loads((tmp_path / "out/expt/records/trimmed_reads.json").read_text())
    assert record["parameters"] == {"read_groups": ["@RG\tID:FC1.1\tSM:expt\tLB:l\tPL:ILLUMINA\tPU:FC1.1"]}


def test_a_mistake_is_one_sentence_and_leaves_nothing(tmp_path: Path):
    bam = write_bam(tmp_path / "x.bam", "toy")
    for words, sentence in (
        ((bam, "--sample", "expt", "--as", "marked_bam"), "read groups of sample 'toy' (SM)"),
        ((bam, "--sample", "toy", "--as", "depth"), "'depth' cannot be imported"),
        ((bam, "--sample", "a/b", "--as", "marked_bam"), "'a/b' is not a valid sample name"),
        ((tmp_path / "y.bam", "--sample", "toy", "--as", "marked_bam"), "y.bam does not exist"),
        ((bam, "--sample", "toy", "--as", "marked_bam", "--read-group", "x"), "is not a read group"),
    ):
        said = call_one(import_, *words, "--output-path", tmp_path / "out")
        assert (said.exit_code, said.stdout) == (2, "")
        assert sentence in said.stderr
        assert said.stderr.count("\n") == 1
        assert not (tmp_path / "out").exists() or all_files(tmp_path / "out") == {}
