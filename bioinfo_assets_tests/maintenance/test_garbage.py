"""What no current asset needs is found, and nothing but what is named of it is deleted."""

from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.launch.job import Job
from bioinfo_assets.launch.scratch import HostScratch, new_attempt
from bioinfo_assets.maintenance.garbage import Garbage, delete_items, find_garbage
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import observe
from bioinfo_assets.records.record import InputRecord
from bioinfo_assets.records.samples import load_sample, remove_samples, rename_sample, save_sample
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cli.upkeep import all_files, make_result, small_project
from bioinfo_assets_tests.launch.conftest import s3, s3_server
from bioinfo_assets_tests.records.recorded_results import record_result

__all__ = ["s3", "s3_server"]  # the servers of `launch`, asked for by name below

ASSETS = {"depth": None, "marked_bam": None, "reference_genome": "references", "multiqc_report": "multiqc"}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return small_project(tmp_path)


def found(ledger: Ledger, scratch: Path | None = None) -> list[tuple[str, str]]:
    """Each leftover's place, relative to the project's folder, and why it is one."""
    known = find_garbage(ledger, ASSETS, scratch)
    assert known.problems == ()
    return sorted((one.uri.removeprefix(f"{ledger.output_path}/"), one.why) for one in known.found)


def gone(ledger: Ledger, *names: str, known: Garbage | None = None) -> list[str]:
    """Deletes what is named; gives what was."""
    known = known or find_garbage(ledger, ASSETS)
    places = [f"{ledger.output_path}/{name}" for name in names]
    return [one.uri.removeprefix(f"{ledger.output_path}/") for one in delete_items(ledger, ASSETS, known, places)]


def test_a_healthy_project_has_none(ledger: Ledger, tmp_path: Path):
    (tmp_path / "out" / "data").mkdir()
    (tmp_path / "out" / "data" / "x").touch()
    assert found(ledger) == []


def test_results_of_samples_that_were_removed_renamed_or_are_nobodys(ledger: Ledger):
    make_result(ledger, "depth", "stray", "stray.depth.txt")
    remove_samples(ledger, ["expt"])
    rename_sample(ledger, "toy", "child")
    assert found(ledger) == [
        ("expt/records/depth.json", "sample expt was removed"),
        ("stray/records/depth.json", "the project has no sample stray"),
        ("toy/records/depth.json", "sample toy was renamed to child"),
    ]


def test_a_name_that_came_again_needs_its_results(ledger: Ledger, tmp_path: Path):
    remove_samples(ledger, ["expt"])
    reads = [str(tmp_path / "reads" / f"expt_{read}.fastq.gz") for read in (1, 2)]
    save_sample(ledger, Sample("expt", (Lane("FC1", 1, reads[0], reads[1], "expt"),)))
    assert found(ledger) == []


def test_results_that_the_pipeline_makes_no_more(ledger: Ledger):
    make_result(ledger, "sketch", "expt", "expt.sketch")
    make_result(ledger, "depth", "multiqc", "all.depth.txt")
    make_result(ledger, "sketch", "references", "genome.sketch")
    assert found(ledger) == [
        ("expt/records/sketch.json", "the pipeline makes no sketch any more"),
        ("multiqc/records/depth.json", "the pipeline makes no depth any more"),
        ("references/records/sketch.json", "the pipeline makes no sketch any more"),
    ]


def test_files_that_no_record_names(ledger: Ledger, tmp_path: Path):
    (tmp_path / "out" / "expt" / "notes.txt").write_bytes(b"12345")
    (one,) = find_garbage(ledger, ASSETS).found
    assert (one.uri, one.why, one.size) == (str(tmp_path / "out/expt/notes.txt"), "no record names it", 5)


def test_a_results_size_is_that_of_its_files(ledger: Ledger, tmp_path: Path):
    remove_samples(ledger, ["expt"])
    (one,) = find_garbage(ledger, ASSETS).found
    files = [tmp_path / "out" / "expt" / f"expt.{name}.txt" for name in ("depth", "summary")]
    assert sorted(one.files) == list(map(str, files))
    assert one.size == sum(file.stat().st_size for file in files)


