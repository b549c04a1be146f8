"""Files from other pipelines become results, if they are suitable."""

import gzip
import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.application.plan import Request
from bioinfo_assets.application.preflight import make_plan
from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.bam_header import EOF_BLOCK
from bioinfo_assets.genomics.read_group import ReadGroup
from bioinfo_assets.genomics.sample import Lane, Sample
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.maintenance.imports import IMPORTABLE, Import, Imported, check_import, register
from bioinfo_assets.pipeline.graph import ASSETS
from bioinfo_assets.pipeline.project import Project
from bioinfo_assets.pipeline.result_state import superseded_by_sample
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.samples import load_sample, sample_names, save_sample
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.settings import Settings
from bioinfo_assets.steps.files import IndexedBam, ReadFiles
from bioinfo_assets_tests.records.external_files import record_reference_index, write_bam, write_reads
from bioinfo_assets_tests.records.recorded_results import STORE, record_result
from bioinfo_assets_tests.servers import s3, s3_server

__all__ = ["s3", "s3_server"]  # fixtures

GROUP = ReadGroup("FC1.1", "expt", "expt", "ILLUMINA", "FC1.1")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(STORE, str(tmp_path / "output"))


def do_import(
    ledger: Ledger, asset: str, *files: object, replace: bool = False, groups: tuple[ReadGroup, ...] = ()
) -> Imported:
    request = Import(asset, "expt", tuple(map(str, files)), groups)
    return register(ledger, check_import(ledger, request, replace=replace))


def sha256_of(path: object) -> str:
    return hashlib.sha256(Path(str(path)).read_bytes()).hexdigest()


@pytest.mark.parametrize("asset", ["marked_bam", "recalibrated_bam"])
def test_a_sorted_bam_and_its_index_become_inputs_of_the_next_step(ledger: Ledger, tmp_path: Path, asset: str) -> None:
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


def test_whether_an_imported_bam_was_recalibrated_is_unknown(ledger: Ledger, tmp_path: Path) -> None:
    bam = write_bam(tmp_path / "x.bam")
    assert do_import(ledger, "recalibrated_bam", bam).record.facts == {"recalibrated": "unknown"}


def test_a_new_sample_is_added_without_fastqs(ledger: Ledger, tmp_path: Path) -> None:
    do_import(ledger, "marked_bam", write_bam(tmp_path / "x.bam"))
    assert load_sample(ledger, "expt") == Sample("expt", (), imported=True)


def test_an_existing_sample_keeps_its_lanes(ledger: Ledger, tmp_path: Path) -> None:
    sample = Sample("expt", (Lane("FC1", 1, "/r/1.fastq.gz", "/r/2.fastq.gz", "expt"),))
    save_sample(ledger, sample)
    do_import(ledger, "marked_bam", write_bam(tmp_path / "x.bam"))
    assert load_sample(ledger, "expt") == replace(sample, imported=True)


def test_what_only_an_imported_result_would_need_is_not_computed(ledger: Ledger, tmp_path: Path) -> None:
    """Whether the sample has FASTQs, and whether they were added before or after the import."""
    project = Project(Settings(output_path=ledger.output_path))
    sample = Sample("expt", (Lane("FC1", 1, "/r/1.fastq.gz", "/r/2.fastq.gz", "expt"),))
    save_sample(ledger, sample)
    assert superseded_by_sample(project, ["expt"]) == {}
    do_import(ledger, "marked_bam", write_bam(tmp_path / "x.bam"))
    upstream = {"merged_reads", "trimmed_reads", "aligned_bam"}
    assert superseded_by_sample(project, ["expt"])["expt"] >= upstream
    save_sample(ledger, sample)
    assert superseded_by_sample(project, ["expt"])["expt"] >= upstream


def test_an_imported_result_counts_where_a_samples_file_names_its_sample_again(ledger: Ledger, tmp_path: Path) -> None:
    do_import(ledger, "marked_bam", write_bam(tmp_path / "x.bam"))
    for read in (1, 2):
        record = f"@M:1:FC1:1:1:1:1 {read}:N:0:A\nA\n+\nI\n"
        (tmp_path / f"expt_L001_R{read}.fastq.gz").write_bytes(gzip.compress(record.encode()))
    sheet = tmp_path / "samples.csv"
    sheet.write_text("sample,fastq_1,fastq_2\nexpt,expt_L001_R1.fastq.gz,expt_L001_R2.fastq.gz\n")
    plan = make_plan(Request(ledger.output_path, str(sheet), {"known_sites": ()}))
    assert [sample.name for sample in plan.new] == ["expt"]
    assert plan.superseded["expt"] >= {"merged_reads", "trimmed_reads", "aligned_bam"}


