"""Verification reports everything that differs from the records, and writes nothing."""

import os
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.maintenance.verification import Audit, FileProblem
from bioinfo_assets.records.ended_samples import remove_samples
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import observe
from bioinfo_assets.records.samples import save_sample
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store
from bioinfo_assets_tests.cli.small_project import all_files, make_result, small_project
from bioinfo_assets_tests.records.recorded_results import record_result
from bioinfo_assets_tests.servers import s3, s3_server

__all__ = ["s3", "s3_server"]  # fixtures


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return small_project(tmp_path)


def problems_of(ledger: Ledger, *names: str, deep: bool = False) -> list[tuple[str, str, str]]:
    """All findings: problem, asset and file name."""
    findings = Audit(ledger, deep=deep).findings(names)
    return sorted((finding.problem.value, finding.asset, finding.uri.rpartition("/")[2]) for finding in findings)


def change_same_size_and_time(path: Path) -> None:
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("deep", [False, True])
def test_an_intact_project_has_no_findings_and_is_not_changed(ledger: Ledger, tmp_path: Path, *, deep: bool) -> None:
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
    assert (audit.checked["scopes"], audit.checked["records"], audit.checked["files"]) == (3, 5, 9)


def test_all_problems_are_reported(ledger: Ledger, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "expt" / "expt.depth.txt").unlink()
    (out / "expt" / "expt.summary.txt").write_text("other")
    (out / "toy" / "notes.txt").write_text("mine")
    (out / "toy" / "more").mkdir()
    (out / "toy" / "more" / "x").write_text("mine")
    (out / "multiqc" / "records" / "multiqc_report.json").write_text("{")
    (tmp_path / "reads" / "toy_1.fastq.gz").unlink()
    assert problems_of(ledger) == [
        ("cannot be read", "", "multiqc_report.json"),
        ("changed", "depth", "expt.summary.txt"),
        ("has no record", "", "multiqc_report.html"),
        ("has no record", "", "notes.txt"),
        ("has no record", "", "x"),
        ("missing", "depth", "expt.depth.txt"),
        ("missing", "raw_reads", "toy_1.fastq.gz"),
    ]
    assert problems_of(ledger, "expt") == [
        ("changed", "depth", "expt.summary.txt"),
        ("missing", "depth", "expt.depth.txt"),
    ]


def test_changed_bytes_with_the_same_size_and_time_are_found_by_a_deep_verification(
    ledger: Ledger, tmp_path: Path
) -> None:
    change_same_size_and_time(tmp_path / "out" / "expt" / "expt.depth.txt")
    change_same_size_and_time(tmp_path / "reads" / "expt_2.fastq.gz")
    assert problems_of(ledger) == []
    assert problems_of(ledger, deep=True) == [
        ("changed", "depth", "expt.depth.txt"),
        ("changed", "raw_reads", "expt_2.fastq.gz"),
    ]


def test_a_file_with_another_time_is_read_and_its_record_is_not_changed(ledger: Ledger, tmp_path: Path) -> None:
    same, other = (tmp_path / "out" / "expt" / f"expt.{name}.txt" for name in ("depth", "summary"))
    os.utime(same, ns=(1, 1))
    other.write_bytes(other.read_bytes()[::-1])
    before = all_files(tmp_path / "out")
    assert problems_of(ledger) == [("changed", "depth", "expt.summary.txt")]
    assert all_files(tmp_path / "out") == before


def test_every_byte_is_reported_once(ledger: Ledger) -> None:
    counts: list[int] = []
    audit = Audit(ledger, deep=True, on_bytes=counts.append)
    list(audit.findings())
    assert sum(counts) == audit.checked["bytes"] > 0


def test_a_record_in_the_place_of_another_is_reported(ledger: Ledger, tmp_path: Path) -> None:
    records = tmp_path / "out" / "expt" / "records"
    (records / "depth.json").rename(records / "aligned_bam.json")
    assert ("cannot be read", "", "aligned_bam.json") in problems_of(ledger)


def test_a_sample_file_that_cannot_be_read_is_reported(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "out" / "records" / "samples" / "toy.json").write_text("[]")
    assert problems_of(ledger, "toy") == [("cannot be read", "", "toy.json")]


