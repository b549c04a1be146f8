"""What was made elsewhere becomes a result, if it is what it is said to be."""

import hashlib
import os
import re
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.bam_header import EOF_BLOCK
from bioinfo_assets.genomics.read_group import ReadGroup
from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.maintenance.imports import Import, Imported, check_import, register
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.samples import load_sample, sample_names, save_sample
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps.files import IndexedBam, ReadFiles
from bioinfo_assets_tests.launch.conftest import s3, s3_server
from bioinfo_assets_tests.records.external_files import record_reference_index, write_bam, write_reads
from bioinfo_assets_tests.records.recorded_results import STORE, record_result

__all__ = ["s3", "s3_server"]  # the servers of `launch`, asked for by name below

GROUP = ReadGroup("FC1.1", "expt", "expt", "ILLUMINA", "FC1.1")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(STORE, str(tmp_path / "output"))


def do_import(
    ledger: Ledger, asset: str, *files: object, replace: bool = False, groups: tuple[ReadGroup, ...] = ()
) -> Imported:
    asked = Import(asset, "expt", tuple(map(str, files)), groups)
    return register(ledger, check_import(ledger, asked, replace=replace))


def sha256_of(path: object) -> str:
    return hashlib.sha256(Path(str(path)).read_bytes()).hexdigest()


@pytest.mark.parametrize("asset", ["marked_bam", "recalibrated_bam"])
def test_a_sorted_bam_and_its_index_become_what_the_next_step_reads(ledger: Ledger, tmp_path: Path, asset: str):
    bam = write_bam(tmp_path / "theirs" / "x.bam")

    imported = do_import(ledger, asset, bam)

    assert imported.is_new
    record = ledger.read(ResultKey(asset, "expt"))
    assert record == imported.record
    content = f"sha256:{sha256_of(bam)}"
    assert IndexedBam.of(record.files).bam == StoredFile(str(bam), bam.stat().st_size, content)
    assert IndexedBam.of(record.files).bai.uri == f"{bam}.bai"
    assert {file.key: (file.sha256, file.content) for file in record.outputs} == {
        "bam": (sha256_of(bam), content),
        "bai": (sha256_of(f"{bam}.bai"), None),
    }
    assert (record.imported, record.backend, record.job_id, record.script, record.tools) == (
        True,
        "import",
        "import",
        "",
        {},
    )
    assert record.fingerprint.startswith("imported:")
    assert ledger.check_files(record).damage == ""
    assert list((tmp_path / "output" / "expt").iterdir()) == [tmp_path / "output" / "expt" / "records"]


def test_whether_a_bam_was_recalibrated_is_not_known(ledger: Ledger, tmp_path: Path):
    bam = write_bam(tmp_path / "x.bam")
    assert do_import(ledger, "recalibrated_bam", bam).record.facts == {"recalibrated": "unknown"}


def test_a_sample_that_was_not_known_is_known_without_fastqs(ledger: Ledger, tmp_path: Path):
    do_import(ledger, "marked_bam", write_bam(tmp_path / "x.bam"))
    assert load_sample(ledger, "expt") == Sample("expt", (), imported=True)


def test_a_sample_that_was_known_keeps_its_lanes(ledger: Ledger, tmp_path: Path):
    sample = Sample("expt", (Lane("FC1", 1, "/r/1.fastq.gz", "/r/2.fastq.gz", "expt"),))
    save_sample(ledger, sample)
    do_import(ledger, "marked_bam", write_bam(tmp_path / "x.bam"))
    assert load_sample(ledger, "expt") == sample


def test_the_index_may_have_either_name_or_be_named(ledger: Ledger, tmp_path: Path):
    bam = write_bam(tmp_path / "x.bam")
    beside = Path(f"{bam}.bai").rename(tmp_path / "x.bai")
    assert do_import(ledger, "marked_bam", bam).record.file("bai").uri == str(beside)
    named = beside.rename(tmp_path / "any.bai")
    assert do_import(ledger, "recalibrated_bam", named, bam).record.file("bai").uri == str(named)