def test_the_index_may_have_either_name_or_be_given(ledger: Ledger, tmp_path: Path) -> None:
    bam = write_bam(tmp_path / "x.bam")
    other_name = Path(f"{bam}.bai").rename(tmp_path / "x.bai")
    assert do_import(ledger, "marked_bam", bam).record.file("bai").uri == str(other_name)
    any_name = other_name.rename(tmp_path / "any.bai")
    assert do_import(ledger, "recalibrated_bam", any_name, bam).record.file("bai").uri == str(any_name)


def test_a_bam_of_an_aligner_needs_no_index_and_no_sort_order(ledger: Ledger, tmp_path: Path) -> None:
    bam = write_bam(tmp_path / "x.bam", order=None, index=False)
    assert [file.key for file in do_import(ledger, "aligned_bam", bam).record.outputs] == ["bam"]


def test_reads_are_imported_with_their_read_groups(ledger: Ledger, tmp_path: Path) -> None:
    files = write_reads(tmp_path / "theirs")
    record = do_import(ledger, "trimmed_reads", *files, groups=(GROUP,)).record
    assert ReadFiles.of(record.files).reads2.content == f"sha256:{sha256_of(files[1])}"
    assert dict(record.parameters) == {"read_groups": (GROUP.header_line(),)}
    assert not do_import(ledger, "trimmed_reads", *files, groups=(GROUP,)).is_new


def test_reads_need_no_read_groups_if_the_samples_lanes_define_them(ledger: Ledger, tmp_path: Path) -> None:
    save_sample(ledger, Sample("expt", (Lane("FC1", 1, "/r/1.fastq.gz", "/r/2.fastq.gz", "expt"),)))
    assert dict(do_import(ledger, "merged_reads", *write_reads(tmp_path)).record.parameters) == {}
    with pytest.raises(InputError, match=r"reads of read group FC9.1, but sample expt has FC1.1"):
        do_import(ledger, "trimmed_reads", *write_reads(tmp_path / "b", "RG:Z:FC9.1"))


def test_importing_the_same_files_again_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    bam = write_bam(tmp_path / "x.bam")
    first = do_import(ledger, "marked_bam", bam)
    again = do_import(ledger, "marked_bam", bam)
    assert (again.is_new, again.record) == (False, first.record)
    bam.write_bytes(bam.read_bytes())  # the same bytes, written again
    assert not do_import(ledger, "marked_bam", bam).is_new
    assert not (tmp_path / "output" / "expt" / "records" / "history").exists()
    record = ledger.read(ResultKey("marked_bam", "expt"))
    assert record is not None
    assert record.finished == first.record.finished
    assert record.outputs[0].stamp == str(bam.stat().st_mtime_ns)


def test_importing_other_files_moves_the_old_record_to_the_history(ledger: Ledger, tmp_path: Path) -> None:
    first = do_import(ledger, "marked_bam", write_bam(tmp_path / "x.bam"))
    second = do_import(ledger, "marked_bam", write_bam(tmp_path / "y.bam", positions=[("r9", 5)]))
    assert second.is_new
    assert second.record.fingerprint != first.record.fingerprint
    (past,) = STORE.list(f"{ledger.output_path}/expt/records/history")
    assert f"sha256:{first.record.outputs[0].sha256}" in STORE.read_bytes(past).decode()
    assert (tmp_path / "x.bam").exists()


def test_a_result_that_a_job_computed_is_replaced_only_on_request(ledger: Ledger, tmp_path: Path) -> None:
    own = f"{ledger.output_path}/expt/expt.bam"
    STORE.write_bytes(own, b"computed here")
    computed = record_result(ledger, "marked_bam", "expt", own)
    bam = write_bam(tmp_path / "x.bam")
    with pytest.raises(InputError, match=r"a job computed marked_bam of expt on .*--replace"):
        do_import(ledger, "marked_bam", bam)
    assert ledger.read(ResultKey("marked_bam", "expt")) == computed
    assert do_import(ledger, "marked_bam", bam, replace=True).is_new
    assert len(STORE.list(f"{ledger.output_path}/expt/records/history")) == 1
    assert STORE.exists(own)


def test_a_result_that_a_job_publishes_during_an_import_is_not_replaced(ledger: Ledger, tmp_path: Path) -> None:
    request = Import("marked_bam", "expt", (str(write_bam(tmp_path / "x.bam")),))
    checked = check_import(ledger, request)
    own = f"{ledger.output_path}/expt/expt.bam"
    STORE.write_bytes(own, b"computed here")
    computed = record_result(ledger, "marked_bam", "expt", own)
    with pytest.raises(InputError, match=r"a job computed marked_bam of expt on .*--replace"):
        register(ledger, checked)
    assert ledger.read(ResultKey("marked_bam", "expt")) == computed


