"""`bioinfo-assets diff`: how results are named, what is result, and exit codes."""

from pathlib import Path
from typing import Any

import pytest

from bioinfo_assets_tests.cli.commands import CommandResult, call, call_process, list_folders, write_fastq, write_pair
from bioinfo_assets_tests.cli.small_project import parse_json
from bioinfo_assets_tests.pipeline.fake_project import FakeProject, open_fake_project

READS = ("--select", "merged_reads", "--select", "trimmed_reads")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Two samples; the depth of `a` was made a second time, with another optical distance."""
    lab = open_lab(tmp_path_factory.mktemp("diff"), "a", "b")
    lab.run()
    lab.settings["optical_distance"] = 100
    lab.run(samples=["a"])
    return lab


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose reads were merged and trimmed by the real tools."""
    folder = tmp_path_factory.mktemp("reads")
    write_pair(folder / "expt")
    result = run(folder, "--samples-file", list_folders(folder / "samples.txt", folder / "expt"))
    assert result.exit_code == 0, result
    return folder


def run(folder: Path, *arguments: object) -> CommandResult:
    """Makes the reads; no reference is needed for that."""
    return call_process("run", "--output-path", folder / "out", *READS, *arguments)


def history(lab: Lab, asset: str) -> Path:
    (found,) = (lab.folder / "out" / "a" / "records" / "history").glob(f"{asset}.*.json")
    return found


def test_the_causes_come_first_and_then_the_tree(lab: Lab) -> None:
    result = call("diff", history(lab, "depth"), lab.file("depth", "a", "depth"))
    assert (result.exit_code, result.stderr) == (1, "")
    first, cause, _, *tree = result.stdout.splitlines()
    assert first.startswith("depth of a: other contents of depth,")
    assert cause == "- parameter optical_distance: 2500 → 100 (marked_bam of a)"
    assert tree[0] == "depth of a"
    assert tree[1] == "└── input a.recalib.bam, from recalibrated_bam of a"
    assert tree[2] == "    └── input a.mark_dup.bam, from marked_bam of a"
    assert tree[3] == "        ├── parameter optical_distance: 2500 → 100"
    assert tree[4].startswith("        └── script: 1 line removed, 1 added")


def test_scripts_are_shown_when_asked_for(lab: Lab) -> None:
    arguments = ("diff", history(lab, "marked_bam"), "a/marked_bam", "--output-path", lab.folder / "out")
    assert "@@" not in call(*arguments).stdout
    shown = call(*arguments, "--script").stdout
    assert [line for line in shown.splitlines() if "2500" in line and line.lstrip("│ └─").startswith("-")]


def test_what_is_the_same_is_said_to_be(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(lab.folder / "out" / "a")
    file = lab.file("depth", "a", "depth").name
    result = call("diff", file, "records/depth.json")
    assert result == CommandResult(0, "depth of a: the same, made in the same way\n", "")


def test_one_document(lab: Lab) -> None:
    told = parse_json(call("diff", "a/depth", "b/depth", "--output-path", lab.folder / "out", "--json"))
    assert told["is_same"] is False
    assert told["name"] == "depth of a and b"
    assert told["contents"]["depth"] is False
    assert {(one["kind"], one["name"]) for one in told["causes"]} == {
        ("FASTQ", "SAMPLE.lane1.1.fastq.gz"),
        ("FASTQ", "SAMPLE.lane1.2.fastq.gz"),
        ("parameter", "optical_distance"),
    }
    assert names(told) == [
        f"{asset} of a and b"
        for asset in ("depth", "recalibrated_bam", "marked_bam", "aligned_bam", "trimmed_reads", "merged_reads")
    ]


def names(branch: dict[str, Any]) -> list[str]:
    below = [one["because"] for one in branch["changes"] if one["because"]]
    return [branch["name"], *(name for one in below for name in names(one))]


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ("a/depth", "as SAMPLE/ASSET with --output-path"),
        ("{out}/a/nothing.bam", "no record beside {out}/a/nothing.bam names it"),
        ("{out}/a/records/nothing.json", "there is no record {out}/a/records/nothing.json"),
        ("{out}/a/records/raw_reads.json", "tells of files from outside"),
        ("{out}/a/records/../../../genome.fa", "no record beside {folder}/genome.fa names it"),
    ],
)
def test_what_is_no_result_is_told_in_one_sentence(lab: Lab, named: str, sentence: str) -> None:
    places = {"out": lab.folder / "out", "folder": lab.folder}
    result = call("diff", named.format(**places))
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert sentence.format(**places) in result.stderr


def test_a_result_that_is_not_made_is_told(lab: Lab) -> None:
    result = call("diff", "c/depth", "--output-path", lab.folder / "out")
    assert result.exit_code == 2
    assert f"there is no depth of c in {lab.folder / 'out'}" in result.stderr


def trimmed(folder: Path, *arguments: object) -> CommandResult:
    return call("diff", "expt/trimmed_reads", "--output-path", folder / "out", *arguments)


def test_a_result_beside_what_would_be_made_now(ran: Path) -> None:
    assert trimmed(ran) == CommandResult(0, "trimmed_reads of expt is what would be made now\n", "")

    settings = ran / "out" / ".dagster" / "bioinfo-assets.toml"
    before = settings.read_text()
    settings.write_text(f"{before}\n[trimming]\nmax_n = 0.2\n")
    result = trimmed(ran)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "trimmed_reads of expt would be made again, because of",
        "- parameter max_n: 0.1 → 0.2 (trimmed_reads of expt)",
    ]
    settings.write_text(before)


def test_what_would_be_made_first_is_followed_and_what_was_made_is_found_again(ran: Path) -> None:
    file = ran / "expt" / "expt_FC1_L1_1.fastq.gz"
    before = file.read_bytes()
    write_fastq(file, [f"M1:1:FC1:1:1101:{number}:1" for number in range(1, 21)], seed=77)

    result = trimmed(ran)
    assert result.exit_code == 1
    first, cause, _, *tree = result.stdout.splitlines()
    assert first == "trimmed_reads of expt would be made again, because of"
    assert cause.startswith(f"- FASTQ {file}: ")
    assert cause.endswith(" (merged_reads of expt)")
    assert tree[:2] == ["trimmed_reads of expt", "└── input from merged_reads of expt"]

    # A result whose inputs were made again since is compared with those.
    done = call_process("run", "--output-path", ran / "out", "--select", "merged_reads")
    assert done.exit_code == 0, done
    again = trimmed(ran)
    assert again.exit_code == 1
    assert [line for line in again.stdout.splitlines() if line.startswith("- ")] == [cause]
    file.write_bytes(before)
    assert run(ran).exit_code == 0
    assert trimmed(ran).exit_code == 0


def test_a_result_whose_file_is_gone_is_told(ran: Path) -> None:
    log = ran / "out" / "expt" / "expt.cutadapt.log"
    before = log.read_bytes()
    log.unlink()
    result = trimmed(ran)
    assert result.exit_code == 1
    assert f"- damage: {log} is gone (trimmed_reads of expt)" in result.stdout
    log.write_bytes(before)
    gone = call("diff", log)
    assert gone.exit_code == 0


def test_fastqs_that_are_gone_are_bad_input(ran: Path) -> None:
    file = ran / "expt" / "expt_FC1_L1_2.fastq.gz"
    before = file.read_bytes()
    file.unlink()
    result = trimmed(ran)
    assert (result.exit_code, result.stdout) == (2, "")
    assert str(file) in result.stderr
    file.write_bytes(before)