def test_a_result_is_deleted_and_its_record_stays_readable(ledger: Ledger, tmp_path: Path):
    remove_samples(ledger, ["expt"])
    before = all_files(tmp_path / "out")
    assert gone(ledger, "expt/records/depth.json") == ["expt/records/depth.json"]
    after = all_files(tmp_path / "out")
    doomed = {"expt/expt.depth.txt", "expt/expt.summary.txt", "expt/records/depth.json"}
    assert set(before) - set(after) == doomed
    (past,) = set(after) - set(before)
    assert past.startswith("expt/records/history/depth.")
    assert after[past] == before["expt/records/depth.json"]
    assert all(after[name] == before[name] for name in set(before) - doomed)
    assert found(ledger) == []


def test_a_folder_that_has_nothing_else_may_be_named(ledger: Ledger, tmp_path: Path):
    remove_samples(ledger, ["expt"])
    nested = tmp_path / "out" / "toy" / "a" / "b"
    nested.mkdir(parents=True)
    (nested / "x").touch()
    assert gone(ledger, "expt/", "toy/a") == ["expt/records/depth.json", "toy/a/b/x"]
    assert not (tmp_path / "out" / "toy" / "a").exists()
    assert (tmp_path / "out" / "toy" / "toy.depth.txt").exists()
    assert (tmp_path / "out" / "expt" / "records" / "raw_reads.json").exists()


@pytest.mark.parametrize(
    "name",
    [
        "toy",  # has results that are needed beside notes.txt, which is not
        "toy/toy.depth.txt",
        "toy/records/depth.json",
        "toy/records",
        "expt/records",
        "expt/records/raw_reads.json",
        "expt/expt.depth.txt",  # one file of a result that is deleted whole
        "expt/records/..",
        "",
        "..",
        "../reads/expt_1.fastq.gz",
        "records/samples/toy.json",
        "nothing",
    ],
)
def test_anything_else_is_refused_and_nothing_is_deleted(ledger: Ledger, tmp_path: Path, name: str):
    remove_samples(ledger, ["expt"])
    (tmp_path / "out" / "toy" / "notes.txt").touch()
    before = all_files(tmp_path)
    with pytest.raises(InputError, match="nothing was deleted"):
        gone(ledger, "toy/notes.txt", name)
    assert all_files(tmp_path) == before


def test_what_is_needed_by_now_is_not_deleted(ledger: Ledger, tmp_path: Path):
    remove_samples(ledger, ["expt"])
    (tmp_path / "out" / "toy" / "toy.bam").write_bytes(b"bam")
    known = find_garbage(ledger, ASSETS)
    record_result(ledger, "marked_bam", "toy", str(tmp_path / "out" / "toy" / "toy.bam"))
    with pytest.raises(InputError, match=r"toy.bam is another one by now"):
        gone(ledger, "toy/toy.bam", known=known)
    assert (tmp_path / "out" / "toy" / "toy.bam").exists()


def test_the_results_of_a_sample_that_came_again_meanwhile_are_not_deleted(ledger: Ledger, tmp_path: Path):
    was = load_sample(ledger, "expt")
    remove_samples(ledger, ["expt"])
    known = find_garbage(ledger, ASSETS)
    save_sample(ledger, was)
    with pytest.raises(InputError, match=r"depth.json is another one by now"):
        gone(ledger, "expt/records/depth.json", known=known)
    assert ledger.read(ResultKey("depth", "expt")) is not None


def test_a_file_of_a_result_that_another_result_has_now_stays(ledger: Ledger, tmp_path: Path):
    shared = str(tmp_path / "out" / "expt" / "expt.depth.txt")
    record_result(ledger, "coverage", "expt", shared)  # the name that `depth` had before
    (one,) = find_garbage(ledger, ASSETS).found
    assert (one.files, one.size) == ((), 0)
    assert gone(ledger, "expt/records/coverage.json") == ["expt/records/coverage.json"]
    assert Path(shared).exists()


def test_files_that_came_from_outside_stay_wherever_they_lie(ledger: Ledger, tmp_path: Path):
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
    assert found(ledger) == []
    remove_samples(ledger, ["toy"])
    assert [uri for uri, _ in found(ledger)] == ["toy/records/depth.json", "toy/records/marked_bam.json"]


