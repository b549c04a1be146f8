"""`samples`: add, list, rename, remove."""

import json
from pathlib import Path

from bioinfo_assets_tests.cli.commands import call, list_folders, take_lanes, write_pair


def test_lanes_of_a_sample_in_two_folders_are_joined(tmp_path: Path) -> None:
    folders = [take_lanes(tmp_path / "a", "HJYFJ_L4"), take_lanes(tmp_path / "b", "HJYFJ_L5", "HK35M_L1")]
    added = call("samples", "add", list_folders(tmp_path / "samples.txt", *folders), "--output-path", tmp_path / "out")
    assert (added.exit_code, added.stdout) == (0, "NA12878: added, 3 lanes\n")
    listed = json.loads(call("samples", "list", "--output-path", tmp_path / "out", "--json").stdout)
    lanes = [(lane["flowcell"], lane["lane"], lane["read1"]) for lane in listed["NA12878"]]
    # Reads contain the full flow cell ids, file names the first five letters.
    assert [(flowcell[:5], lane) for flowcell, lane, _ in lanes] == [("HJYFJ", 4), ("HJYFJ", 5), ("HK35M", 1)]
    assert lanes[1][2] == str(tmp_path / "b" / "NA12878_HJYFJ_L5_1.fastq.gz")


def test_a_samplesheet_in_the_format_of_sarek(tmp_path: Path) -> None:
    write_pair(tmp_path / "reads", "any")
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        "patient,sex,status,sample,lane,fastq_1,fastq_2\n"
        "p1,XX,0,expt,lane_1,reads/any_FC1_L1_1.fastq.gz,reads/any_FC1_L1_2.fastq.gz\n"
    )
    assert call("samples", "add", sheet, "--output-path", tmp_path / "out").exit_code == 0
    listed = json.loads(call("samples", "list", "--output-path", tmp_path / "out", "--json").stdout)
    assert listed["expt"][0]["read2"] == str(tmp_path / "reads" / "any_FC1_L1_2.fastq.gz")


def test_adding_a_sample_again_reports_what_changed(tmp_path: Path) -> None:
    write_pair(tmp_path / "reads")
    samples_file = list_folders(tmp_path / "samples.txt", tmp_path / "reads")
    add = ("samples", "add", samples_file, "--output-path", tmp_path / "out")
    assert call(*add).stdout == "expt: added, 1 lane\n"
    assert call(*add).stdout == "expt: unchanged, 1 lane\n"
    write_pair(tmp_path / "reads", lane=2)
    assert call(*add).stdout == "expt: updated, 2 lanes\n"


def test_the_list_as_a_table(tmp_path: Path) -> None:
    write_pair(tmp_path / "reads")
    call(
        "samples", "add", list_folders(tmp_path / "samples.txt", tmp_path / "reads"), "--output-path", tmp_path / "out"
    )
    rows = [line.split() for line in call("samples", "list", "--output-path", tmp_path / "out").stdout.splitlines()]
    read1, read2 = (str(tmp_path / "reads" / f"expt_FC1_L1_{read}.fastq.gz") for read in (1, 2))
    assert rows[1:] == [["expt", "expt", "FC1", "1", read1, read2]]


def test_a_project_without_samples(tmp_path: Path) -> None:
    assert json.loads(call("samples", "list", "--output-path", tmp_path, "--json").stdout) == {}


def test_status_of_a_project_that_was_not_run(tmp_path: Path) -> None:
    write_pair(tmp_path / "reads")
    call(
        "samples", "add", list_folders(tmp_path / "samples.txt", tmp_path / "reads"), "--output-path", tmp_path / "out"
    )
    result = call("status", "--output-path", tmp_path / "out", "--json")
    assert result.exit_code == 0
    assert {status["state"] for status in json.loads(result.stdout)} == {"missing"}
    assert {status["scope"] for status in json.loads(result.stdout)} == {"expt", "references", "multiqc"}


def project_with(tmp_path: Path, *names: str) -> Path:
    for name in names:
        write_pair(tmp_path / "reads" / name, name)
    folders = [tmp_path / "reads" / name for name in names]
    out = tmp_path / "out"
    call("samples", "add", list_folders(tmp_path / "samples.txt", *folders), "--output-path", out)
    return out