def test_a_bam_of_an_aligner_needs_no_index_and_no_word_of_its_order(ledger: Ledger, tmp_path: Path):
    bam = write_bam(tmp_path / "x.bam", order=None, index=False)
    assert [file.key for file in do_import(ledger, "aligned_bam", bam).record.outputs] == ["bam"]


def test_reads_with_their_groups(ledger: Ledger, tmp_path: Path):
    files = write_reads(tmp_path / "theirs")
    record = do_import(ledger, "trimmed_reads", *files, groups=(GROUP,)).record
    assert ReadFiles.of(record.files).reads2.content == f"sha256:{sha256_of(files[1])}"
    assert dict(record.parameters) == {"read_groups": (GROUP.header_line(),)}
    assert not do_import(ledger, "trimmed_reads", *files, groups=(GROUP,)).is_new


def test_reads_of_a_sample_whose_lanes_tell_their_groups(ledger: Ledger, tmp_path: Path):
    save_sample(ledger, Sample("expt", (Lane("FC1", 1, "/r/1.fastq.gz", "/r/2.fastq.gz", "expt"),)))
    assert dict(do_import(ledger, "merged_reads", *write_reads(tmp_path)).record.parameters) == {}
    with pytest.raises(InputError, match=r"reads of read group FC9.1, and of sample expt it has FC1.1"):
        do_import(ledger, "trimmed_reads", *write_reads(tmp_path / "b", "RG:Z:FC9.1"))


def test_the_same_again_is_there_already(ledger: Ledger, tmp_path: Path):
    bam = write_bam(tmp_path / "x.bam")
    first = do_import(ledger, "marked_bam", bam)
    again = do_import(ledger, "marked_bam", bam)
    assert (again.is_new, again.record) == (False, first.record)
    bam.write_bytes(bam.read_bytes())  # the same bytes, written anew
    assert not do_import(ledger, "marked_bam", bam).is_new
    assert not (tmp_path / "output" / "expt" / "records" / "history").exists()
    assert ledger.read(ResultKey("marked_bam", "expt")).finished == first.record.finished
    assert ledger.read(ResultKey("marked_bam", "expt")).file("bam").stamp == str(bam.stat().st_mtime_ns)


def test_another_file_takes_its_place_and_the_old_record_stays_readable(ledger: Ledger, tmp_path: Path):
    first = do_import(ledger, "marked_bam", write_bam(tmp_path / "x.bam"))
    second = do_import(ledger, "marked_bam", write_bam(tmp_path / "y.bam", positions=[("r9", 5)]))
    assert second.is_new
    assert second.record.fingerprint != first.record.fingerprint
    (past,) = STORE.list(f"{ledger.output_path}/expt/records/history")
    assert first.record.file("bam").content in STORE.read_bytes(past).decode()
    assert (tmp_path / "x.bam").exists()


def test_a_result_that_a_job_made_is_replaced_only_if_that_is_wished(ledger: Ledger, tmp_path: Path):
    own = f"{ledger.output_path}/expt/expt.bam"
    STORE.write_bytes(own, b"made here")
    made = record_result(ledger, "marked_bam", "expt", own)
    bam = write_bam(tmp_path / "x.bam")
    with pytest.raises(InputError, match=r"there is a marked_bam of expt that a job made on .*--replace"):
        do_import(ledger, "marked_bam", bam)
    assert ledger.read(ResultKey("marked_bam", "expt")) == made
    assert do_import(ledger, "marked_bam", bam, replace=True).is_new
    assert len(STORE.list(f"{ledger.output_path}/expt/records/history")) == 1
    assert STORE.exists(own)


def test_a_bam_in_s3_is_registered_from_there(ledger: Ledger, tmp_path: Path, s3: str):
    bam = write_bam(tmp_path / "x.bam")
    for path in (bam, Path(f"{bam}.bai")):
        STORE.put(path, f"{s3}/theirs/{path.name}")
    record = do_import(ledger, "marked_bam", f"{s3}/theirs/x.bam").record
    assert [file.uri for file in record.outputs] == [f"{s3}/theirs/x.bam", f"{s3}/theirs/x.bam.bai"]
    assert record.file("bam").content == f"sha256:{sha256_of(bam)}"
    assert ledger.check_files(record).damage == ""


