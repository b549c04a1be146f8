"""An audit tells all that is not as it was recorded, and writes nothing."""

import os
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.maintenance.verification import Audit, FileProblem
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import observe
from bioinfo_assets.records.samples import remove_samples, save_sample
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cli.upkeep import all_files, make_result, small_project
from bioinfo_assets_tests.launch.conftest import s3, s3_server
from bioinfo_assets_tests.records.recorded_results import record_result

__all__ = ["s3", "s3_server"]  # the servers of `launch`, asked for by name below


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return small_project(tmp_path)


def found(ledger: Ledger, *names: str, deep: bool = False) -> list[tuple[str, str, str]]:
    """What is wrong: kind, asset, and the file's place, relative to the project's folder."""
    findings = Audit(ledger, deep=deep).findings(names)
    return sorted((one.trouble.value, one.asset, one.uri.rpartition("/")[2]) for one in findings)


def change_same_size_and_time(path: Path) -> None:
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("deep", [False, True])
def test_a_healthy_project_gives_nothing_and_is_left_as_it_is(ledger: Ledger, tmp_path: Path, *, deep: bool):
    out = tmp_path / "out"
    (out / ".dagster").mkdir()
    for name in ("samples.txt", "data/x.fastq.gz", "expt/.hidden", "expt/records/.publishing.json.lock"):
        ledger.store.write_bytes(str(out / name), b"x")
    ledger.store.write_bytes(str(out / "expt/records/history/depth.20200101T000000Z.ffff.json"), b"past")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    audit = Audit(ledger, deep=deep)
    assert list(audit.findings()) == []
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    # Two samples with two FASTQs and two files each, and one report.
    assert (audit.looked_at["scopes"], audit.looked_at["records"], audit.looked_at["files"]) == (3, 5, 9)


def test_all_that_is_wrong_is_told(ledger: Ledger, tmp_path: Path):
    out = tmp_path / "out"
    (out / "expt" / "expt.depth.txt").unlink()
    (out / "expt" / "expt.summary.txt").write_text("other")
    (out / "toy" / "notes.txt").write_text("mine")
    (out / "toy" / "more").mkdir()
    (out / "toy" / "more" / "x").write_text("mine")
    (out / "multiqc" / "records" / "multiqc_report.json").write_text("{")
    (tmp_path / "reads" / "toy_1.fastq.gz").unlink()
    assert found(ledger) == [
        ("cannot be read", "", "multiqc_report.json"),
        ("changed", "depth", "expt.summary.txt"),
        ("has no record", "", "multiqc_report.html"),
        ("has no record", "", "notes.txt"),
        ("has no record", "", "x"),
        ("missing", "depth", "expt.depth.txt"),
        ("missing", "raw_reads", "toy_1.fastq.gz"),
    ]
    assert found(ledger, "expt") == [
        ("changed", "depth", "expt.summary.txt"),
        ("missing", "depth", "expt.depth.txt"),
    ]


def test_bytes_that_were_changed_behind_size_and_time_are_found_by_reading(ledger: Ledger, tmp_path: Path):
    change_same_size_and_time(tmp_path / "out" / "expt" / "expt.depth.txt")
    change_same_size_and_time(tmp_path / "reads" / "expt_2.fastq.gz")
    assert found(ledger) == []
    assert found(ledger, deep=True) == [
        ("changed", "depth", "expt.depth.txt"),
        ("changed", "raw_reads", "expt_2.fastq.gz"),
    ]


def test_a_file_of_another_time_is_read_and_the_record_left_as_it_is(ledger: Ledger, tmp_path: Path):
    same, other = (tmp_path / "out" / "expt" / f"expt.{name}.txt" for name in ("depth", "summary"))
    os.utime(same, ns=(1, 1))
    other.write_bytes(other.read_bytes()[::-1])
    before = all_files(tmp_path / "out")
    assert found(ledger) == [("changed", "depth", "expt.summary.txt")]
    assert all_files(tmp_path / "out") == before


def test_every_byte_is_told_once(ledger: Ledger):
    told: list[int] = []
    audit = Audit(ledger, deep=True, on_bytes=told.append)
    list(audit.findings())
    assert sum(told) == audit.looked_at["bytes"] > 0


def test_a_record_that_lies_in_anothers_place_is_told(ledger: Ledger, tmp_path: Path):
    records = tmp_path / "out" / "expt" / "records"
    (records / "depth.json").rename(records / "aligned_bam.json")
    assert ("cannot be read", "", "aligned_bam.json") in found(ledger)


