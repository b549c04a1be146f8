"""`bioinfo-assets diff`: how results are named, the output, and exit codes."""

from pathlib import Path
from typing import Any

import pytest

from bioinfo_assets.settings import home_of, save
from bioinfo_assets_tests.cli.commands import CommandResult, call, call_process, list_folders, write_fastq, write_pair
from bioinfo_assets_tests.cli.small_project import parse_json
from bioinfo_assets_tests.pipeline.fake_project import FakeProject, open_fake_project

READS = ("--select", "merged_reads", "--select", "trimmed_reads")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> FakeProject:
    """Two samples; all results of `a` were computed a second time, with another optical distance."""
    project = open_fake_project(tmp_path_factory.mktemp("diff"), "a", "b")
    project.run()
    project.settings["optical_distance"] = 100
    project.run(samples=["a"])
    return project


@pytest.fixture(scope="module")
def trimmed_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project whose reads were merged and trimmed by the real tools."""
    folder = tmp_path_factory.mktemp("reads")
    write_pair(folder / "expt")
    result = run(folder, "--samples-file", list_folders(folder / "samples.txt", folder / "expt"))
    assert result.exit_code == 0, result
    return folder


def run(folder: Path, *arguments: object) -> CommandResult:
    """Merge and trim the reads, which needs no reference."""
    return call_process("run", "--output-path", folder / "out", *READS, *arguments)


def history(project: FakeProject, asset: str) -> Path:
    (record,) = (project.folder / "out" / "a" / "records" / "history").glob(f"{asset}.*.json")
    return record


def test_causes_are_printed_before_the_tree(project: FakeProject) -> None:
    result = call("diff", history(project, "depth"), project.file("depth", "a", "depth"))
    assert (result.exit_code, result.stderr) == (1, "")
    first, cause, _, *tree = result.stdout.splitlines()
    assert first.startswith("depth of a: contents of depth,")
    assert cause == "- parameter optical_distance: 2500 → 100 (marked_bam of a)"
    assert tree[0] == "depth of a"
    assert tree[1] == "└── input a.recalib.bam, from recalibrated_bam of a"
    assert tree[2] == "    └── input a.mark_dup.bam, from marked_bam of a"
    assert tree[3] == "        ├── parameter optical_distance: 2500 → 100"
    assert tree[4].startswith("        └── script: 1 line removed, 1 added")


def test_a_replaced_result_is_compared_without_a_word_on_the_current_one(project: FakeProject) -> None:
    save(project.project.settings, home_of(str(project.folder / "out")))
    result = call("diff", history(project, "depth"))
    assert result.stdout.startswith("depth of a was replaced, and ")
    assert "computed again" not in result.stdout


def test_differences_of_scripts_are_shown_on_request(project: FakeProject) -> None:
    arguments = ("diff", history(project, "marked_bam"), "a/marked_bam", "--output-path", project.folder / "out")
    assert "@@" not in call(*arguments).stdout
    shown = call(*arguments, "--script").stdout
    assert [line for line in shown.splitlines() if "2500" in line and line.lstrip("│ └─").startswith("-")]


def test_identical_results_are_reported_as_such(project: FakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder / "out" / "a")
    file = project.file("depth", "a", "depth").name
    result = call("diff", file, "records/depth.json")
    assert result == CommandResult(0, "depth of a: identical, computed in the same way\n", "")


def test_json_is_one_document(project: FakeProject) -> None:
    document = parse_json(call("diff", "a/depth", "b/depth", "--output-path", project.folder / "out", "--json"))
    assert document["is_same"] is False
    assert document["name"] == "depth of a and b"
    assert document["contents"]["depth"] is False
    assert {(cause["kind"], cause["name"]) for cause in document["causes"]} == {
        ("FASTQ", "SAMPLE.lane1.1.fastq.gz"),
        ("FASTQ", "SAMPLE.lane1.2.fastq.gz"),
        ("parameter", "optical_distance"),
    }
    assert names(document) == [
        f"{asset} of a and b"
        for asset in ("depth", "recalibrated_bam", "marked_bam", "aligned_bam", "trimmed_reads", "merged_reads")
    ]


def names(branch: dict[str, Any]) -> list[str]:
    """Return the names of a comparison and of all upstream."""
    upstream = [change["because"] for change in branch["changes"] if change["because"]]
    return [branch["name"], *(name for comparison in upstream for name in names(comparison))]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("a/depth", "as SAMPLE/ASSET with --output-path"),
        ("{out}/a/nothing.bam", "no record next to {out}/a/nothing.bam lists it"),
        ("{out}/a/records/nothing.json", "there is no record {out}/a/records/nothing.json"),
        ("{out}/a/records/raw_reads.json", "describes source files"),
        ("{out}/a/records/../../../genome.fa", "no record next to {folder}/genome.fa lists it"),
    ],
)
def test_what_is_not_a_result_is_rejected_in_a_sentence(project: FakeProject, name: str, sentence: str) -> None:
    places = {"out": project.folder / "out", "folder": project.folder}
    result = call("diff", name.format(**places))
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert sentence.format(**places) in result.stderr


def test_a_result_that_does_not_exist_is_rejected(project: FakeProject) -> None:
    result = call("diff", "c/depth", "--output-path", project.folder / "out")
    assert result.exit_code == 2
    assert f"there is no depth of c in {project.folder / 'out'}" in result.stderr


def diff_with_current(folder: Path, *arguments: object) -> CommandResult:
    return call("diff", "expt/trimmed_reads", "--output-path", folder / "out", *arguments)


def test_one_result_is_compared_with_what_a_run_would_compute(trimmed_project: Path) -> None:
    assert diff_with_current(trimmed_project) == CommandResult(0, "trimmed_reads of expt is up to date\n", "")

    settings = trimmed_project / "out" / ".dagster" / "bioinfo-assets.toml"
    before = settings.read_text()
    settings.write_text(f"{before}\n[trimming]\nmax_n = 0.2\n")
    result = diff_with_current(trimmed_project)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "trimmed_reads of expt would be computed again, because of",
        "- parameter max_n: 0.1 → 0.2 (trimmed_reads of expt)",
    ]
    settings.write_text(before)


def test_causes_are_found_in_results_upstream_before_and_after_these_are_computed_again(trimmed_project: Path) -> None:
    file = trimmed_project / "expt" / "expt_FC1_L1_1.fastq.gz"
    before = file.read_bytes()
    write_fastq(file, [f"M1:1:FC1:1:1101:{number}:1" for number in range(1, 21)], seed=77)

    result = diff_with_current(trimmed_project)
    assert result.exit_code == 1
    first, cause, _, *tree = result.stdout.splitlines()
    assert first == "trimmed_reads of expt would be computed again, because of"
    assert cause.startswith(f"- FASTQ {file}: ")
    assert cause.endswith(" (merged_reads of expt)")
    assert tree[:2] == ["trimmed_reads of expt", "└── input from merged_reads of expt"]

    # The inputs were computed again since: the result is compared with a result of these.
    done = call_process("run", "--output-path", trimmed_project / "out", "--select", "merged_reads")
    assert done.exit_code == 0, done
    again = diff_with_current(trimmed_project)
    assert again.exit_code == 1
    assert [line for line in again.stdout.splitlines() if line.startswith("- ")] == [cause]
    file.write_bytes(before)
    assert run(trimmed_project).exit_code == 0
    assert diff_with_current(trimmed_project).exit_code == 0


def test_a_missing_file_of_a_result_is_damage(trimmed_project: Path) -> None:
    log = trimmed_project / "out" / "expt" / "expt.cutadapt.log"
    before = log.read_bytes()
    log.unlink()
    result = diff_with_current(trimmed_project)
    assert result.exit_code == 1
    assert f"- damage: {log} is missing (trimmed_reads of expt)" in result.stdout
    log.write_bytes(before)
    assert call("diff", log).exit_code == 0


def test_missing_fastqs_are_bad_input(trimmed_project: Path) -> None:
    file = trimmed_project / "expt" / "expt_FC1_L1_2.fastq.gz"
    before = file.read_bytes()
    file.unlink()
    result = diff_with_current(trimmed_project)
    assert (result.exit_code, result.stdout) == (2, "")
    assert str(file) in result.stderr
    file.write_bytes(before)


@pytest.mark.parametrize("name", ["my sample/depth", "./depth"])
def test_what_cannot_be_a_sample_is_taken_for_a_path(project: FakeProject, name: str) -> None:
    result = call("diff", name, "--output-path", project.folder / "out")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"no record next to {Path(name).absolute()} lists it as a result: " in result.stderr