def test_progress_counts_every_byte(ledger: Ledger, tmp_path: Path):
    bam, told = write_bam(tmp_path / "x.bam"), []
    checked = check_import(ledger, Import("marked_bam", "expt", (str(bam),)))
    register(ledger, checked, told.append)
    assert sum(told) == checked.size == bam.stat().st_size + Path(f"{bam}.bai").stat().st_size


def test_contigs_are_compared_with_the_reference(ledger: Ledger, tmp_path: Path):
    bam = write_bam(tmp_path / "x.bam")
    (said,) = check_import(ledger, Import("marked_bam", "expt", (str(bam),))).warnings
    assert "were not compared" in said
    do_import(ledger, "marked_bam", bam)
    record_reference_index(ledger)
    again = do_import(ledger, "marked_bam", bam)
    assert (again.is_new, again.record.warnings) == (False, ())
    assert ledger.read(ResultKey("marked_bam", "expt")) == again.record
    record_reference_index(ledger, [("chr1", 5000), ("chrM", 16569)])
    with pytest.raises(InputError, match=r"not aligned to the reference of this project: its contig 1 is chrM \(16569"):
        do_import(ledger, "marked_bam", bam)


def test_an_index_that_is_older_than_its_bam_is_registered_with_a_warning(ledger: Ledger, tmp_path: Path):
    bam = write_bam(tmp_path / "x.bam")
    record_reference_index(ledger)
    os.utime(f"{bam}.bai", ns=(0, 1))
    (said,) = do_import(ledger, "marked_bam", bam).record.warnings
    assert said.startswith(f"{bam}.bai is older than its BAM")


def test_who_interrupts_does_not_wait_until_all_is_read(ledger: Ledger, tmp_path: Path):
    bam = write_bam(tmp_path / "x.bam")
    checked = check_import(ledger, Import("marked_bam", "expt", (str(bam),)))

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        register(ledger, checked, interrupt)
    assert ledger.read(ResultKey("marked_bam", "expt")) is None


