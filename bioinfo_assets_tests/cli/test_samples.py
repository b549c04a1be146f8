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
    assert {one["scope"] for one in json.loads(said.stdout)} == {"expt", "references", "multiqc"}


def project_with(tmp_path: Path, *names: str) -> Path:
    for name in names:
        write_pair(tmp_path / "reads" / name, name)
    folders = [tmp_path / "reads" / name for name in names]
    out = tmp_path / "out"
    call("samples", "add", list_folders(tmp_path / "samples.txt", *folders), "--output-path", out)
    return out


def listed(out: Path) -> list[str]:
    return list(json.loads(call("samples", "list", "--output-path", out, "--json").stdout))


def test_a_sample_is_renamed_and_the_way_on_is_told(tmp_path: Path) -> None:
    out = project_with(tmp_path, "expt", "toy")
    said = call("samples", "rename", "expt", "child", "--output-path", out)
    assert said.exit_code == 0
    assert f"run --output-path {out} --samples child" in said.stdout
    assert "(SM)" in said.stdout
    assert "gc" not in said.stdout  # there are no results of the old name
    assert listed(out) == ["child", "toy"]


def test_a_removed_sample_is_listed_as_past_and_its_results_are_told_of(tmp_path: Path) -> None:
    out = project_with(tmp_path, "expt", "toy")
    (out / "expt" / "records").mkdir(parents=True)
    (out / "expt" / "records" / "depth.json").write_text("{}")
    said = call("samples", "remove", "expt", "--output-path", out)
    assert said.exit_code == 0
    assert said.stdout.startswith("expt: removed\n")
    assert f"gc --dry-run --output-path {out}" in said.stdout
    call("samples", "rename", "toy", "child", "--output-path", out)
    assert listed(out) == ["child"]
    rows = call("samples", "list", "--past", "--output-path", out).stdout.splitlines()[1:]
    assert [row.split()[:2] for row in rows] == [["expt", "removed"], ["toy", "renamed"]]
    past = json.loads(call("samples", "list", "--past", "--output-path", out, "--json").stdout)
    assert [(one["sample"], one["end"], one["new_name"]) for one in past] == [
        ("expt", "removed", None),
        ("toy", "renamed", "child"),
    ]
    assert past[0]["lanes"][0]["read1"] == str(tmp_path / "reads" / "expt" / "expt_FC1_L1_1.fastq.gz")
    samples_file = list_folders(tmp_path / "again.txt", tmp_path / "reads" / "expt")
    assert call("samples", "add", samples_file, "--output-path", out).stdout == "expt: added, 1 lane\n"


def test_what_cannot_be_removed_or_renamed_is_a_sentence(tmp_path: Path) -> None:
    out = project_with(tmp_path, "expt", "toy")
    for words, sentence in (
        (("remove", "toy", "nobody"), "there is no sample 'nobody'"),
        (("rename", "nobody", "x"), "there is no sample 'nobody'"),
        (("rename", "toy", "expt"), "there is a sample expt already"),
        (("rename", "toy", "../x"), "'../x' is not a valid sample name"),
    ):
        said = call("samples", *words, "--output-path", out)
        assert said.exit_code == 2
        assert sentence in said.stderr
    assert listed(out) == ["expt", "toy"]
