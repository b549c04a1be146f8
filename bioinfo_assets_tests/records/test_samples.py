"""Samples come from a samplesheet or from folders, are checked, and are kept one file each."""

import gzip
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.store import Store
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.samples import check_reads, load_sample, read_samples_file, sample_names, save_sample

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


def test_a_samplesheet_names_the_sample_whatever_the_files_are_called(tmp_path: Path) -> None:
    read1, read2 = write_pair(tmp_path, "expt", "FC1", 3)
    file = samples_file(tmp_path, "patient,sample,lane,fastq_1,fastq_2", f"p,toy,L003,{read1.name},{read2.name}")

    (sample,) = read_samples_file(STORE, file)

    assert (sample.name, sample.lanes[0].number, sample.lanes[0].read1) == ("toy", 3, str(read1))


def test_a_folder_without_reads_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(InputError, match="empty"):
        read_samples_file(STORE, samples_file(tmp_path, "empty"))


def test_samples_are_kept_and_known_by_name(tmp_path: Path) -> None:
    write_pair(tmp_path / "a", "toy", "FC1", 1)
    write_pair(tmp_path / "a", "expt", "FC1", 2)
    ledger = Ledger(STORE, str(tmp_path / "output"))
    found = read_samples_file(STORE, samples_file(tmp_path, "a"))

    assert [save_sample(ledger, sample) for sample in found] == [True, True]
    assert [save_sample(ledger, sample) for sample in found] == [False, False]
    assert sample_names(ledger) == ("expt", "toy")
    assert load_sample(ledger, "toy") == found[1]


def test_an_unknown_sample_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no sample 'nobody'"):
        load_sample(Ledger(STORE, str(tmp_path)), "nobody")


def test_reads_replaced_by_those_of_another_lane_are_told(tmp_path: Path) -> None:
    write_pair(tmp_path / "a", "expt", "FC1", 1)
    (sample,) = read_samples_file(STORE, samples_file(tmp_path, "a"))
    for lane in write_pair(tmp_path / "b", "expt", "FC9", 1):
        lane.rename(tmp_path / "a" / lane.name.replace("FC9", "FC1"))

    with pytest.raises(InputError, match="no longer of flow cell FC1, lane 1"):
        check_reads(STORE, sample)
