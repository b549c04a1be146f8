"""Sources are identified by their contents, and read only once while they are unchanged."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.observations import (
    ReadBudget,
    UnreadSourceError,
    are_unchanged,
    check_are_sources,
    observe,
)
from bioinfo_assets.records.record import Observation
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage import local_files
from bioinfo_assets.storage.store import Store


def test_reading_ends_when_it_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is interrupted waits for its threads."""
    budget, file = ReadBudget(), tmp_path / "a.fastq.gz"
    file.write_bytes(b"reads")

    def endless(_: Path) -> Iterator[bytes]:
        for _number in range(1000):
            yield b"x"
            budget.stop()
        raise AssertionError("it was read on")

    monkeypatch.setattr(local_files, "chunks", endless)
    with pytest.raises(UnreadSourceError, match="interrupted"):
        observe(Ledger(Store(), str(tmp_path / "out")), ResultKey("raw_reads", "s"), {"1": str(file)}, budget=budget)


def observe_reads(folder: Path, file: Path) -> Observation:
    ledger = Ledger(Store(), str(folder / "output"))
    return observe(ledger, ResultKey("raw_reads", "expt"), {"FC1.1.1": str(file)})


def test_a_source_is_identified_by_the_digest_of_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a.fastq.gz"
    file.write_bytes(b"reads")

    assert observe_reads(tmp_path, file).files[0].content == "sha256:" + hashlib.sha256(b"reads").hexdigest()


def test_the_same_bytes_written_again_have_the_same_version(tmp_path: Path) -> None:
    file = tmp_path / "a.fastq.gz"
    file.write_bytes(b"reads")
    first = observe_reads(tmp_path, file)
    os.utime(file, (1, 1))

    assert observe_reads(tmp_path, file).data_version == first.data_version


def test_other_bytes_have_another_version(tmp_path: Path) -> None:
    file = tmp_path / "a.fastq.gz"
    file.write_bytes(b"reads")
    first = observe_reads(tmp_path, file)
    file.write_bytes(b"READS")

    assert observe_reads(tmp_path, file).data_version != first.data_version


def test_a_file_with_the_same_size_and_time_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.fastq.gz"
    file.write_bytes(b"reads")
    first = observe_reads(tmp_path, file)
    stat = file.stat()
    file.write_bytes(b"READS")  # with its old size, and below with its old time
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert observe_reads(tmp_path, file) == first


def test_files_are_validated_only_when_they_are_new(tmp_path: Path) -> None:
    ledger = Ledger(Store(), str(tmp_path / "output"))
    file = tmp_path / "a.fastq.gz"
    file.write_bytes(b"reads")
    calls: list[int] = []

    for _ in range(2):
        observe(ledger, ResultKey("raw_reads", "a"), {"1": str(file)}, check=lambda: calls.append(1))

    assert len(calls) == 1


def test_files_that_fail_validation_are_not_recorded(tmp_path: Path) -> None:
    ledger = Ledger(Store(), str(tmp_path / "output"))
    file = tmp_path / "a.fastq.gz"
    file.write_bytes(b"no reads")

    def refuse() -> None:
        raise InputError("a.fastq.gz has no reads")

    with pytest.raises(InputError, match="has no reads"):
        observe(ledger, ResultKey("raw_reads", "a"), {"1": str(file)}, check=refuse)

    assert ledger.read_observation(ResultKey("raw_reads", "a")) is None


def test_files_that_fail_validation_are_not_read_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sensor would read hundreds of gigabytes again every five minutes."""
    ledger = Ledger(Store(), str(tmp_path / "output"))
    file = tmp_path / "a.fastq.gz"
    file.write_bytes(b"reads")
    observe(ledger, ResultKey("raw_reads", "a"), {"1": str(file)})
    file.write_bytes(b"other reads")
    read: list[str] = []
    monkeypatch.setattr(Store, "content_of", lambda _, uri: read.append(uri))

    def refuse() -> None:
        raise InputError("a.fastq.gz has no reads")

    with pytest.raises(InputError, match="has no reads"):
        observe(ledger, ResultKey("raw_reads", "a"), {"1": str(file)}, check=refuse)
    assert read == []


def test_no_more_is_read_than_a_budget_allows(tmp_path: Path) -> None:
    ledger = Ledger(Store(), str(tmp_path / "output"))
    budget = ReadBudget(10)

    def observe_within_budget(name: str, data: bytes) -> Observation:
        file = tmp_path / name
        if not file.exists():
            file.write_bytes(data)
        return observe(ledger, ResultKey("raw_reads", name), {"1": str(file)}, budget=budget)

    first = observe_within_budget("a", b"6bytes")
    with pytest.raises(UnreadSourceError, match="raw_reads of b"):
        observe_within_budget("b", b"5more")
    observe_within_budget("c", b"four")

    assert ledger.read_observation(ResultKey("raw_reads", "b")) is None
    assert observe_within_budget("a", b"") == first, "what was read before costs nothing"


def test_a_missing_source_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.fastq\.gz"):
        observe_reads(tmp_path, tmp_path / "gone.fastq.gz")


RESULTS = ["toy/toy.1.fastq.gz", "toy/toy.cutadapt.2.fastq.gz", "references/genome.fa", "multiqc/multiqc_report.html"]


@pytest.mark.parametrize("place", RESULTS)
def test_a_source_that_a_result_would_replace_is_refused(tmp_path: Path, place: str) -> None:
    ledger = Ledger(Store(), str(tmp_path / "output"))
    (tmp_path / "link").symlink_to(tmp_path / "output")
    for output in (tmp_path / "output", tmp_path / "link"):
        file = output / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"of the user")
        with pytest.raises(InputError, match=f"{file} is where this project's results are published"):
            observe(ledger, ResultKey("reference_source", "references"), {"fasta": str(file)})
    with pytest.raises(InputError, match="is where this project's results are published"):
        check_are_sources(OutputLayout("s3://bucket/run"), [f"s3://bucket/run/{place}"])


@pytest.mark.parametrize(
    "place", ["toy/toy_FC1_L1_1.fastq.gz", "toy/raw/toy.2.fastq.gz", "references/hg38/genome.fa", "a.fa"]
)
def test_a_source_elsewhere_in_the_output_path_is_accepted(place: str) -> None:
    for output in ("/data/run", "s3://bucket/run"):
        check_are_sources(OutputLayout(output), [f"{output}/{place}"])


def test_sources_are_unchanged_until_one_is_rewritten_removed_or_added(tmp_path: Path) -> None:
    ledger, key = Ledger(Store(), str(tmp_path / "output")), ResultKey("raw_reads", "expt")
    file, other = tmp_path / "a.fastq.gz", tmp_path / "b.fastq.gz"
    file.write_bytes(b"reads")
    other.write_bytes(b"reads")
    assert not are_unchanged(ledger, key, [str(file)])
    observe_reads(tmp_path, file)
    assert are_unchanged(ledger, key, [str(file)])
    assert not are_unchanged(ledger, key, [str(file), str(other)])
    os.utime(file, (1, 1))
    assert not are_unchanged(ledger, key, [str(file)])
    file.unlink()
    assert not are_unchanged(ledger, key, [str(file)])
