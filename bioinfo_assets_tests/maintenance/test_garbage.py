"""Garbage collection finds what no current asset needs, and deletes only what is selected."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.scratch import HostScratch, dead_hosts, new_attempt
from bioinfo_assets.maintenance.garbage import Garbage, delete_items, find_garbage
from bioinfo_assets.records.ended_samples import remove_samples, rename_sample
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import observe
from bioinfo_assets.records.record import InputRecord
from bioinfo_assets.records.samples import load_sample, save_sample
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cli.small_project import all_files, make_result, small_project
from bioinfo_assets_tests.records.recorded_results import record_result
from bioinfo_assets_tests.servers import s3, s3_server

__all__ = ["s3", "s3_server"]  # fixtures

ASSETS = {"depth": None, "marked_bam": None, "reference_genome": "references", "multiqc_report": "multiqc"}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return small_project(tmp_path)


def garbage_of(ledger: Ledger, scratch: Path | None = None) -> list[tuple[str, str]]:
    """The address of each item, relative to the output path, and the reason."""
    garbage = find_garbage(ledger, ASSETS, scratch)
    assert garbage.problems == ()
    return sorted((ledger.layout.relative(item.uri), item.reason) for item in garbage.items)


def delete(ledger: Ledger, *paths: str, garbage: Garbage | None = None) -> list[str]:
    """Delete selected garbage and return what was deleted; paths are relative to the output path."""
    garbage = garbage or find_garbage(ledger, ASSETS)
    uris = [f"{ledger.output_path}/{path}" for path in paths]
    return [ledger.layout.relative(item.uri) for item in delete_items(ledger, ASSETS, garbage, uris)]


def test_an_intact_project_has_no_garbage(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "out" / "data").mkdir()
    (tmp_path / "out" / "data" / "x").touch()
    assert garbage_of(ledger) == []


def test_results_of_samples_that_were_removed_or_renamed_or_never_existed_are_garbage(ledger: Ledger) -> None:
    make_result(ledger, "depth", "stray", "stray.depth.txt")
    remove_samples(ledger, ["expt"])
    rename_sample(ledger, "toy", "child")
    assert garbage_of(ledger) == [
        ("expt/records/depth.json", "sample expt was removed"),
        ("stray/records/depth.json", "the project has no sample stray"),
        ("toy/records/depth.json", "sample toy was renamed to child"),
    ]


def test_the_results_of_a_sample_that_was_added_again_are_needed(ledger: Ledger, tmp_path: Path) -> None:
    remove_samples(ledger, ["expt"])
    reads = [str(tmp_path / "reads" / f"expt_{read}.fastq.gz") for read in (1, 2)]
    save_sample(ledger, Sample("expt", (Lane("FC1", 1, reads[0], reads[1], "expt"),)))
    assert garbage_of(ledger) == []


def test_results_of_assets_that_the_pipeline_no_longer_has_are_garbage(ledger: Ledger) -> None:
    make_result(ledger, "sketch", "expt", "expt.sketch")
    make_result(ledger, "depth", "multiqc", "all.depth.txt")
    make_result(ledger, "sketch", "references", "genome.sketch")
    assert garbage_of(ledger) == [
        ("expt/records/sketch.json", "the pipeline no longer has sketch"),
        ("multiqc/records/depth.json", "the pipeline no longer has depth"),
        ("references/records/sketch.json", "the pipeline no longer has sketch"),
    ]


def test_files_that_no_record_names_are_garbage(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "out" / "expt" / "notes.txt").write_bytes(b"12345")
    (item,) = find_garbage(ledger, ASSETS).items
    assert (item.uri, item.reason, item.size) == (str(tmp_path / "out/expt/notes.txt"), "no record names it", 5)


def test_a_file_that_a_killed_process_left_unfinished_is_garbage_after_a_day(ledger: Ledger, tmp_path: Path) -> None:
    begun_today, older = (tmp_path / "out" / "expt" / f".expt.bam.{name}.part" for name in ("abcd1234", "k_l9zz00"))
    for file in (begun_today, older):
        file.write_bytes(b"half")
    os.utime(older, (time.time() - 90_000,) * 2)

    garbage = find_garbage(ledger, ASSETS)

    assert [(item.uri, item.reason, item.size) for item in garbage.items] == [
        (str(older), "left by a process that was killed while it wrote a file", 4)
    ]
    assert delete(ledger, f"expt/{older.name}", garbage=garbage) == [f"expt/{older.name}"]
    assert (begun_today.exists(), older.exists()) == (True, False)


def test_a_results_size_is_that_of_its_files(ledger: Ledger, tmp_path: Path) -> None:
    remove_samples(ledger, ["expt"])
    (item,) = find_garbage(ledger, ASSETS).items
    files = [tmp_path / "out" / "expt" / f"expt.{name}.txt" for name in ("depth", "summary")]
    assert sorted(item.files) == list(map(str, files))
    assert item.size == sum(file.stat().st_size for file in files)


def test_a_result_is_deleted_and_its_record_moves_to_the_history(ledger: Ledger, tmp_path: Path) -> None:
    remove_samples(ledger, ["expt"])
    before = all_files(tmp_path / "out")
    assert delete(ledger, "expt/records/depth.json") == ["expt/records/depth.json"]
    after = all_files(tmp_path / "out")
    deleted = {"expt/expt.depth.txt", "expt/expt.summary.txt", "expt/records/depth.json"}
    assert set(before) - set(after) == deleted
    (past,) = set(after) - set(before)
    assert past.startswith("expt/records/history/depth.")
    assert after[past] == before["expt/records/depth.json"]
    assert all(after[name] == before[name] for name in set(before) - deleted)
    assert garbage_of(ledger) == []


def test_a_folder_that_contains_only_garbage_can_be_selected(ledger: Ledger, tmp_path: Path) -> None:
    remove_samples(ledger, ["expt"])
    nested = tmp_path / "out" / "toy" / "a" / "b"
    nested.mkdir(parents=True)
    (nested / "x").touch()
    assert delete(ledger, "expt/", "toy/a") == ["expt/records/depth.json", "toy/a/b/x"]
    assert not (tmp_path / "out" / "toy" / "a").exists()
    assert (tmp_path / "out" / "toy" / "toy.depth.txt").exists()
    assert (tmp_path / "out" / "expt" / "records" / "raw_reads.json").exists()


@pytest.mark.parametrize(
    "path",
    [
        "toy",  # contains results that are needed, in addition to notes.txt
        "toy/toy.depth.txt",
        "toy/records/depth.json",
        "toy/records",
        "expt/records",
        "expt/records/raw_reads.json",
        "expt/expt.depth.txt",  # one file of a result, which can only be deleted as a whole
        "expt/records/..",
        "",
        "..",
        "../reads/expt_1.fastq.gz",
        "records/samples/toy.json",
        "missing",
    ],
)
def test_any_other_path_is_an_error_and_nothing_is_deleted(ledger: Ledger, tmp_path: Path, path: str) -> None:
    remove_samples(ledger, ["expt"])
    (tmp_path / "out" / "toy" / "notes.txt").touch()
    before = all_files(tmp_path)
    with pytest.raises(InputError, match="nothing was deleted"):
        delete(ledger, "toy/notes.txt", path)
    assert all_files(tmp_path) == before


def test_a_file_that_is_needed_meanwhile_is_not_deleted(ledger: Ledger, tmp_path: Path) -> None:
    remove_samples(ledger, ["expt"])
    (tmp_path / "out" / "toy" / "toy.bam").write_bytes(b"bam")
    garbage = find_garbage(ledger, ASSETS)
    record_result(ledger, "marked_bam", "toy", str(tmp_path / "out" / "toy" / "toy.bam"))
    with pytest.raises(InputError, match=r"toy.bam changed since it was listed"):
        delete(ledger, "toy/toy.bam", garbage=garbage)
    assert (tmp_path / "out" / "toy" / "toy.bam").exists()


def test_the_results_of_a_sample_that_is_added_again_meanwhile_are_not_deleted(ledger: Ledger, tmp_path: Path) -> None:
    sample = load_sample(ledger, "expt")
    remove_samples(ledger, ["expt"])
    garbage = find_garbage(ledger, ASSETS)
    save_sample(ledger, sample)
    with pytest.raises(InputError, match=r"depth.json changed since it was listed"):
        delete(ledger, "expt/records/depth.json", garbage=garbage)
    assert ledger.read(ResultKey("depth", "expt")) is not None


def test_a_file_that_another_result_has_now_is_not_deleted(ledger: Ledger, tmp_path: Path) -> None:
    shared = str(tmp_path / "out" / "expt" / "expt.depth.txt")
    record_result(ledger, "coverage", "expt", shared)  # an earlier name of `depth`
    (item,) = find_garbage(ledger, ASSETS).items
    assert (item.files, item.size) == ((), 0)
    assert delete(ledger, "expt/records/coverage.json") == ["expt/records/coverage.json"]
    assert Path(shared).exists()


def test_sources_under_the_output_path_are_not_garbage(ledger: Ledger, tmp_path: Path) -> None:
    within = [str(tmp_path / "out" / "toy" / f"raw_{read}.fastq.gz") for read in (1, 2)]
    for uri in within:
        ledger.store.write_bytes(uri, b"reads")
    save_sample(ledger, Sample("new", (Lane("FC1", 1, within[0], within[1], "new"),)))
    adapters = tmp_path / "out" / "references" / "adapters.fa"
    ledger.store.write_bytes(str(adapters), b">a\nACGT\n")
    record_result(
        ledger,
        "marked_bam",
        "toy",
        inputs=(InputRecord(local="adapters.fa", uri=str(adapters), size=8, content=None),),
    )
    assert garbage_of(ledger) == []
    remove_samples(ledger, ["toy"])
    assert [uri for uri, _ in garbage_of(ledger)] == ["toy/records/depth.json", "toy/records/marked_bam.json"]


def test_files_of_an_imported_result_are_not_deleted(ledger: Ledger, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.bam"
    theirs.write_bytes(b"bam")
    record_result(ledger, "marked_bam", "expt", str(theirs), imported=True)
    assert garbage_of(ledger) == []
    remove_samples(ledger, ["expt"])
    assert delete(ledger, "expt") == ["expt/records/depth.json"]  # removing the sample withdrew the import's record
    assert theirs.read_bytes() == b"bam"


def test_fastqs_in_a_samples_folder_are_not_garbage_if_the_project_is_opened_through_a_link(
    ledger: Ledger, tmp_path: Path
) -> None:
    """What is under the output path is recorded relative to it, so the records name them by any path."""
    within = [str(tmp_path / "out" / "new" / f"raw_{read}.fastq.gz") for read in (1, 2)]
    for uri in within:
        ledger.store.write_bytes(uri, b"reads")
    sample = Sample("new", (Lane("FC1", 1, within[0], within[1], "new"),))
    save_sample(ledger, sample)
    observe(ledger, ResultKey("raw_reads", "new"), {"1": within[0], "2": within[1]})
    (tmp_path / "link").symlink_to(tmp_path / "out")
    linked = Ledger(ledger.store, str(tmp_path / "link"))
    assert garbage_of(linked) == []


def test_unrecorded_files_are_not_garbage_if_a_record_cannot_be_read(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "out" / "expt" / "records" / "depth.json").write_text("{")
    garbage = find_garbage(ledger, ASSETS)
    assert garbage.items == ()
    assert "depth.json is not a record" in garbage.problems[0]


def test_unrecorded_files_are_not_garbage_if_one_may_be_recorded_by_another_path(
    ledger: Ledger, tmp_path: Path
) -> None:
    """FASTQs in the sample's folder, recorded by the path of a link to the output path."""
    (tmp_path / "link").symlink_to(tmp_path / "out")
    linked = [str(tmp_path / "link" / "new" / f"raw_{read}.fastq.gz") for read in (1, 2)]
    for uri in linked:
        ledger.store.write_bytes(uri, b"reads")
    save_sample(ledger, Sample("new", (Lane("FC1", 1, linked[0], linked[1], "new"),)))
    observe(ledger, ResultKey("raw_reads", "new"), {"1": linked[0], "2": linked[1]})

    garbage = find_garbage(ledger, ASSETS)

    assert garbage.items == ()
    assert "give the output path as it was given" in garbage.problems[0]


