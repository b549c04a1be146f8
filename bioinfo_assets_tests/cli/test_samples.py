import json
from pathlib import Path

from bioinfo_assets_tests.cli.commands import call, list_folders, take_lanes, write_pair


def test_lanes_of_a_sample_in_two_folders_are_joined(tmp_path: Path) -> None:
    folders = [take_lanes(tmp_path / "a", "HJYFJ_L4"), take_lanes(tmp_path / "b", "HJYFJ_L5", "HK35M_L1")]
    added = call("samples", "add", list_folders(tmp_path / "samples.txt", *folders), "--output-path", tmp_path / "out")
    assert (added.exit_code, added.stdout) == (0, "NA12878: added, 3 lanes\n")
    listed = json.loads(call("samples", "list", "--output-path", tmp_path / "out", "--json").stdout)
    lanes = [(lane["flowcell"], lane["lane"], lane["read1"]) for lane in listed["NA12878"]]
    # The flow cells' whole names are in the reads; the files' names have their first five letters.
    assert [(flowcell[:5], lane) for flowcell, lane, _ in lanes] == [("HJYFJ", 4), ("HJYFJ", 5), ("HK35M", 1)]
    assert lanes[1][2] == str(tmp_path / "b" / "NA12878_HJYFJ_L5_1.fastq.gz")


def test_a_samplesheet_as_of_sarek(tmp_path: Path) -> None:
    write_pair(tmp_path / "reads", "any")
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        "patient,sex,status,sample,lane,fastq_1,fastq_2\n"
        "p1,XX,0,expt,lane_1,reads/any_FC1_L1_1.fastq.gz,reads/any_FC1_L1_2.fastq.gz\n"
    )
    assert call("samples", "add", sheet, "--output-path", tmp_path / "out").exit_code == 0
    listed = json.loads(call("samples", "list", "--output-path", tmp_path / "out", "--json").stdout)
    assert listed["expt"][0]["read2"] == str(tmp_path / "reads" / "any_FC1_L1_2.fastq.gz")


def test_adding_again_says_what_changed(tmp_path: Path) -> None:
    write_pair(tmp_path / "reads")
    samples_file = list_folders(tmp_path / "samples.txt", tmp_path / "reads")
    add = ("samples", "add", samples_file, "--output-path", tmp_path / "out")
    assert call(*add).stdout == "expt: added, 1 lane\n"
    assert call(*add).stdout == "expt: there already, 1 lane\n"
    write_pair(tmp_path / "reads", lane=2)
    assert call(*add).stdout == "expt: brought up to date, 2 lanes\n"


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
    said = call("status", "--output-path", tmp_path / "out", "--json")
    assert said.exit_code == 0
    assert {one["state"] for one in json.loads(said.stdout)} == {"not made"}
    assert {one["subject"] for one in json.loads(said.stdout)} == {"expt", "references", "multiqc"}
