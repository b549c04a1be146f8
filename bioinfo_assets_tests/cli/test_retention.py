"""The setting `retention`: `gc` releases intermediates, and every command reports it; nothing counts as lost."""

import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bioinfo_assets.application.run import result_files
from bioinfo_assets.launch.backend_config import open_backend
from bioinfo_assets.pipeline.asset_spec import ALIGNER
from bioinfo_assets.pipeline.graph import GRAPH
from bioinfo_assets.settings import save
from bioinfo_assets_tests.cli.commands import CommandResult, call
from bioinfo_assets_tests.cli.small_project import all_files
from bioinfo_assets_tests.pipeline.fake_project import FakeProject, open_fake_project

UNTIL_USED = dict.fromkeys(("merged_reads", "trimmed_reads", "aligned_bam", "marked_bam"), "until_used")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> FakeProject:
    """Two samples with all results, as of the tools of this machine."""
    project = open_fake_project(tmp_path_factory.mktemp("retention"), "a", "b")
    settings = project.project.settings
    backend = open_backend(settings, settings.output_path, project.project.store, "none", "none")
    tools = {"bwa" if tool == ALIGNER else tool for spec in GRAPH.values() for tool in spec.tools_of(settings)}
    project.versions = dict(backend.tool_versions(sorted(tools)))
    backend.close()
    project.run()
    return project


@pytest.fixture
def project(template: FakeProject) -> Iterator[FakeProject]:
    settings = dict(template.settings)
    before = template.folder.with_name(f"{template.folder.name}.before")
    shutil.copytree(template.folder, before)
    yield template
    shutil.rmtree(template.folder)
    before.rename(template.folder)
    template.settings = settings


def set_retention(project: FakeProject, retention: Mapping[str, object], **settings: object) -> None:
    current = project.project.settings.model_dump(exclude_unset=True)
    project.settings = {**current, **settings, "retention": retention}
    save(project.project.settings, project.folder / "out" / ".dagster")


def run_command(project: FakeProject, command: str, *arguments: object) -> CommandResult:
    return call(command, *arguments, "--output-path", project.folder / "out")


def json_of(project: FakeProject, command: str, *arguments: object, exit_code: int = 0) -> Any:
    result = run_command(project, command, *arguments, "--json")
    assert result.exit_code == exit_code, result.stderr
    return json.loads(result.stdout)


def bulk_files(project: FakeProject, sample: str) -> dict[str, list[Path]]:
    return {asset: [project.file(asset, sample, key) for key in GRAPH[asset].bulk_files] for asset in UNTIL_USED}


def change_record(project: FakeProject, asset: str, sample: str, **changes: object) -> None:
    project.project.ledger.write(project.record(asset, sample).model_copy(update=changes))


def test_a_dry_run_lists_what_is_no_longer_kept_and_deletes_nothing(project: FakeProject) -> None:
    set_retention(project, UNTIL_USED)
    before = all_files(project.folder / "out")
    rows = json_of(project, "gc", "--dry-run")
    assert {(row["scope"], row["asset"]) for row in rows} == {(s, asset) for s in ("a", "b") for asset in UNTIL_USED}
    assert {row["reason"] for row in rows} == {"everything computed from it is up to date"}
    assert all(row["by_retention"] for row in rows)
    of_a = {row["asset"]: row for row in rows if row["scope"] == "a"}
    for asset, files in bulk_files(project, "a").items():
        assert sorted(of_a[asset]["files"]) == sorted(map(str, files))
        assert of_a[asset]["size"] == sum(file.stat().st_size for file in files)
    assert "8 can be deleted, " in run_command(project, "gc", "--dry-run").stdout
    assert all_files(project.folder / "out") == before


def test_gc_releases_them_and_reports_the_bytes_freed(project: FakeProject) -> None:
    set_retention(project, UNTIL_USED)
    files = {file: file.stat().st_size for s in ("a", "b") for each in bulk_files(project, s).values() for file in each}
    before = all_files(project.folder / "out")
    rows = json_of(project, "gc")
    assert sum(row["size"] for row in rows) == sum(files.values())
    gone = set(before) - set(all_files(project.folder / "out"))
    assert gone == {str(file.relative_to(project.folder / "out")) for file in files}
    assert all(project.record(asset, sample).released for asset in UNTIL_USED for sample in ("a", "b"))
    assert json_of(project, "gc") == []
    assert json_of(project, "gc", "--dry-run") == []


