"""`bioinfo-assets gc` lists garbage, and deletes only what is both listed and named."""

import json
import os
import threading
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bioinfo_assets.cli.exit_codes import ExitCode
from bioinfo_assets.cli.gc import _release_all, gc
from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.scratch import HostScratch, new_attempt
from bioinfo_assets.maintenance.garbage import Garbage
from bioinfo_assets.maintenance.scope_folder import ScopeFolder, read_scope_folder
from bioinfo_assets.records import released
from bioinfo_assets.records.ended_samples import remove_samples
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.released import Releasable
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cli.commands import call
from bioinfo_assets_tests.cli.small_project import all_files, call_command, make_result, parse_json, small_project
from bioinfo_assets_tests.records.recorded_results import record_result
from bioinfo_assets_tests.servers import s3, s3_server

__all__ = ["s3", "s3_server"]  # fixtures


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A project of two samples, one of which was removed."""
    ledger = small_project(tmp_path)
    remove_samples(ledger, ["expt"])
    return ledger


def test_a_dry_run_lists_paths_sizes_and_reasons_and_deletes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "toy" / "mine").write_bytes(bytes(1500))
    make_result(ledger, "sketch", "toy", "toy.sketch")
    host = HostScratch(out / ".scratch")
    new_attempt(host.root, Job(ResultKey("depth", "toy"), "1", "true"))
    host.close()
    before = all_files(out)
    result = call_command(gc, "--dry-run", "--output-path", out)
    assert result.exit_code == 0
    rows = {line.split()[0]: line.rstrip() for line in result.stdout.splitlines()[1:-1]}
    assert set(rows) == {
        str(out / "expt/records/depth.json"),
        str(out / "toy/mine"),
        str(out / "toy/records/sketch.json"),
        str(host.root),
    }
    assert "1.5 kB" in rows[str(out / "toy/mine")]
    assert rows[str(out / "toy/mine")].endswith("no record names it")
    assert rows[str(out / "expt/records/depth.json")].endswith("sample expt was removed")
    assert result.stdout.splitlines()[-1].startswith("4 can be deleted, ")
    assert all_files(out) == before


def test_the_list_as_json(ledger: Ledger, tmp_path: Path) -> None:
    (item,) = parse_json(call_command(gc, "--dry-run", "--output-path", tmp_path / "out", "--json"))
    assert (item["path"], item["asset"], item["scope"]) == (
        f"{ledger.output_path}/expt/records/depth.json",
        "depth",
        "expt",
    )
    assert len(item["files"]) == 2


def test_what_was_deleted_before_a_refusal_is_listed(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second sample was changed since it was listed."""
    out = tmp_path / "out"
    (out / "toy" / "mine").write_bytes(b"x")

    def change_toy(ledger: Ledger, name: str, samples: Collection[str]) -> ScopeFolder:
        if name == "toy" and not (out / "expt" / "records" / "depth.json").exists():
            (out / "toy" / "mine").write_bytes(b"another size")
        return read_scope_folder(ledger, name, samples)

    monkeypatch.setattr("bioinfo_assets.maintenance.garbage.read_scope_folder", change_toy)
    result = call_command(gc, str(out / "expt"), str(out / "toy" / "mine"), "--output-path", out)
    assert result.exit_code == 2
    assert "depth.json" in result.stdout
    assert f"{out}/toy/mine changed since it was listed" in result.stderr
    assert (out / "toy" / "mine").exists()


