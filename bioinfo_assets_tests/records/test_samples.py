"""Samples are read from a samplesheet or from folders, checked, and saved in one file each."""

import gzip
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.records.ended_samples import remove_samples, rename_sample
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.reuse import imported_result
from bioinfo_assets.records.samples import (
    check_reads,
    load_sample,
    past_samples,
    read_rows,
    read_samples_file,
    sample_names,
    save_sample,
    save_samples,
)
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import MAX_SMALL_BYTES, Store
from bioinfo_assets_tests.records.recorded_results import record_result
from bioinfo_assets_tests.servers import s3, s3_server

__all__ = ["s3", "s3_server"]  # fixtures

STORE = Store()


def write_pair(folder: Path, name: str, flowcell: str, lane: int, *, bases: str = "ACGT") -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for read in (1, 2):
        header = f"@M1:7:{flowcell}:{lane}:1101:1000:2000 {read}:N:0:ACGTACGT"
        file = folder / f"{name}_{flowcell}_L{lane}_{read}.fastq.gz"
        file.write_bytes(gzip.compress(f"{header}\n{bases}\n+\n{'F' * len(bases)}\n".encode()))
        files.append(file)
    return files[0], files[1]


def samples_file(folder: Path, *lines: object) -> str:
    file = folder / "samples.txt"
    file.write_text("".join(f"{line}\n" for line in lines))
    return str(file)


def test_one_name_in_two_folders_is_one_sample_with_its_lanes_joined(tmp_path: Path) -> None:
    write_pair(tmp_path / "monday", "expt", "FC1", 1)
    write_pair(tmp_path / "tuesday", "expt", "FC2", 1)

    (sample,) = read_samples_file(STORE, samples_file(tmp_path, tmp_path / "monday", "tuesday"))

    assert sample.name == "expt"
    assert [(lane.flowcell, lane.number) for lane in sample.lanes] == [("FC1", 1), ("FC2", 1)]


def test_a_samplesheet_names_the_sample_regardless_of_file_names(tmp_path: Path) -> None:
    read1, read2 = write_pair(tmp_path, "expt", "FC1", 3)
    file = samples_file(tmp_path, "patient,sample,lane,fastq_1,fastq_2", f"p,toy,L003,{read1.name},{read2.name}")

    (sample,) = read_samples_file(STORE, file)

    assert (sample.name, sample.lanes[0].number, sample.lanes[0].read1) == ("toy", 3, str(read1))


def test_a_folder_without_reads_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(InputError, match="empty"):
        read_samples_file(STORE, samples_file(tmp_path, "empty"))


def test_samples_are_saved_and_loaded_by_name(tmp_path: Path) -> None:
    write_pair(tmp_path / "a", "toy", "FC1", 1)
    write_pair(tmp_path / "a", "expt", "FC1", 2)
    ledger = Ledger(STORE, str(tmp_path / "output"))
    samples = read_samples_file(STORE, samples_file(tmp_path, "a"))

    assert [save_sample(ledger, sample) for sample in samples] == [True, True]
    assert [save_sample(ledger, sample) for sample in samples] == [False, False]
    assert sample_names(ledger) == ("expt", "toy")
    assert load_sample(ledger, "toy") == samples[1]


def test_an_unknown_sample_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no sample 'nobody'"):
        load_sample(Ledger(STORE, str(tmp_path)), "nobody")


def test_reads_that_were_replaced_by_those_of_another_lane_are_an_error(tmp_path: Path) -> None:
    reads = [tmp_path / f"reads_{number}.fastq.gz" for number in (1, 2)]

    def write_reads(flowcell: str) -> None:
        for file, path in zip(write_pair(tmp_path / "lane", "expt", flowcell, 1), reads, strict=True):
            file.rename(path)

    write_reads("FC1")
    sheet = tmp_path / "samples.csv"
    sheet.write_text(f"sample,lane,fastq_1,fastq_2\nexpt,1,{reads[0]},{reads[1]}\n")
    (sample,) = read_samples_file(STORE, str(sheet))
    write_reads("FC9")

    with pytest.raises(InputError, match="no longer belongs to flow cell FC1, lane 1"):
        check_reads(STORE, sample)