def test_a_bam_in_s3_is_imported_from_there(ledger: Ledger, tmp_path: Path, s3: str) -> None:
    bam = write_bam(tmp_path / "x.bam")
    for path in (bam, Path(f"{bam}.bai")):
        STORE.put(path, f"{s3}/theirs/{path.name}")
    record = do_import(ledger, "marked_bam", f"{s3}/theirs/x.bam").record
    assert [file.uri for file in record.outputs] == [f"{s3}/theirs/x.bam", f"{s3}/theirs/x.bam.bai"]
    assert record.file("bam").content == f"sha256:{sha256_of(bam)}"
    assert ledger.check_files(record).damage == ""


def test_progress_counts_every_byte(ledger: Ledger, tmp_path: Path) -> None:
    counts: list[int] = []
    bam = write_bam(tmp_path / "x.bam")
    checked = check_import(ledger, Import("marked_bam", "expt", (str(bam),)))
    register(ledger, checked, counts.append)
    assert sum(counts) == checked.size == bam.stat().st_size + Path(f"{bam}.bai").stat().st_size


def test_contigs_are_compared_with_the_reference(ledger: Ledger, tmp_path: Path) -> None:
    bam = write_bam(tmp_path / "x.bam")
    (warning,) = check_import(ledger, Import("marked_bam", "expt", (str(bam),))).warnings
    assert "were not compared" in warning
    do_import(ledger, "marked_bam", bam)
    record_reference_index(ledger)
    again = do_import(ledger, "marked_bam", bam)
    assert (again.is_new, again.record.warnings) == (False, ())
    assert ledger.read(ResultKey("marked_bam", "expt")) == again.record
    record_reference_index(ledger, [("chr1", 5000), ("chrM", 16569)])
    with pytest.raises(InputError, match=r"not aligned to the reference of this project: its contig 1 is chrM \(16569"):
        do_import(ledger, "marked_bam", bam)


def test_an_index_that_is_older_than_its_bam_is_imported_with_a_warning(ledger: Ledger, tmp_path: Path) -> None:
    bam = write_bam(tmp_path / "x.bam")
    record_reference_index(ledger)
    os.utime(f"{bam}.bai", ns=(0, 1))
    (warning,) = do_import(ledger, "marked_bam", bam).record.warnings
    assert warning.startswith(f"{bam}.bai is older than its BAM")


def test_an_interrupt_does_not_wait_until_all_files_are_read(ledger: Ledger, tmp_path: Path) -> None:
    bam = write_bam(tmp_path / "x.bam")
    checked = check_import(ledger, Import("marked_bam", "expt", (str(bam),)))

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        register(ledger, checked, interrupt)
    assert ledger.read(ResultKey("marked_bam", "expt")) is None


def test_the_importable_assets_are_assets_of_the_pipeline() -> None:
    assert set(IMPORTABLE) <= set(ASSETS)