def test_scratch_of_an_ended_run_is_garbage_and_that_of_a_live_run_is_not(ledger: Ledger, tmp_path: Path) -> None:
    scratch = tmp_path / "out" / ".scratch"
    live, ended = HostScratch(scratch), HostScratch(scratch)
    for host in (live, ended):
        attempt = new_attempt(host.root, Job(ResultKey("depth", "expt"), "1", "true"))
        attempt.stderr.write_bytes(b"an error message")
    ended.close()
    garbage = find_garbage(ledger, ASSETS, scratch)
    assert [(item.uri, item.size) for item in garbage.items] == [(str(ended.root), 16)]
    with pytest.raises(InputError, match="nothing was deleted"):
        delete(ledger, f".scratch/{live.root.name}", garbage=garbage)
    assert delete(ledger, f".scratch/{ended.root.name}", garbage=garbage) == [f".scratch/{ended.root.name}"]
    assert [path.name for path in scratch.iterdir()] == [live.root.name]
    live.close()


def test_a_project_in_s3(s3: str) -> None:
    ledger = Ledger(Store(), f"{s3}/run7")
    make_result(ledger, "depth", "expt", "expt.depth.txt")
    make_result(ledger, "multiqc_report", "multiqc", "multiqc_report.html")
    ledger.store.write_bytes(f"{s3}/run7/multiqc/mine", b"x")
    ledger.store.write_bytes(f"{s3}/run7/.scratch/x", b"x")
    assert garbage_of(ledger) == [
        ("expt/records/depth.json", "the project has no sample expt"),
        ("multiqc/mine", "no record names it"),
    ]
    assert delete(ledger, "expt", "multiqc/mine") == ["expt/records/depth.json", "multiqc/mine"]
    remaining = [uri.removeprefix(f"{s3}/run7/") for uri in ledger.store.list(f"{s3}/run7", recursive=True)]
    assert remaining[0] == ".scratch/x"
    assert remaining[1] == "expt/records/.publishing.json.lock"  # of whoever publishes or deletes
    assert remaining[2].startswith("expt/records/history/depth.")
    assert remaining[3:-2] == ["multiqc/multiqc_report.html"]
    assert remaining[-1] == "multiqc/records/multiqc_report.json"