class TestNothingIsWritten:
    """Of what is not as it should be, nothing is registered, and one sentence tells what to do."""

    def refused(
        self, ledger: Ledger, said: str, asset: str, *files: object, groups: tuple[ReadGroup, ...] = ()
    ) -> None:
        with pytest.raises(InputError, match=said) as caught:
            do_import(ledger, asset, *files, groups=groups)
        assert "\n" not in str(caught.value)
        assert ledger.read(ResultKey(asset, "expt")) is None
        assert sample_names(ledger) == ()

    def test_of_another_sample(self, ledger: Ledger, tmp_path: Path):
        bam = write_bam(tmp_path / "x.bam", "toy")
        self.refused(ledger, "read groups of sample 'toy' .* to be of sample 'expt'", "marked_bam", bam)

    def test_without_read_groups(self, ledger: Ledger, tmp_path: Path):
        self.refused(ledger, "has no read groups.*addreplacerg", "marked_bam", write_bam(tmp_path / "x.bam", ""))

    def test_cut_short(self, ledger: Ledger, tmp_path: Path):
        bam = write_bam(tmp_path / "x.bam")
        bam.write_bytes(bam.read_bytes()[: -len(EOF_BLOCK)])
        self.refused(ledger, "is cut short", "marked_bam", bam)

    def test_no_bam(self, ledger: Ledger, tmp_path: Path):
        bam = write_bam(tmp_path / "x.bam")
        bam.write_text("@HD\tVN:1.6\n")
        self.refused(ledger, "is not a BAM", "marked_bam", bam)

    def test_not_sorted(self, ledger: Ledger, tmp_path: Path):
        bam = write_bam(tmp_path / "x.bam")
        names = write_bam(tmp_path / "y.bam", order="queryname", index=False)
        names.rename(bam)
        Path(f"{bam}.bai").unlink()  # `samtools index`, which could not make one, is not what helps
        self.refused(ledger, "its header says queryname .*samtools sort", "marked_bam", bam)

    @pytest.mark.parametrize(
        ("order", "positions"),
        [("coordinate", [("r1", 10)]), (None, [("r1", 10), ("r2", 20), ("r1", 30)])],
        ids=["by its header", "by its records"],
    )
    def test_not_in_the_order_of_reads(
        self, ledger: Ledger, tmp_path: Path, order: str | None, positions: list[tuple[str, int]]
    ):
        bam = write_bam(tmp_path / "x.bam", order=order, positions=positions, index=False)
        self.refused(ledger, "samtools collate", "aligned_bam", bam)

    def test_without_index(self, ledger: Ledger, tmp_path: Path):
        bam = write_bam(tmp_path / "my x.bam", index=False)
        said = re.escape(f"has no index beside it: make it with `samtools index -b '{bam}'`")
        self.refused(ledger, said, "recalibrated_bam", bam)

    def test_with_the_index_of_another_bam(self, ledger: Ledger, tmp_path: Path):
        bam = write_bam(tmp_path / "x.bam")
        other = write_bam(tmp_path / "y.bam", contigs=[("chrM", 16569)])
        self.refused(ledger, "is of a BAM with 1 contigs, and .* has 2", "marked_bam", bam, f"{other}.bai")

    def test_files_that_are_not_there(self, ledger: Ledger, tmp_path: Path):
        self.refused(ledger, "x.bam does not exist", "marked_bam", tmp_path / "x.bam")
        self.refused(ledger, "x.bam does not exist", "aligned_bam", tmp_path / "x.bam")

    def test_raw_reads(self, ledger: Ledger, tmp_path: Path):
        files = write_reads(tmp_path, "1:N:0:ACGT")
        self.refused(ledger, "comments tell no read group .*samples add", "merged_reads", *files)

    def test_reads_whose_groups_nobody_knows(self, ledger: Ledger, tmp_path: Path):
        self.refused(ledger, "none of it is known: give each with --read-group", "merged_reads", *write_reads(tmp_path))

    def test_reads_that_are_no_pair(self, ledger: Ledger, tmp_path: Path):
        first, _ = write_reads(tmp_path / "a")
        _, second = write_reads(tmp_path / "b", pairs=2)
        self.refused(ledger, "has 3 reads and .* has 2", "trimmed_reads", first, second, groups=(GROUP,))

    def test_another_number_of_files(self, ledger: Ledger, tmp_path: Path):
        bam = write_bam(tmp_path / "x.bam")
        self.refused(ledger, "is two FASTQs, not 1", "trimmed_reads", bam)
        self.refused(ledger, "is one BAM and its index", "marked_bam", bam, tmp_path / "y.bam")
        self.refused(ledger, "aligned_bam is one BAM, not", "aligned_bam", bam, f"{bam}.bai")
        self.refused(ledger, "is named twice", "marked_bam", bam, bam)

    def test_another_asset(self, ledger: Ledger, tmp_path: Path):
        self.refused(ledger, "'depth' cannot be imported: import as one of merged_reads", "depth", tmp_path / "x")

    def test_a_file_where_jobs_write(self, ledger: Ledger):
        bam = write_bam(Path(ledger.output_path) / "expt" / "expt.bam")
        self.refused(ledger, "lies among this project's own results", "marked_bam", bam)

    def test_a_file_that_is_written_meanwhile(self, ledger: Ledger, tmp_path: Path):
        bam = write_bam(tmp_path / "x.bam")
        checked = check_import(ledger, Import("marked_bam", "expt", (str(bam),)))
        with bam.open("ab") as file:
            file.write(b"more")
        with pytest.raises(InputError, match="was written to while it was read"):
            register(ledger, checked)
        assert ledger.read(ResultKey("marked_bam", "expt")) is None
