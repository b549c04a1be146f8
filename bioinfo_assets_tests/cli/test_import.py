"""`bioinfo-assets import`: its output, and the samples of the project after it."""

import json
from pathlib import Path

from bioinfo_assets.cli.import_ import import_
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cli.commands import call
from bioinfo_assets_tests.cli.small_project import all_files, call_command, parse_json
from bioinfo_assets_tests.records.external_files import record_reference_index, write_bam, write_reads
from bioinfo_assets_tests.records.recorded_results import record_result


def test_importing_a_bam_prints_the_next_command(tmp_path: Path) -> None:
    bam, out = write_bam(tmp_path / "x.bam"), tmp_path / "out"
    words = (bam, "--sample", "expt", "--as", "recalibrated_bam", "--output-path", out)
    result = call_command(import_, *words)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"recalibrated_bam of expt was imported:\n  {bam} (")
    shared = "--select reference_genome --select reference_index --select known_sites"  # they do not exist yet
    assert f"run --output-path {out} {shared} --select 'recalibrated_bam*' --samples expt\n" in result.stdout
    assert "were not compared" in result.stderr
    record = Ledger(Store(), str(out)).read(ResultKey("recalibrated_bam", "expt"))
    assert record is not None
    assert f"sha256 {record.outputs[0].sha256}" in result.stdout
    assert "recalibrated_bam of expt is already registered:" in call_command(import_, *words).stdout
    listed = call("samples", "list", "--output-path", out)
    assert [line.split() for line in listed.stdout.splitlines()[1:]] == [["expt", "(imported)"]]


def test_the_next_command_omits_shared_results_that_exist(tmp_path: Path) -> None:
    ledger = Ledger(Store(), str(tmp_path / "out"))
    record_reference_index(ledger)
    record_result(ledger, "reference_genome", "references")
    record_result(ledger, "known_sites", "references")
    result = call_command(
        import_,
        write_bam(tmp_path / "x.bam"),
        *("--sample", "expt", "--as", "marked_bam"),
        "--output-path",
        tmp_path / "out",
    )
    assert result.stderr == ""
    assert f"run --output-path {tmp_path / 'out'} --select 'marked_bam*' --samples expt\n" in result.stdout


def test_the_result_as_json(tmp_path: Path) -> None:
    bam = write_bam(tmp_path / "x.bam", order=None, index=False)
    result = call_command(
        import_, bam, "--sample", "expt", "--as", "aligned_bam", "--output-path", tmp_path / "out", "--json"
    )
    document = parse_json(result)
    assert (document["asset"], document["sample"], document["new"]) == ("aligned_bam", "expt", True)
    assert [(file["key"], file["uri"]) for file in document["files"]] == [("bam", str(bam))]
    assert len(document["warnings"]) == 1


def test_reads_with_a_read_group_from_the_command_line(tmp_path: Path) -> None:
    result = call_command(
        import_,
        *write_reads(tmp_path),
        *("--sample", "expt", "--as", "trimmed_reads", "--output-path", tmp_path / "out"),
        *("--read-group", r"@RG\tID:FC1.1\tSM:expt\tLB:l\tPL:ILLUMINA\tPU:FC1.1"),
    )
    assert result.exit_code == 0
    record = json.loads((tmp_path / "out/expt/records/trimmed_reads.json").read_text())
    assert record["parameters"] == {"read_groups": ["@RG\tID:FC1.1\tSM:expt\tLB:l\tPL:ILLUMINA\tPU:FC1.1"]}


def test_bad_input_is_rejected_in_a_sentence_and_writes_nothing(tmp_path: Path) -> None:
    bam = write_bam(tmp_path / "x.bam", "toy")
    for words, sentence in (
        ((bam, "--sample", "expt", "--as", "marked_bam"), "read groups of sample 'toy' (SM)"),
        ((bam, "--sample", "toy", "--as", "depth"), "'depth' cannot be imported"),
        ((bam, "--sample", "a/b", "--as", "marked_bam"), "'a/b' is not a valid sample name"),
        ((tmp_path / "y.bam", "--sample", "toy", "--as", "marked_bam"), "y.bam does not exist"),
        ((bam, "--sample", "toy", "--as", "marked_bam", "--read-group", "x"), "is not a read group"),
    ):
        result = call_command(import_, *words, "--output-path", tmp_path / "out")
        assert (result.exit_code, result.stdout) == (2, "")
        assert sentence in result.stderr
        assert result.stderr.count("\n") == 1
        assert not (tmp_path / "out").exists() or all_files(tmp_path / "out") == {}