def listed(out: Path) -> list[str]:
    return list(json.loads(call("samples", "list", "--output-path", out, "--json").stdout))


def test_renaming_a_sample_prints_the_next_command(tmp_path: Path) -> None:
    out = project_with(tmp_path, "expt", "toy")
    result = call("samples", "rename", "expt", "child", "--output-path", out)
    assert result.exit_code == 0
    assert f"run --output-path {out} --samples child" in result.stdout
    assert "(SM)" in result.stdout
    assert "gc" not in result.stdout  # there are no results of the old name
    assert listed(out) == ["child", "toy"]


def test_a_removed_sample_is_listed_as_past_and_its_results_are_kept(tmp_path: Path) -> None:
    out = project_with(tmp_path, "expt", "toy")
    (out / "expt" / "records").mkdir(parents=True)
    (out / "expt" / "records" / "depth.json").write_text("{}")
    result = call("samples", "remove", "expt", "--output-path", out)
    assert result.exit_code == 0
    assert result.stdout.startswith("expt: removed\n")
    assert f"gc --dry-run --output-path {out}" in result.stdout
    call("samples", "rename", "toy", "child", "--output-path", out)
    assert listed(out) == ["child"]
    rows = call("samples", "list", "--past", "--output-path", out).stdout.splitlines()[1:]
    assert [row.split()[:2] for row in rows] == [["expt", "removed"], ["toy", "renamed"]]
    past = json.loads(call("samples", "list", "--past", "--output-path", out, "--json").stdout)
    assert [(sample["sample"], sample["end"], sample["new_name"]) for sample in past] == [
        ("expt", "removed", None),
        ("toy", "renamed", "child"),
    ]
    assert past[0]["lanes"][0]["read1"] == str(tmp_path / "reads" / "expt" / "expt_FC1_L1_1.fastq.gz")
    samples_file = list_folders(tmp_path / "again.txt", tmp_path / "reads" / "expt")
    assert call("samples", "add", samples_file, "--output-path", out).stdout == "expt: added, 1 lane\n"


def test_bad_names_are_rejected_in_a_sentence(tmp_path: Path) -> None:
    out = project_with(tmp_path, "expt", "toy")
    for words, sentence in (
        (("remove", "toy", "nobody"), "there is no sample 'nobody'"),
        (("rename", "nobody", "x"), "there is no sample 'nobody'"),
        (("rename", "toy", "expt"), "there already is a sample expt"),
        (("rename", "toy", "../x"), "'../x' is not a valid sample name"),
    ):
        result = call("samples", *words, "--output-path", out)
        assert result.exit_code == 2
        assert sentence in result.stderr
    assert listed(out) == ["expt", "toy"]


def test_the_reads_of_a_sample_are_not_added_under_a_second_name(tmp_path: Path) -> None:
    fastqs = write_pair(tmp_path / "reads")
    sheet = tmp_path / "samples.csv"
    for name in ("expt", "corrected"):
        sheet.write_text(f"sample,fastq_1,fastq_2\n{name},{fastqs[0]},{fastqs[1]}\n")
        result = call("samples", "add", sheet, "--output-path", tmp_path / "out")
    assert result.exit_code == 2
    assert f"samples expt and corrected both have the reads of {fastqs[0]}" in result.stderr
    assert call("samples", "list", "--output-path", tmp_path / "out").stdout.count("corrected") == 0


def test_a_sample_is_not_replaced_by_new_reads_alone_unless_that_is_said(tmp_path: Path) -> None:
    """Neither by `samples add` nor by a run, dry or not; another sample in the same file is not added either."""
    out = project_with(tmp_path, "expt")
    write_pair(tmp_path / "second", "expt", lane=2)
    write_pair(tmp_path / "second", "another")
    new = list_folders(tmp_path / "new.txt", tmp_path / "second")
    add = ("samples", "add", new, "--output-path", out)
    for command in (add, ("run", "--samples-file", *add[2:]), ("run", "--explain", "--samples-file", *add[2:])):
        result = call(*command)
        assert result.exit_code == 2
        assert "sample expt would lose lane 1 of flow cell FC1: " in result.stderr
    assert listed(out) == ["expt"]
    assert call(*add, "--replace").stdout == "another: added, 1 lane\nexpt: updated, 1 lane\n"