def test_files_of_an_imported_result_stay(ledger: Ledger, tmp_path: Path):
    theirs = tmp_path / "theirs.bam"
    theirs.write_bytes(b"bam")
    record_result(ledger, "marked_bam", "expt", str(theirs), imported=True)
    assert found(ledger) == []
    remove_samples(ledger, ["expt"])
    assert gone(ledger, "expt") == ["expt/records/depth.json"]  # what was imported is no result of the project any more
    assert theirs.read_bytes() == b"bam"


def test_fastqs_in_the_samples_folder_stay_though_the_project_is_reached_by_another_path(
    ledger: Ledger, tmp_path: Path
):
    """Records name them by the path that was given then; by a link, no record seems to name them."""
    within = [str(tmp_path / "out" / "new" / f"raw_{read}.fastq.gz") for read in (1, 2)]
    for uri in within:
        ledger.store.write_bytes(uri, b"reads")
    sample = Sample("new", (Lane("FC1", 1, within[0], within[1], "new"),))
    save_sample(ledger, sample)
    observe(ledger, ResultKey("raw_reads", "new"), {"1": within[0], "2": within[1]})
    (tmp_path / "link").symlink_to(tmp_path / "out")
    linked = Ledger(ledger.store, str(tmp_path / "link"))
    assert [one.uri for one in find_garbage(linked, ASSETS, tmp_path / "scratch").found if "raw_" in one.uri] == []


def test_where_a_record_cannot_be_read_no_file_is_taken_for_a_leftover(ledger: Ledger, tmp_path: Path):
    (tmp_path / "out" / "expt" / "records" / "depth.json").write_text("{")
    known = find_garbage(ledger, ASSETS)
    assert known.found == ()
    assert "depth.json is not a record" in known.problems[0]


def test_where_the_project_was_moved_no_file_is_taken_for_a_leftover(ledger: Ledger, tmp_path: Path):
    (tmp_path / "out").rename(tmp_path / "moved")
    known = find_garbage(Ledger(Store(), str(tmp_path / "moved")), ASSETS)
    assert known.found == ()
    assert len(known.problems) == 3
    assert "was the project moved?" in known.problems[0]


def test_scratch_of_the_dead_and_not_of_the_living(ledger: Ledger, tmp_path: Path):
    scratch = tmp_path / "out" / ".scratch"
    living, ended = HostScratch(scratch), HostScratch(scratch)
    for host in (living, ended):
        attempt = new_attempt(host.root, Job(ResultKey("depth", "expt"), "1", "true"))
        attempt.stderr.write_bytes(b"what went wrong")
    ended.close()
    known = find_garbage(ledger, ASSETS, scratch)
    assert [(one.uri, one.size) for one in known.found] == [(str(ended.root), 15)]
    with pytest.raises(InputError, match="nothing was deleted"):
        gone(ledger, f".scratch/{living.root.name}", known=known)
    assert gone(ledger, f".scratch/{ended.root.name}", known=known) == [f".scratch/{ended.root.name}"]
    assert [path.name for path in scratch.iterdir()] == [living.root.name]
    living.close()


def test_a_project_in_s3(s3: str):
    ledger = Ledger(Store(), f"{s3}/run7")
    make_result(ledger, "depth", "expt", "expt.depth.txt")
    make_result(ledger, "multiqc_report", "multiqc", "multiqc_report.html")
    ledger.store.write_bytes(f"{s3}/run7/multiqc/mine", b"x")
    ledger.store.write_bytes(f"{s3}/run7/.scratch/x", b"x")
    assert found(ledger) == [
        ("expt/records/depth.json", "the project has no sample expt"),
        ("multiqc/mine", "no record names it"),
    ]
    assert gone(ledger, "expt", "multiqc/mine") == ["expt/records/depth.json", "multiqc/mine"]
    left = [uri.removeprefix(f"{s3}/run7/") for uri in ledger.store.list(f"{s3}/run7", recursive=True)]
    assert left[0] == ".scratch/x"
    assert left[1].startswith("expt/records/history/depth.")
    assert left[2:] == ["multiqc/multiqc_report.html", "multiqc/records/multiqc_report.json"]