def test_a_file_that_another_scopes_record_names_has_a_record(ledger: Ledger, tmp_path: Path) -> None:
    fastqs = [str(tmp_path / "out" / "toy" / f"raw_{read}.fastq.gz") for read in (1, 2)]
    for uri in fastqs:
        ledger.store.write_bytes(uri, b"reads")
    assert len(problems_of(ledger)) == 2
    save_sample(ledger, Sample("new", (Lane("FC1", 1, fastqs[0], fastqs[1], "new"),)))
    assert problems_of(ledger) == []
    assert problems_of(ledger, "toy") == []


def test_the_reads_of_a_removed_sample_may_be_deleted_but_not_its_results(ledger: Ledger, tmp_path: Path) -> None:
    remove_samples(ledger, ["toy"])
    (tmp_path / "reads" / "toy_1.fastq.gz").unlink()
    assert problems_of(ledger) == []
    (tmp_path / "out" / "toy" / "toy.depth.txt").unlink()
    assert problems_of(ledger) == [("missing", "depth", "toy.depth.txt")]


def test_imported_files_are_verified_where_they_are_stored(ledger: Ledger, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.bam"
    theirs.write_bytes(b"bam")
    record_result(ledger, "marked_bam", "expt", str(theirs), imported=True)
    assert problems_of(ledger) == []
    theirs.unlink()
    assert problems_of(ledger) == [("missing", "marked_bam", "theirs.bam")]


def test_a_folder_without_a_project_and_an_unknown_sample_are_errors(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "empty" / "folder").mkdir(parents=True)
    for folder in ("empty", "nothing"):
        with pytest.raises(InputError, match=f"there is no project in .*{folder}"):
            list(Audit(Ledger(Store(), str(tmp_path / folder))).findings())
    with pytest.raises(InputError, match="there is no sample 'nobody'"):
        list(Audit(ledger).findings(["nobody"]))


def test_a_project_in_s3_whose_sources_are_identified_by_etag(s3: str) -> None:
    ledger = Ledger(Store(), f"{s3}/run7")
    for name in ("reads/1.fastq.gz", "reads/2.fastq.gz"):
        ledger.store.write_bytes(f"{s3}/{name}", name.encode())
    fastqs = (f"{s3}/reads/1.fastq.gz", f"{s3}/reads/2.fastq.gz")
    save_sample(ledger, Sample("expt", (Lane("FC1", 1, *fastqs, "expt"),)))
    observe(ledger, ResultKey("raw_reads", "expt"), {"1": fastqs[0], "2": fastqs[1]})
    make_result(ledger, "depth", "expt", "expt.depth.txt")
    ledger.store.write_bytes(f"{s3}/run7/.scratch/expt/x", b"at work")
    assert problems_of(ledger) == problems_of(ledger, deep=True) == []
    ledger.store.write_bytes(fastqs[0], b"READS/1.fastq.gz")
    ledger.store.write_bytes(f"{s3}/run7/expt/expt.depth.txt", b"other")
    ledger.store.write_bytes(f"{s3}/run7/expt/mine", b"other")
    assert problems_of(ledger) == [
        ("changed", "depth", "expt.depth.txt"),
        ("changed", "raw_reads", "1.fastq.gz"),
        ("has no record", "", "mine"),
    ]


def test_a_source_that_cannot_be_read_is_reported_and_the_rest_is_verified(ledger: Ledger, tmp_path: Path) -> None:
    fastqs = [str(tmp_path / "reads" / f"toy_{read}.fastq.gz") for read in (1, 2)]
    (tmp_path / "reads" / "toy_1.fastq.gz").unlink()
    (tmp_path / "reads" / "toy_1.fastq.gz").mkdir()
    (tmp_path / "out" / "toy" / "toy.depth.txt").unlink()
    findings = list(Audit(ledger).findings(["toy"]))
    assert {(finding.problem, finding.uri) for finding in findings} == {
        (FileProblem.UNREADABLE, fastqs[0]),
        (FileProblem.MISSING, str(tmp_path / "out" / "toy" / "toy.depth.txt")),
    }
