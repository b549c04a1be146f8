"""`bioinfo-assets gc`: lists; deletes only what is named and listed."""

from pathlib import Path

import pytest

from bioinfo_assets.cli.gc import gc
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.scratch import HostScratch, new_attempt
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.samples import remove_samples
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.cli.upkeep import all_files, call_one, documents, make_result, small_project
from bioinfo_assets_tests.records.recorded_results import record_result


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A project of two samples, of which one was removed."""
    ledger = small_project(tmp_path)
    remove_samples(ledger, ["expt"])
    return ledger


def test_the_list_tells_paths_sizes_and_why_and_deletes_nothing(ledger: Ledger, tmp_path: Path):
    out = tmp_path / "out"
    (out / "toy" / "mine").write_bytes(bytes(1500))
    make_result(ledger, "sketch", "toy", "toy.sketch")
    host = HostScratch(out / ".scratch")
    new_attempt(host.root, Job(ResultKey("depth", "toy"), "1", "true"))
    host.close()
    before = all_files(out)
    said = call_one(gc, "--dry-run", "--output-path", out)
    assert said.exit_code == 0
    rows = {line.split()[0]: line.rstrip() for line in said.stdout.splitlines()[1:-1]}
    assert set(rows) == {
        str(out / "expt/records/depth.json"),
        str(out / "toy/mine"),
        str(out / "toy/records/sketch.json"),
        str(host.root),
    }
    assert "1.5 kB" in rows[str(out / "toy/mine")]
    assert rows[str(out / "toy/mine")].endswith("no record names it")
    assert rows[str(out / "expt/records/depth.json")].endswith("sample expt was removed")
    assert said.stdout.splitlines()[-1].startswith("4 can be deleted, ")
    assert all_files(out) == before


def test_the_list_as_json(ledger: Ledger, tmp_path: Path):
    (one,) = documents(call_one(gc, "--dry-run", "--output-path", tmp_path / "out", "--json"))
    assert (one["path"], one["asset"], one["scope"]) == (
        f"{ledger.output_path}/expt/records/depth.json",
        "depth",
        "expt",
    )
    assert len(one["files"]) == 2


def test_what_is_named_is_deleted_and_told(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)  # names are taken as the user stands
    said = call_one(gc, "out/expt", "--output-path", "out")
    assert said.exit_code == 0
    assert "1 deleted, " in said.stdout
    assert not (tmp_path / "out" / "expt" / "expt.depth.txt").exists()
    assert len(list((tmp_path / "out" / "expt" / "records" / "history").iterdir())) == 1
    assert documents(call_one(gc, "--dry-run", "--output-path", "out", "--json")) == []


def test_names_with_a_dry_run_show_what_they_mean(ledger: Ledger, tmp_path: Path):
    before = all_files(tmp_path / "out")
    said = call_one(gc, tmp_path / "out" / "expt", "--dry-run", "--output-path", tmp_path / "out", "--json")
    assert [one["asset"] for one in documents(said)] == ["depth"]
    assert all_files(tmp_path / "out") == before


def test_neither_names_nor_a_dry_run(ledger: Ledger, tmp_path: Path):
    said = call_one(gc, "--output-path", tmp_path / "out")
    assert said.exit_code == 2
    assert "look at `gc --dry-run`, then name paths that it lists" in said.stderr


@pytest.mark.parametrize("name", ["toy", "toy/toy.depth.txt", "../reads/expt_1.fastq.gz", ".", ".dagster"])
def test_what_is_not_listed_is_refused(ledger: Ledger, tmp_path: Path, name: str):
    before = all_files(tmp_path)
    said = call_one(gc, tmp_path / "out/expt", tmp_path / "out" / name, "--output-path", tmp_path / "out")
    assert said.exit_code == 2
    assert "is not on the list" in said.stderr
    assert all_files(tmp_path) == before


def test_of_an_imported_result_it_is_said_that_the_files_stay(ledger: Ledger, tmp_path: Path):
    theirs = tmp_path / "theirs.bam"
    theirs.write_bytes(b"bam")
    record_result(ledger, "marked_bam", "expt", str(theirs), imported=True)
    said = call_one(gc, tmp_path / "out" / "expt", "--output-path", tmp_path / "out")
    assert "its files are elsewhere and stay" in said.stdout
    assert theirs.exists()
    assert ledger.read(ResultKey("marked_bam", "expt")) is None


def test_what_hinders_is_told(ledger: Ledger, tmp_path: Path):
    (tmp_path / "out" / "toy" / "records" / "depth.json").write_text("{")
    said = call_one(gc, "--dry-run", "--output-path", tmp_path / "out", "--json")
    assert "depth.json is not a record" in said.stderr
    assert [one["scope"] for one in documents(said)] == ["expt"]
