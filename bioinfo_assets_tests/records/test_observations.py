"""Sources are told by what they hold, and read once while they stay as they are."""

import hashlib
import os
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import observe
from bioinfo_assets.records.record import Observation
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store


def look(folder: Path, file: Path) -> Observation:
    ledger = Ledger(Store(), str(folder / "output"))
    return observe(ledger, ResultKey("raw_reads", "expt"), {"FC1.1.1": str(file)})


def test_a_source_is_told_by_the_digest_of_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a.fastq.gz"
    file.write_bytes(b"reads")

    assert look(tmp_path, file).files[0].content == "sha256:" + hashlib.sha256(b"reads").hexdigest()


def test_the_same_bytes_written_again_are_the_same_version(tmp_path: Path) -> None:
    file = tmp_path / "a.fastq.gz"
    file.write_bytes(b"reads")
    first = look(tmp_path, file)
    os.utime(file, (1, 1))

    assert look(tmp_path, file).data_version == first.data_version


def test_other_bytes_are_another_version(tmp_path: Path) -> None:
    file = tmp_path / "a.fastq.gz"
    file.write_bytes(b"reads")
    first = look(tmp_path, file)
    file.write_bytes(b"READS")

    assert look(tmp_path, file).data_version != first.data_version


def test_a_file_that_was_not_rewritten_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.fastq.gz"
    file.write_bytes(b"reads")
    first = look(tmp_path, file)
    stat = file.stat()
    file.write_bytes(b"READS")  # as long as before, and with its old time
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert look(tmp_path, file) == first


def test_a_closer_look_is_taken_at_what_is_new_only(tmp_path: Path) -> None:
    ledger = Ledger(Store(), str(tmp_path / "output"))
    file = tmp_path / "a.fastq.gz"
    file.write_bytes(b"reads")
    looks: list[int] = []

    for _ in range(2):
        observe(ledger, ResultKey("raw_reads", "a"), {"1": str(file)}, check=lambda: looks.append(1))

    assert len(looks) == 1


def test_what_a_closer_look_refuses_is_not_recorded(tmp_path: Path) -> None:
    ledger = Ledger(Store(), str(tmp_path / "output"))
    file = tmp_path / "a.fastq.gz"
    file.write_bytes(b"no reads")

    def refuse() -> None:
        raise InputError("a.fastq.gz has no reads")

    with pytest.raises(InputError, match="has no reads"):
        observe(ledger, ResultKey("raw_reads", "a"), {"1": str(file)}, check=refuse)

    assert ledger.read_observation(ResultKey("raw_reads", "a")) is None


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.fastq\.gz"):
        look(tmp_path, tmp_path / "gone.fastq.gz")