def test_all_that_was_deleted_is_known_although_scopes_in_s3_are_deleted_at_the_same_time(s3: str) -> None:
    ledger = Ledger(Store(), f"{s3}/run8")
    names = [f"s{number}" for number in range(8)]
    for name in names:
        make_result(ledger, "depth", name, f"{name}.depth.txt")
    garbage = find_garbage(ledger, ASSETS)
    save_sample(ledger, Sample("s3", (Lane("F1", 1, "/s3_1.fastq.gz", "/s3_2.fastq.gz", "s3"),)))
    deleted: list[str] = []
    items = delete_items(ledger, ASSETS, garbage, [f"{s3}/run8/{name}" for name in names])
    with pytest.raises(InputError, match=r"s3/records/depth.json changed since it was listed"):
        deleted.extend(item.scope for item in items)  # keeps what comes before the error
    left = [name for name in names if ledger.read(ResultKey("depth", name)) is not None]
    assert "s3" in left
    assert sorted(deleted + left) == names
    assert {"s0", "s1", "s2"} <= set(deleted)


def test_scratch_that_a_starting_run_deletes_meanwhile_is_no_error(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the host's lock after `gc` has seen that it is free."""
    scratch = tmp_path / "scratch"
    ended = HostScratch(scratch)
    attempt = new_attempt(ended.root, Job(ResultKey("depth", "expt"), "1", "true"))
    for number in range(3000):
        file = attempt.work / str(number % 60) / str(number)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x")
    ended.close()
    seen = list(dead_hosts(scratch))
    monkeypatch.setattr("bioinfo_assets.maintenance.garbage.dead_hosts", lambda _: seen)
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(HostScratch, scratch)
        while not starting.done():
            assert [item.uri for item in find_garbage(ledger, ASSETS, scratch).items] == [str(ended.root)]
        starting.result().close()