def test_named_garbage_is_deleted(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # relative paths are relative to the working directory
    result = call_command(gc, "out/expt", "--output-path", "out")
    assert result.exit_code == 0
    assert "1 deleted, " in result.stdout
    assert not (tmp_path / "out" / "expt" / "expt.depth.txt").exists()
    assert len(list((tmp_path / "out" / "expt" / "records" / "history").iterdir())) == 1
    assert parse_json(call_command(gc, "--dry-run", "--output-path", "out", "--json")) == []


def test_a_dry_run_with_paths_lists_what_they_select(ledger: Ledger, tmp_path: Path) -> None:
    before = all_files(tmp_path / "out")
    result = call_command(gc, tmp_path / "out" / "expt", "--dry-run", "--output-path", tmp_path / "out", "--json")
    assert [item["asset"] for item in parse_json(result)] == ["depth"]
    assert all_files(tmp_path / "out") == before


def test_neither_paths_nor_a_dry_run(ledger: Ledger, tmp_path: Path) -> None:
    result = call_command(gc, "--output-path", tmp_path / "out")
    assert result.exit_code == 2
    assert "run `gc --dry-run`, then give paths that it lists" in result.stderr


@pytest.mark.parametrize("name", ["toy", "toy/toy.depth.txt", "../reads/expt_1.fastq.gz", ".", ".dagster"])
def test_a_path_that_is_not_listed_is_rejected(ledger: Ledger, tmp_path: Path, name: str) -> None:
    before = all_files(tmp_path)
    result = call_command(gc, tmp_path / "out/expt", tmp_path / "out" / name, "--output-path", tmp_path / "out")
    assert result.exit_code == 2
    assert "is not garbage: nothing was deleted" in result.stderr
    assert all_files(tmp_path) == before


def test_files_of_an_imported_result_are_kept(ledger: Ledger, tmp_path: Path) -> None:
    external = tmp_path / "external.bam"
    external.write_bytes(b"bam")
    record_result(ledger, "marked_bam", "expt", str(external), imported=True)
    result = call_command(gc, tmp_path / "out" / "expt", "--output-path", tmp_path / "out")
    assert "its files are elsewhere and stay" in result.stdout
    assert external.exists()
    assert ledger.read(ResultKey("marked_bam", "expt")) is None


def test_an_unreadable_record_gets_a_warning(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "out" / "toy" / "records" / "depth.json").write_text("{")
    result = call_command(gc, "--dry-run", "--output-path", tmp_path / "out", "--json")
    assert "depth.json is not a record" in result.stderr
    assert [item["scope"] for item in parse_json(result)] == ["expt"]


def releasable(ledger: Ledger, sample: str) -> Releasable:
    """A new result of a sample, which was used."""
    make_result(ledger, "merged_reads", sample, f"{sample}.merged.fastq.gz")
    record = ledger.read(ResultKey("merged_reads", sample))
    assert record is not None
    return Releasable(record, {file.key for file in record.outputs}, (), "it was used")


def test_results_of_several_samples_in_s3_are_released_at_the_same_time(
    s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes some fifteen requests."""
    barrier = threading.Barrier(2, timeout=20)

    class MeetingStore(Store):
        def delete(self, uri: str) -> None:
            barrier.wait()
            super().delete(uri)

    ledger, now = Ledger(MeetingStore(), f"{s3}/run7"), datetime.now(UTC)
    items = [releasable(ledger, sample) for sample in ("a", "b")]
    monkeypatch.setattr("bioinfo_assets.cli.gc._ended", lambda *_, **__: tuple(items))
    rows = list(_release_all(ledger, Garbage((), ()), now, pytest.fail))
    assert [(row.scope, row.reason) for row in rows] == [("a", "it was used"), ("b", "it was used")]
    left = [uri for uri in ledger.store.list(ledger.output_path, recursive=True) if uri.endswith(".fastq.gz")]
    assert left == []


def test_a_result_that_cannot_be_released_keeps_none_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(Store(), str(tmp_path / "out"))
    items = [releasable(ledger, sample) for sample in ("a", "b")]

    def release(own: Ledger, item: Releasable, when: datetime) -> bool:
        if item.record.scope == "a":
            raise InputError("the folder of a cannot be written to")
        return released.release(own, item, when)

    monkeypatch.setattr("bioinfo_assets.cli.gc._ended", lambda *_, **__: tuple(items))
    monkeypatch.setattr("bioinfo_assets.cli.gc.release", release)
    result = call("gc", "--output-path", ledger.output_path, "--json")
    assert result.exit_code == ExitCode.BAD_INPUT
    assert [row["scope"] for row in json.loads(result.stdout)] == ["b"]
    assert "error: merged_reads of a was not released: the folder of a cannot be written to" in result.stderr


def test_a_file_whose_name_is_not_utf_8_is_shown_with_escapes(ledger: Ledger, tmp_path: Path) -> None:
    """By `verify`, too."""
    (tmp_path / "out" / "toy" / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"x")
    for arguments in (("gc", "--dry-run"), ("verify",)):
        result = call(*arguments, "--output-path", ledger.output_path)
        assert r"toy/caf\udce9.txt" in result.stdout