def test_a_samples_own_file_that_cannot_be_read_is_told(ledger: Ledger, tmp_path: Path):
    (tmp_path / "out" / "records" / "samples" / "toy.json").write_text("[]")
    assert found(ledger, "toy") == [("cannot be read", "", "toy.json")]


def test_a_file_that_another_scopes_record_names_has_a_record(ledger: Ledger, tmp_path: Path):
    fastqs = [str(tmp_path / "out" / "toy" / f"raw_{read}.fastq.gz") for read in (1, 2)]
    for uri in fastqs:
        ledger.store.write_bytes(uri, b"reads")
    assert len(found(ledger)) == 2
    save_sample(ledger, Sample("new", (Lane("FC1", 1, fastqs[0], fastqs[1], "new"),)))
    assert found(ledger) == []
    assert found(ledger, "toy") == []


def test_the_reads_of_a_removed_sample_may_go_and_its_results_may_not(ledger: Ledger, tmp_path: Path):
    remove_samples(ledger, ["toy"])
    (tmp_path / "reads" / "toy_1.fastq.gz").unlink()
    assert found(ledger) == []
    (tmp_path / "out" / "toy" / "toy.depth.txt").unlink()
    assert found(ledger) == [("missing", "depth", "toy.depth.txt")]


def test_imported_files_are_looked_at_where_they_are(ledger: Ledger, tmp_path: Path):
    theirs = tmp_path / "theirs.bam"
    theirs.write_bytes(b"bam")
    record_result(ledger, "marked_bam", "expt", str(theirs), imported=True)
    assert found(ledger) == []
    theirs.unlink()
    assert found(ledger) == [("missing", "marked_bam", "theirs.bam")]


def test_a_place_without_project_and_a_sample_that_is_none_are_told(ledger: Ledger, tmp_path: Path):
    (tmp_path / "empty" / "folder").mkdir(parents=True)
    for folder in ("empty", "nothing"):
        with pytest.raises(InputError, match=f"there is no project in .*{folder}"):
            list(Audit(Ledger(Store(), str(tmp_path / folder))).findings())
    with pytest.raises(InputError, match="there is no sample 'nobody'"):
        list(Audit(ledger).findings(["nobody"]))


def test_a_project_in_s3_with_sources_told_by_their_etags(s3: str):
    ledger = Ledger(Store(), f"{s3}/run7")
    for name in ("reads/1.fastq.gz", "reads/2.fastq.gz"):
        ledger.store.write_bytes(f"{s3}/{name}", name.encode())
    fastqs = (f"{s3}/reads/1.fastq.gz", f"{s3}/reads/2.fastq.gz")
    save_sample(ledger, Sample("expt", (Lane("FC1", 1, *fastqs, "expt"),)))
    observe(ledger, ResultKey("raw_reads", "expt"), {"1": fastqs[0], "2": fastqs[1]})
    make_result(ledger, "depth", "expt", "expt.depth.txt")
    ledger.store.write_bytes(f"{s3}/run7/.scratch/expt/x", b"at work")
    assert found(ledger) == found(ledger, deep=True) == []
    ledger.store.write_bytes(fastqs[0], b"READS/1.fastq.gz")
    ledger.store.write_bytes(f"{s3}/run7/expt/expt.depth.txt", b"other")
    ledger.store.write_bytes(f"{s3}/run7/expt/mine", b"other")
    assert found(ledger) == [
        ("changed", "depth", "expt.depth.txt"),
        ("changed", "raw_reads", "1.fastq.gz"),
        ("has no record", "", "mine"),
    ]


def test_a_source_that_cannot_be_reached_is_told_and_the_rest_is_looked_at(ledger: Ledger, tmp_path: Path):
    fastqs = [str(tmp_path / "reads" / f"toy_{read}.fastq.gz") for read in (1, 2)]
    (tmp_path / "reads" / "toy_1.fastq.gz").unlink()
    (tmp_path / "reads" / "toy_1.fastq.gz").mkdir()
    (tmp_path / "out" / "toy" / "toy.depth.txt").unlink()
    findings = list(Audit(ledger).findings(["toy"]))
    assert {(one.trouble, one.uri) for one in findings} == {
        (FileProblem.UNREADABLE, fastqs[0]),
        (FileProblem.MISSING, str(tmp_path / "out" / "toy" / "toy.depth.txt")),
    }
