"""A result's history is told from the records beside the data: what made it, of what, up to the sources."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.store import Store
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.lineage import Lineage, TracedFile, TracedJob, as_markdown
from bioinfo_assets.records.record import Record
from bioinfo_assets_tests.launch.conftest import s3, s3_server
from bioinfo_assets_tests.records.histories import digest, keep_result, keep_source, place

__all__ = ["s3", "s3_server"]  # the servers of `launch`, asked for by name below

READS = "/data/expt_1.fastq.gz"
GENOME = "https://genomes.example/hg38.fa.gz"


def write_history(ledger: Ledger) -> Record:
    """FASTQ and reference to a BAM with its index, and the depth over it, of the sample `expt`."""
    keep_source(ledger, "raw_reads", "expt", {READS: "reads"})
    keep_source(ledger, "reference_source", "references", {GENOME: "genome.gz"})
    keep_result(ledger, "reference_genome", "references", {GENOME: "genome.gz"}, {"hg38.fa": "genome"})
    made_of = {READS: "reads", place(ledger, "references", "hg38.fa"): "genome"}
    keep_result(ledger, "aligned_bam", "expt", made_of, {"expt.bam": "alignments", "expt.bam.bai": None})
    return keep_depth(ledger, "alignments")


def keep_depth(ledger: Ledger, alignments: str) -> Record:
    bam = place(ledger, "expt", "expt.bam")
    return keep_result(ledger, "depth", "expt", {bam: alignments, f"{bam}.bai": None}, {"expt.depth.txt": "depth"})


def align_again(ledger: Ledger) -> None:
    """Another BAM takes the place of that which the depth was made of."""
    before = ledger.read("expt", "aligned_bam")
    assert before is not None
    ledger.withdraw(before)
    keep_result(
        ledger, "aligned_bam", "expt", {READS: "other reads"}, {"expt.bam": "other alignments", "expt.bam.bai": None}
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Store(), str(tmp_path / "out"))


def only(files: tuple[TracedFile, ...], name: str) -> TracedFile:
    (found,) = [file for file in files if file.name == name]
    return found


def maker_of(job: TracedJob, name: str) -> TracedJob:
    maker = only(job.inputs, name).maker
    assert maker is not None
    return maker


def check_history(ledger: Ledger) -> None:
    depth = Lineage(ledger).of_record(write_history(ledger))
    assert (depth.name, depth.past, depth.record_uri) == (
        "depth of expt",
        False,
        f"{ledger.output_path}/expt/records/depth.json",
    )
    alignment = maker_of(depth, "expt.bam")
    assert alignment.name == "aligned_bam of expt"
    reads, genome = alignment.inputs
    assert reads.maker is None
    assert reads.observation is not None
    assert (reads.observation.asset, reads.content, reads.note) == ("raw_reads", digest("reads"), "")
    fetched = maker_of(alignment, "hg38.fa")
    assert genome.sha256 == digest("genome").removeprefix("sha256:")
    (source,) = fetched.inputs
    assert (source.uri, source.content, source.maker) == (GENOME, digest("genome.gz"), None)
    assert source.observation is not None
    assert source.observation.asset == "reference_source"


def test_a_result_is_traced_to_its_fastqs_and_the_reference_on_the_web(ledger: Ledger):
    check_history(ledger)


def test_records_in_a_bucket_tell_the_same(s3: str):
    check_history(Ledger(Store(), f"{s3}/out"))


def test_a_file_is_found_by_its_path(ledger: Ledger):
    write_history(ledger)
    bam = Lineage(ledger).of_file(place(ledger, "expt", "expt.bam"))
    assert bam.maker is not None
    assert (bam.maker.name, bam.content, bam.digest) == ("aligned_bam of expt", digest("alignments"), bam.sha256[:8])


def test_a_file_that_no_record_names_is_an_error(ledger: Ledger):
    write_history(ledger)
    with pytest.raises(InputError, match=r"no record under .*/out names .*/out/expt/notes\.txt: check the path"):
        Lineage(ledger).of_file(place(ledger, "expt", "notes.txt"))


def test_what_many_read_is_traced_once(ledger: Ledger):
    write_history(ledger)
    keep_result(ledger, "both", "expt", dict.fromkeys([place(ledger, "references", "hg38.fa")], "genome"), {"x": "x"})
    lineage = Lineage(ledger)
    traced = [lineage.of_file(place(ledger, "expt", name)).maker for name in ("expt.bam", "x")]
    first, second = (maker_of(job, "hg38.fa") for job in traced if job is not None)
    assert first is second


def test_of_a_replaced_input_the_record_is_found_in_the_history(ledger: Ledger):
    depth = write_history(ledger)
    align_again(ledger)
    traced = Lineage(ledger).of_record(depth)
    bam, index = traced.inputs
    assert (bam.content, bam.note) == (digest("alignments"), "replaced since")
    alignment = maker_of(traced, "expt.bam")
    assert alignment.past
    assert alignment.record_uri.startswith(f"{ledger.output_path}/expt/records/history/aligned_bam.")
    assert only(alignment.inputs, "hg38.fa").maker is not None
    # The index has no digest of its own; it came with the BAM that was read beside it, and not with the present one.
    assert index.maker is alignment
    assert index.note == "replaced since"


def test_where_the_history_is_gone_too_that_is_told(ledger: Ledger):
    depth = write_history(ledger)
    align_again(ledger)
    for uri in ledger.store.list(f"{ledger.output_path}/expt/records/history"):
        ledger.store.delete(uri)
    bam = Lineage(ledger).of_record(depth).inputs[0]
    assert (bam.content, bam.maker, bam.note) == (digest("alignments"), None, "replaced since, and its record is gone")


def test_a_source_that_was_replaced_is_told_as_it_was_read(ledger: Ledger):
    depth = write_history(ledger)
    keep_source(ledger, "raw_reads", "expt", {READS: "reads of another run"})
    alignment = maker_of(Lineage(ledger).of_record(depth), "expt.bam")
    reads = alignment.inputs[0]
    assert (reads.content, reads.sha256, reads.note) == (digest("reads"), None, "another file lies there now")


def test_an_input_of_which_nothing_is_known(ledger: Ledger):
    record = keep_result(ledger, "depth", "expt", {"/elsewhere/x.bam": "x"}, {"depth.txt": "depth"})
    (file,) = Lineage(ledger).of_record(record).inputs
    assert (file.uri, file.content, file.note) == ("/elsewhere/x.bam", digest("x"), "nothing is known of it")


def test_records_that_go_in_a_circle_are_an_error(ledger: Ledger):
    a, b = place(ledger, "expt", "a"), place(ledger, "expt", "b")
    record = keep_result(ledger, "one", "expt", {b: "b"}, {"a": "a"})
    keep_result(ledger, "two", "expt", {a: "a"}, {"b": "b"})
    with pytest.raises(InputError, match=r"expt/records/one\.json says that one of expt was made from itself"):
        Lineage(ledger).of_record(record)


def test_a_broken_record_is_an_error_that_names_it(ledger: Ledger):
    depth = write_history(ledger)
    ledger.store.write_bytes(ledger.uri("expt", "aligned_bam"), b'{"step": ')
    with pytest.raises(InputError, match=r"expt/records/aligned_bam\.json is not a record of this project"):
        Lineage(ledger).of_record(depth)


def test_a_report_on_many_samples_is_not_traced_through_all_of_them(ledger: Ledger):
    reads = {place(ledger, f"s{number}", "x.txt"): "x" for number in range(21)}
    report = keep_result(ledger, "multiqc_report", "multiqc", reads, {"report.html": "report"})
    job = Lineage(ledger).of_record(report)
    assert (job.untraced, len(job.inputs)) == (21, 21)
    assert Lineage(ledger, widest=21).of_record(report).untraced == 0


def test_several_threads_may_ask(ledger: Ledger):
    write_history(ledger)
    lineage = Lineage(ledger)
    names = [place(ledger, "expt", name) for name in ("expt.bam", "expt.depth.txt")] * 8
    with ThreadPoolExecutor(8) as pool:
        makers = {id(file.maker) for file in pool.map(lineage.of_file, names)}
    assert len(makers) == 2


def test_dagit_gets_a_list_of_jobs_and_files(ledger: Ledger):
    lines = as_markdown(Lineage(ledger).of_record(write_history(ledger))).splitlines()
    short = {text: digest(text).removeprefix("sha256:")[:8] for text in ("alignments", "reads", "genome", "genome.gz")}
    assert lines[0] == "- **depth of expt**: samtools 1.16.1; 2026-11-01 12:30 UTC"
    assert f"`expt.bam` {short['alignments']}" in lines[1]
    assert "    - **aligned_bam of expt**: samtools 1.16.1; 2026-11-01 12:30 UTC" in lines
    assert f"      - `{READS}` {short['reads']}" in lines
    assert f"          - `{GENOME}` {short['genome.gz']}" in lines
    assert f"      - `hg38.fa` {short['genome']} from" in lines


def test_dagit_is_told_the_number_of_samples_of_a_report(ledger: Ledger):
    reads = {place(ledger, f"s{number}", name): "x" for number in range(21) for name in ("x.txt", "y.txt")}
    report = keep_result(ledger, "multiqc_report", "multiqc", reads, {"report.html": "report"})
    told = as_markdown(Lineage(ledger).of_record(report)).splitlines()
    assert told[1:] == ["  - 42 files of 21 samples: the page of each tells its own"]