class TestUnsuitableFiles:
    """Nothing is recorded, and the message is one sentence with the remedy."""

    def check_refused(
        self, ledger: Ledger, message: str, asset: str, *files: object, groups: tuple[ReadGroup, ...] = ()
    ) -> None:
        with pytest.raises(InputError, match=message) as caught:
            do_import(ledger, asset, *files, groups=groups)
        assert "\n" not in str(caught.value)
        assert ledger.read(ResultKey(asset, "expt")) is None
        assert sample_names(ledger) == ()

    def test_of_another_sample(self, ledger: Ledger, tmp_path: Path) -> None:
        bam = write_bam(tmp_path / "x.bam", "toy")
        self.check_refused(ledger, "read groups of sample 'toy' .* imported for sample 'expt'", "marked_bam", bam)

    def test_without_read_groups(self, ledger: Ledger, tmp_path: Path) -> None:
        self.check_refused(ledger, "has no read groups.*addreplacerg", "marked_bam", write_bam(tmp_path / "x.bam", ""))

    def test_truncated(self, ledger: Ledger, tmp_path: Path) -> None:
        bam = write_bam(tmp_path / "x.bam")
        bam.write_bytes(bam.read_bytes()[: -len(EOF_BLOCK)])
        self.check_refused(ledger, "is truncated", "marked_bam", bam)

    def test_no_bam(self, ledger: Ledger, tmp_path: Path) -> None:
        bam = write_bam(tmp_path / "x.bam")
        bam.write_text("@HD\tVN:1.6\n")
        self.check_refused(ledger, "is not a BAM", "marked_bam", bam)

    def test_not_sorted(self, ledger: Ledger, tmp_path: Path) -> None:
        bam = write_bam(tmp_path / "x.bam")
        names = write_bam(tmp_path / "y.bam", order="queryname", index=False)
        names.rename(bam)
        Path(f"{bam}.bai").unlink()  # the message must not suggest `samtools index`, which would fail
        self.check_refused(ledger, "its header has the sort order queryname .*samtools sort", "marked_bam", bam)

    @pytest.mark.parametrize(
        ("order", "positions"),
        [("coordinate", [("r1", 10)]), (None, [("r1", 10), ("r2", 20), ("r1", 30)])],
        ids=["by its header", "by its records"],
    )
    def test_not_in_the_order_of_reads(
        self, ledger: Ledger, tmp_path: Path, order: str | None, positions: list[tuple[str, int]]
    ) -> None:
        bam = write_bam(tmp_path / "x.bam", order=order, positions=positions, index=False)
        self.check_refused(ledger, "samtools collate", "aligned_bam", bam)

    def test_without_index(self, ledger: Ledger, tmp_path: Path) -> None:
        bam = write_bam(tmp_path / "my x.bam", index=False)
        message = re.escape(f"has no index next to it: create one with `samtools index -b '{bam}'`")
        self.check_refused(ledger, message, "recalibrated_bam", bam)

    def test_with_the_index_of_another_bam(self, ledger: Ledger, tmp_path: Path) -> None:
        bam = write_bam(tmp_path / "x.bam")
        other = write_bam(tmp_path / "y.bam", contigs=[("chrM", 16569)])
        self.check_refused(
            ledger, "is the index of a BAM with 1 contigs, but .* has 2", "marked_bam", bam, f"{other}.bai"
        )

    def test_missing_files(self, ledger: Ledger, tmp_path: Path) -> None:
        self.check_refused(ledger, "x.bam does not exist", "marked_bam", tmp_path / "x.bam")
        self.check_refused(ledger, "x.bam does not exist", "aligned_bam", tmp_path / "x.bam")

    def test_raw_reads(self, ledger: Ledger, tmp_path: Path) -> None:
        files = write_reads(tmp_path, "1:N:0:ACGT")
        self.check_refused(ledger, "comments name no read group .*samples add", "merged_reads", *files)

    def test_reads_with_unknown_read_groups(self, ledger: Ledger, tmp_path: Path) -> None:
        self.check_refused(
            ledger,
            "no read group of expt is known: give each with --read-group",
            "merged_reads",
            *write_reads(tmp_path),
        )

    def test_reads_that_are_not_a_pair(self, ledger: Ledger, tmp_path: Path) -> None:
        first, _ = write_reads(tmp_path / "a")
        _, second = write_reads(tmp_path / "b", pairs=2)
        self.check_refused(ledger, "has 3 reads and .* has 2", "trimmed_reads", first, second, groups=(GROUP,))

    def test_another_number_of_files(self, ledger: Ledger, tmp_path: Path) -> None:
        bam = write_bam(tmp_path / "x.bam")
        self.check_refused(ledger, "is two FASTQs, not 1", "trimmed_reads", bam)
        self.check_refused(ledger, "is one BAM and its index", "marked_bam", bam, tmp_path / "y.bam")
        self.check_refused(ledger, "aligned_bam is one BAM, not", "aligned_bam", bam, f"{bam}.bai")
        self.check_refused(ledger, "is given twice", "marked_bam", bam, bam)

    def test_another_asset(self, ledger: Ledger, tmp_path: Path) -> None:
        self.check_refused(ledger, "'depth' cannot be imported: import as one of merged_reads", "depth", tmp_path / "x")

    def test_a_file_where_jobs_write(self, ledger: Ledger) -> None:
        bam = write_bam(Path(ledger.output_path) / "expt" / "expt.bam")
        self.check_refused(ledger, "is among this project's own results", "marked_bam", bam)

    def test_a_link_to_where_jobs_write(self, ledger: Ledger, tmp_path: Path) -> None:
        """To a file, and to the project."""
        bam = write_bam(Path(ledger.output_path) / "expt" / "expt.bam")
        (tmp_path / "link.bam").symlink_to(bam)
        (tmp_path / "project").symlink_to(ledger.output_path)
        for link in (tmp_path / "link.bam", tmp_path / "project" / "expt" / "expt.bam"):
            self.check_refused(ledger, "is among this project's own results", "marked_bam", link)

    def test_a_file_that_is_written_to_meanwhile(self, ledger: Ledger, tmp_path: Path) -> None:
        bam = write_bam(tmp_path / "x.bam")
        checked = check_import(ledger, Import("marked_bam", "expt", (str(bam),)))
        with bam.open("ab") as file:
            file.write(b"more")
        with pytest.raises(InputError, match="was written to while it was read"):
            register(ledger, checked)
        assert ledger.read(ResultKey("marked_bam", "expt")) is None