def test_released_results_are_shown_as_such_and_nothing_is_lost(project: FakeProject) -> None:
    set_retention(project, UNTIL_USED)
    json_of(project, "gc")
    states = {(row["scope"], row["asset"]): row for row in json_of(project, "status")}
    assert {row["state"] for place, row in states.items() if place[1] in UNTIL_USED} == {"released"}
    assert {row["state"] for place, row in states.items() if place[1] not in UNTIL_USED} == {"up to date"}
    assert datetime.fromisoformat(states["a", "marked_bam"]["released"]) == project.record("marked_bam", "a").released
    assert states["a", "depth"]["released"] is None
    table = run_command(project, "status")
    assert sum(" released " in line for line in table.stdout.splitlines()) == 8

    released = [
        file for asset in UNTIL_USED for s in ("a", "b") for file in project.record(asset, s).outputs if file.released
    ]
    for options in ((), ("--deep",)):
        verified = json_of(project, "verify", *options)
        assert verified["findings"] == []
        assert verified["released"] == {"files": len(released), "bytes": sum(file.size for file in released)}
    assert f"; {len(released)} files (" in run_command(project, "verify").stdout

    explained = json_of(project, "run", "--explain")
    assert {row["action"] for row in explained} == {"reuse"}


def test_log_reads_on_through_a_released_result(project: FakeProject) -> None:
    set_retention(project, UNTIL_USED)
    json_of(project, "gc")
    text = call("log", project.file("depth", "a", "depth"))
    assert text.exit_code == 0
    assert "merged_reads of a" in text.stdout
    assert f"released on {datetime.now(UTC):%Y-%m-%d}" in text.stdout
    gone = call("log", project.file("marked_bam", "a", "bam"), "--json")
    document = json.loads(gone.stdout)
    assert document["note"].startswith("The file was released on ")
    assert document["file"]["sha256"] == project.record("marked_bam", "a").outputs[0].sha256
    assert len(document["jobs"]) > 3
    down = call("log", project.file("merged_reads", "a", "reads1"), "--down")
    assert "depth of a" in down.stdout


def test_diff_compares_released_results(project: FakeProject) -> None:
    set_retention(project, UNTIL_USED)
    json_of(project, "gc")
    assert json_of(project, "diff", "a/marked_bam")["is_same"]
    two = json_of(project, "diff", "a/marked_bam", "b/marked_bam", exit_code=1)
    assert not two["is_same"]
    assert {cause["kind"] for cause in two["causes"]} == {"FASTQ"}


def test_a_crate_describes_released_files_as_not_kept(project: FakeProject) -> None:
    set_retention(project, UNTIL_USED)
    json_of(project, "gc")
    target = project.folder / "crate"
    result = run_command(project, "crate", "--to", target, "--with-small-files")
    assert result.exit_code == 0, result.stderr
    graph = json.loads((target / "ro-crate-metadata.json").read_text())["@graph"]
    (bam,) = [entity for entity in graph if entity.get("name") == "a.mark_dup.bam"]
    assert bam["description"].startswith("released on ")
    assert bam["sha256"] == project.record("marked_bam", "a").outputs[0].sha256
    assert not any(
        entity["@id"].endswith("a.mark_dup.bam.md5") for entity in graph if entity["@id"].startswith("data/")
    )


def test_what_one_dependent_lacks_keeps_all_results_upstream_of_it(project: FakeProject) -> None:
    set_retention(project, UNTIL_USED)
    project.file("depth", "a", "summary").unlink()
    assert {row["scope"] for row in json_of(project, "gc")} == {"b"}
    assert json_of(project, "status")  # exit code 0
    assert project.record("merged_reads", "a").released is None


def test_results_of_other_settings_are_not_up_to_date(project: FakeProject) -> None:
    set_retention(project, UNTIL_USED, optical_distance=100)
    assert json_of(project, "gc", "--dry-run") == []


def test_days_count_from_the_end_of_the_job(project: FakeProject) -> None:
    set_retention(project, {"marked_bam": 30, "aligned_bam": 30})
    finished = datetime.now(UTC) - timedelta(days=31)
    change_record(project, "marked_bam", "a", finished=finished)
    (row,) = json_of(project, "gc")
    assert (row["scope"], row["asset"]) == ("a", "marked_bam")
    assert row["reason"] == "everything computed from it is up to date, and it is 31 days old (retention: 30)"
    assert project.record("marked_bam", "a").released is not None
    assert project.file("aligned_bam", "a", "bam").exists()