def lane(library: str, number: int = 1) -> Lane:
    return Lane(
        "FC1", number, f"/reads/{library}_L{number}_1.fastq.gz", f"/reads/{library}_L{number}_2.fastq.gz", library
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(STORE, str(tmp_path / "output"))
    for name in ("expt", "toy"):
        save_sample(ledger, Sample(name, (lane(name),)))
    return ledger


def test_a_removed_sample_is_kept_with_user_and_time(ledger: Ledger) -> None:
    sample = load_sample(ledger, "toy")

    remove_samples(ledger, ["toy"])

    assert sample_names(ledger) == ("expt",)
    (past,) = past_samples(ledger)
    assert (past.sample, past.end, past.new_name) == (sample, "removed", "")
    assert past.by
    assert past.at.utcoffset() is not None


def test_no_sample_is_removed_if_one_is_unknown(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="there is no sample 'nobody'"):
        remove_samples(ledger, ["toy", "nobody"])

    assert sample_names(ledger) == ("expt", "toy")
    assert past_samples(ledger) == ()


def test_a_name_can_be_added_and_removed_repeatedly(ledger: Ledger) -> None:
    sample = load_sample(ledger, "toy")
    for _ in range(2):
        save_sample(ledger, sample)
        remove_samples(ledger, ["toy"])
    save_sample(ledger, sample)

    assert sample_names(ledger) == ("expt", "toy")
    assert [past.sample.name for past in past_samples(ledger)] == ["toy", "toy"]


def test_a_renamed_sample_keeps_its_lanes_and_renames_the_library_that_had_its_name(ledger: Ledger) -> None:
    save_sample(ledger, Sample("toy", (lane("toy", 1), lane("lib2", 2))))

    rename_sample(ledger, "toy", "child")

    assert sample_names(ledger) == ("child", "expt")
    lanes = load_sample(ledger, "child").lanes
    assert {(lane.number, lane.library, lane.read1) for lane in lanes} == {
        (1, "child", "/reads/toy_L1_1.fastq.gz"),
        (2, "lib2", "/reads/lib2_L2_1.fastq.gz"),
    }
    (past,) = past_samples(ledger)
    assert (past.sample.name, past.end, past.new_name) == ("toy", "renamed", "child")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("nobody", "child", "there is no sample 'nobody'"),
        ("toy", "expt", "there already is a sample expt"),
        ("toy", "toy", "there already is a sample toy"),
        ("toy", "a/b", "'a/b' is not a valid sample name"),
        ("toy", "references", "reserved for a folder"),
    ],
)
def test_an_invalid_rename_changes_nothing(ledger: Ledger, old: str, new: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rename_sample(ledger, old, new)

    assert sample_names(ledger) == ("expt", "toy")
    assert past_samples(ledger) == ()


def test_an_imported_sample_has_no_lanes(ledger: Ledger) -> None:
    save_sample(ledger, Sample("alien", (), imported=True))

    assert load_sample(ledger, "alien").lanes == ()
    with pytest.raises(InputError, match="alien has no FASTQs, because it was imported"):
        check_reads(STORE, load_sample(ledger, "alien"))
    with pytest.raises(InputError, match="alien was imported, and its read groups name it"):
        rename_sample(ledger, "alien", "human")


@pytest.mark.parametrize(
    "end", [lambda ledger: remove_samples(ledger, ["toy"]), lambda ledger: rename_sample(ledger, "toy", "boy")]
)
def test_an_import_is_not_used_for_a_later_sample_of_the_same_name(
    ledger: Ledger, end: Callable[[Ledger], object]
) -> None:
    """No job would replace it; its record moves to the history."""
    bam = Path(ledger.output_path).parent / "theirs.bam"
    bam.write_bytes(b"bam")
    record_result(ledger, "recalibrated_bam", "toy", str(bam), imported=True)

    end(ledger)

    assert imported_result(ledger, ledger.read(ResultKey("recalibrated_bam", "toy"))) is None
    history = ledger.store.list(f"{ledger.output_path}/toy/records/history")
    assert [uri.rpartition("/")[2].partition(".")[0] for uri in history] == ["recalibrated_bam"]
    assert bam.exists()


@pytest.mark.parametrize(
    "end", [lambda ledger: remove_samples(ledger, ["toy"]), lambda ledger: rename_sample(ledger, "toy", "boy")]
)
def test_a_sample_whose_import_cannot_be_withdrawn_stays(
    ledger: Ledger, end: Callable[[Ledger], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later sample of its name would get the import for its own result."""
    bam = Path(ledger.output_path).parent / "theirs.bam"
    bam.write_bytes(b"bam")
    record_result(ledger, "recalibrated_bam", "toy", str(bam), imported=True)

    def fail(*_: object) -> None:
        raise InputError("the folder cannot be written to")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "move", fail)
        with pytest.raises(InputError, match="cannot be written to"):
            end(ledger)
    assert sample_names(ledger) == ("expt", "toy")
    assert past_samples(ledger) == ()

    end(ledger)
    assert imported_result(ledger, ledger.read(ResultKey("recalibrated_bam", "toy"))) is None


def test_a_sample_that_is_added_again_stays_imported(ledger: Ledger) -> None:
    """What an imported result makes unnecessary is not computed."""
    sample = load_sample(ledger, "toy")
    save_sample(ledger, replace(sample, imported=True))
    assert not save_sample(ledger, sample)
    assert load_sample(ledger, "toy").imported
    rename_sample(ledger, "toy", "child")
    assert not load_sample(ledger, "child").imported, "its results are those of the old name"


def test_a_sample_without_lanes_that_was_not_imported_is_invalid(ledger: Ledger) -> None:
    STORE.write_bytes(f"{ledger.output_path}/records/samples/bad.json", b'{"name": "bad", "lanes": []}')

    with pytest.raises(InputError, match="bad has no FASTQs"):
        load_sample(ledger, "bad")


class MeetingStore(Store):
    """A store in which a read waits for a second one, and to look whether a file exists is an error."""

    barrier = threading.Barrier(2, timeout=20)

    def read_small(self, uri: str, max_bytes: int = MAX_SMALL_BYTES) -> bytes:
        self.barrier.wait()
        return super().read_small(uri, max_bytes)

    def exists(self, uri: str) -> bool:
        raise AssertionError(uri)


def test_samples_in_s3_are_saved_together_each_with_one_read(s3: str) -> None:
    """There are ten thousand of them, and a request takes hundredths of a second."""
    samples = [Sample(name, (lane(name),)) for name in ("a", "b", "c", "d")]
    ledger = Ledger(MeetingStore(), f"{s3}/run7")
    assert save_samples(ledger, samples) == (True,) * 4
    assert save_samples(ledger, samples) == (False,) * 4
    assert sample_names(ledger) == ("a", "b", "c", "d")


def test_the_folders_of_a_list_are_read_together(tmp_path: Path) -> None:
    class Folders(Store):
        barrier = threading.Barrier(2, timeout=20)

        def list(self, folder: str, *, recursive: bool = False) -> tuple[str, ...]:
            self.barrier.wait()
            return super().list(folder, recursive=recursive)

    names = ["a", "b", "c", "d"]
    for name in names:
        write_pair(tmp_path / name, name, "FC1", 1)
    rows = read_rows(Folders(), samples_file(tmp_path, *names))
    assert [row.sample for row in rows] == names