def test_the_final_bam_goes_once_its_cram_and_metrics_are_up_to_date(project: FakeProject) -> None:
    set_retention(project, {"recalibrated_bam": "until_used"}, cram="embedded")
    assert json_of(project, "gc", "--dry-run") == []
    project.run()
    rows = json_of(project, "gc")
    assert {(row["scope"], row["asset"]) for row in rows} == {("a", "recalibrated_bam"), ("b", "recalibrated_bam")}
    states = {(row["scope"], row["asset"]): row["state"] for row in json_of(project, "status")}
    assert states["a", "recalibrated_bam"] == "released"
    assert states["a", "recalibrated_cram"] == "up to date"
    assert project.file("recalibrated_bam", "a", "table").exists()  # for the report
    assert json_of(project, "verify")["findings"] == []
    assert {row["action"] for row in json_of(project, "run", "--explain")} == {"reuse"}


def test_the_cram_is_shown_in_place_of_the_bam(project: FakeProject) -> None:
    before = result_files(project.project.ledger, "a", project.assets)
    assert before["recalibrated_bam"] == [str(project.file("recalibrated_bam", "a", "bam"))]
    set_retention(project, {}, cram="external")
    project.run()
    shown = result_files(project.project.ledger, "a", project.assets)
    assert shown["recalibrated_cram"] == [str(project.file("recalibrated_cram", "a", "cram"))]
    assert set(shown) == set(before) - {"recalibrated_bam"} | {"recalibrated_cram"}


def test_the_only_final_alignment_cannot_be_released(project: FakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOINFO_ASSETS_RETENTION__RECALIBRATED_BAM", "until_used")
    result = run_command(project, "gc", "--dry-run")
    assert result.exit_code == 2
    assert result.stderr == (
        "bioinfo-assets: retention.recalibrated_bam would delete the only final alignment: set `cram` too, or keep the "
        "BAM\n"
    )
    monkeypatch.setenv("BIOINFO_ASSETS_CRAM", "embedded")
    assert run_command(project, "gc", "--dry-run").exit_code == 0


def test_a_cram_that_is_not_set_cannot_be_selected(project: FakeProject) -> None:
    save(project.project.settings, project.folder / "out" / ".dagster")
    result = run_command(project, "run", "--select", "recalibrated_cram", "--explain")
    assert result.exit_code == 2
    assert "give --cram embedded or --cram external" in result.stderr
    chosen = json_of(project, "run", "--select", "recalibrated_cram", "--cram", "external", "--explain")
    assert [(row["asset"], row["action"]) for row in chosen] == [("recalibrated_cram", "run")] * 2


def test_an_imported_result_is_kept(project: FakeProject) -> None:
    set_retention(project, UNTIL_USED)
    change_record(project, "marked_bam", "a", imported=True)
    rows = {(row["scope"], row["asset"]) for row in json_of(project, "gc")}
    assert ("a", "marked_bam") not in rows
    assert ("b", "marked_bam") in rows
    assert project.file("marked_bam", "a", "bam").exists()


def test_files_that_an_interrupted_collection_left_are_deleted_the_next_time(project: FakeProject) -> None:
    set_retention(project, UNTIL_USED)
    left = project.file("marked_bam", "a", "bam")
    data = left.read_bytes()
    json_of(project, "gc")
    left.write_bytes(data)
    (row,) = json_of(project, "gc", "--dry-run")
    assert (row["path"], row["size"], row["by_retention"]) == (str(left), len(data), True)
    assert json_of(project, "verify")["findings"] == []
    assert json_of(project, "gc") == [row]
    assert not left.exists()


def test_without_a_retention_nothing_is_released(project: FakeProject) -> None:
    save(project.project.settings, project.folder / "out" / ".dagster")
    before = all_files(project.folder / "out")
    result = run_command(project, "gc")
    assert result.exit_code == 2
    assert "set `retention` in bioinfo-assets.toml" in result.stderr
    assert all_files(project.folder / "out") == before


def test_named_garbage_is_deleted_and_nothing_is_released(project: FakeProject) -> None:
    set_retention(project, UNTIL_USED)
    notes = project.folder / "out" / "a" / "notes.txt"
    notes.write_text("x")
    (row,) = json_of(project, "gc", notes)
    assert (row["path"], row["by_retention"]) == (str(notes), False)
    assert project.record("marked_bam", "a").released is None


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("MARKED_BAM", "0", "setting retention.marked_bam: give `keep`, `until_used`, `never`, or a number of days"),
        ("MARKED_BAM", "sometimes", "1 or more (set it in bioinfo-assets.toml or by BIOINFO_ASSETS_RETENTION__"),
        ("DEPTH", "until_used", "unknown setting retention.depth"),
    ],
)
def test_a_wrong_retention_is_reported(
    project: FakeProject, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"BIOINFO_ASSETS_RETENTION__{variable}", value)
    result = run_command(project, "status")
    assert result.exit_code == 2
    assert sentence in result.stderr
