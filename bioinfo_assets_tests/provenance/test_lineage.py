"""The lineage of a result is read from the records next to the data, version by version."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.provenance.lineage import Lineage, ScopeRecords, TracedFile, TracedJob, as_markdown
from bioinfo_assets.records.record import InputRecord
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.provenance.small_pipeline import SmallPipeline, complete_pipeline
from bioinfo_assets_tests.servers import s3, s3_server

__all__ = ["s3", "s3_server"]  # fixtures


@pytest.fixture
def pipeline(tmp_path: Path) -> SmallPipeline:
    return complete_pipeline(str(tmp_path), "expt", "toy")


def producer_of(file: TracedFile) -> TracedJob:
    assert file.producer is not None
    return file.producer


def shape(file: TracedFile) -> object:
    """A file's name, and the inputs of its producer."""
    return {file.name: [shape(item) for item in file.producer.inputs]} if file.producer else file.name


def test_a_file_is_traced_to_the_reads_and_the_reference(pipeline: SmallPipeline) -> None:
    genome = {"genome.fa": ["genome.fa.gz"]}
    file = Lineage(pipeline.ledger).of_file(pipeline.output("expt", "expt.depth.txt"))
    bam = {"expt.bam": [{"expt.1.fastq.gz": ["expt.fastq.gz"]}, genome]}
    assert shape(file) == {"expt.depth.txt": [bam, genome]}
    assert file.sha256 == sha256(b"depth of expt").hexdigest()
    job = producer_of(file)
    assert (job.name, job.replaced, job.untraced_scopes) == ("depth of expt", False, 0)
    assert job.record_uri == pipeline.ledger.uri(ResultKey("depth", "expt"))


def test_a_source_has_an_observation_and_no_producer(pipeline: SmallPipeline) -> None:
    merged = producer_of(Lineage(pipeline.ledger).of_file(pipeline.output("expt", "expt.1.fastq.gz")))
    (reads,) = merged.inputs
    assert reads.producer is None
    assert reads.observation is not None
    assert (reads.observation.asset, reads.observation.scope) == ("raw_reads", "expt")
    assert reads.sha256 == sha256(b"source expt.fastq.gz").hexdigest()
    assert reads.digest == sha256(b"source expt.fastq.gz").hexdigest()[:8]


def test_an_input_of_two_jobs_is_traced_once(pipeline: SmallPipeline) -> None:
    depth = producer_of(Lineage(pipeline.ledger).of_file(pipeline.output("expt", "expt.depth.txt")))
    bam, genome = depth.inputs
    assert producer_of(genome) is producer_of(producer_of(bam).inputs[1])


def test_the_version_that_was_read_is_traced_and_not_the_current_one(pipeline: SmallPipeline) -> None:
    pipeline.add_reads("expt", "other")
    pipeline.add_bam("expt", "other bam")
    lineage = Lineage(pipeline.ledger)
    depth = producer_of(lineage.of_file(pipeline.output("expt", "expt.depth.txt")))
    bam = depth.inputs[0]
    assert (bam.note, bam.sha256) == ("replaced since", sha256(b"aligned_bam of expt").hexdigest())
    old = producer_of(bam)
    assert old.replaced
    assert "/expt/records/history/aligned_bam." in old.record_uri
    merged = old.inputs[0]
    assert merged.note == "replaced since"
    (reads,) = producer_of(merged).inputs
    assert (reads.note, reads.sha256) == ("the file has changed since", None)
    assert reads.size == len(b"source expt.fastq.gz")
    assert reads.content == f"sha256:{sha256(b'source expt.fastq.gz').hexdigest()}"
    current = lineage.of_file(pipeline.output("expt", "expt.bam"))
    assert (current.note, current.sha256, producer_of(current).replaced) == (
        "",
        sha256(b"other bam").hexdigest(),
        False,
    )
    before = lineage.of_file(current.uri, f"sha256:{sha256(b'aligned_bam of expt').hexdigest()}")
    assert before == bam


def test_of_several_results_with_the_same_content_the_one_that_was_read_is_traced(pipeline: SmallPipeline) -> None:
    """As after a change of tools: what comes after the BAM is up to date, and was computed from the old one."""
    inputs = [pipeline.output("expt", "expt.1.fastq.gz"), pipeline.output("references", "genome.fa")]
    pipeline.add_result("aligned_bam", "expt", "expt.bam", *inputs, tools={"samtools": "2"})
    read = producer_of(Lineage(pipeline.ledger).of_file(pipeline.output("expt", "expt.depth.txt"))).inputs[0]
    assert (producer_of(read).record.tools, read.note) == ({"samtools": "1.16.1"}, "replaced since")

    pipeline.add_depth("expt")
    pipeline.add_result("aligned_bam", "expt", "expt.bam", *inputs, tools={"samtools": "3"})
    read = producer_of(Lineage(pipeline.ledger).of_file(pipeline.output("expt", "expt.depth.txt"))).inputs[0]
    assert producer_of(read).record.tools == {"samtools": "2"}


def test_a_run_keeps_what_it_published_without_the_scripts(pipeline: SmallPipeline) -> None:
    bam, depth = (pipeline.ledger.read(ResultKey(asset, "expt")) for asset in ("aligned_bam", "depth"))
    assert bam is not None
    assert depth is not None
    assert bam.script
    folder = pipeline.ledger.layout.scope("expt")
    kept = ScopeRecords(pipeline.ledger, folder).with_record(bam)
    assert kept.records[pipeline.ledger.uri(bam.key)] == bam.model_copy(update={"script": ""})
    lineage = Lineage(pipeline.ledger, folders={folder: kept})
    assert as_markdown(lineage.of_record(depth)) == as_markdown(Lineage(pipeline.ledger).of_record(depth))


def test_a_version_whose_record_is_missing_has_a_note(pipeline: SmallPipeline, tmp_path: Path) -> None:
    pipeline.add_bam("expt", "other bam")
    for past in (tmp_path / "out" / "expt" / "records" / "history").iterdir():
        past.unlink()
    bam = producer_of(Lineage(pipeline.ledger).of_file(pipeline.output("expt", "expt.depth.txt"))).inputs[0]
    assert (bam.producer, bam.note) == (None, "replaced since, and its record is missing")


def test_a_file_that_no_record_names_is_an_error(pipeline: SmallPipeline, tmp_path: Path) -> None:
    (tmp_path / "out" / "expt" / "notes.txt").write_text("mine")
    for uri in (pipeline.output("expt", "notes.txt"), pipeline.output("nobody", "x.bam"), str(tmp_path / "x.bam")):
        assert Lineage(pipeline.ledger).find(uri) is None
        with pytest.raises(InputError, match=r"no record under .* names"):
            Lineage(pipeline.ledger).of_file(uri)


def test_an_input_of_unknown_origin_has_a_note(pipeline: SmallPipeline) -> None:
    uri = pipeline.write_source("mystery.bed")
    pipeline.add_result("regions", "expt", "expt.bed", uri)
    (file,) = producer_of(Lineage(pipeline.ledger).of_file(pipeline.output("expt", "expt.bed"))).inputs
    assert (file.uri, file.producer, file.note) == (uri, None, "its origin is unknown")


def test_an_imported_bam_outside_of_the_output_path_has_its_record(pipeline: SmallPipeline) -> None:
    theirs = pipeline.write_source("theirs.bam")
    record = pipeline.add_result("marked_bam", "expt", "x", text="x")
    outputs = tuple(replace(file, uri=theirs, content=pipeline.ledger.store.digest(theirs)) for file in record.outputs)
    pipeline.ledger.write(record.model_copy(update={"outputs": outputs, "imported": True}))
    pipeline.add_result("coverage", "expt", "expt.coverage.txt", theirs)
    (file,) = producer_of(Lineage(pipeline.ledger).of_file(pipeline.output("expt", "expt.coverage.txt"))).inputs
    assert producer_of(file).record.imported
    assert "**marked_bam of expt**: imported by me" in as_markdown(producer_of(file))


def test_a_cycle_of_records_is_an_error(pipeline: SmallPipeline) -> None:
    record = pipeline.ledger.read(ResultKey("aligned_bam", "expt"))
    depth = pipeline.ledger.read(ResultKey("depth", "expt"))
    assert record
    assert depth
    output = depth.outputs[0]
    cycle = InputRecord(local="x", uri=output.uri, size=output.size, content=output.content)
    pipeline.ledger.write(record.model_copy(update={"inputs": (cycle,)}))
    with pytest.raises(InputError, match="is upstream of itself"):
        Lineage(pipeline.ledger).of_file(output.uri)


def test_inputs_of_too_many_scopes_are_counted_and_not_traced(pipeline: SmallPipeline) -> None:
    report = pipeline.output("multiqc", "multiqc_report.html")
    both = producer_of(Lineage(pipeline.ledger, max_scopes=2).of_file(report))
    assert both.untraced_scopes == 0
    assert [producer_of(file).name for file in both.inputs] == ["depth of expt", "depth of toy"]
    untraced = producer_of(Lineage(pipeline.ledger, max_scopes=1).of_file(report))
    assert untraced.untraced_scopes == 2
    assert [(file.name, file.producer) for file in untraced.inputs] == [
        ("expt.depth.txt", None),
        ("toy.depth.txt", None),
    ]
    assert "2 files of 2 samples" in as_markdown(untraced)


def test_inherited_records_are_read_again_if_they_lack_a_file(pipeline: SmallPipeline) -> None:
    first = Lineage(pipeline.ledger)
    first.of_file(pipeline.output("expt", "expt.depth.txt"))
    pipeline.add_result("coverage", "expt", "expt.coverage.txt", pipeline.output("expt", "expt.bam"))
    again = Lineage(pipeline.ledger, folders=first.folders)
    assert producer_of(again.of_file(pipeline.output("expt", "expt.coverage.txt"))).name == "coverage of expt"


def test_markdown_shows_every_job_once_and_every_source_with_its_digest(pipeline: SmallPipeline) -> None:
    markdown = as_markdown(producer_of(Lineage(pipeline.ledger).of_file(pipeline.output("expt", "expt.depth.txt"))))
    fastq, fasta = f"{pipeline.folder}/sources/expt.fastq.gz", f"{pipeline.folder}/sources/genome.fa.gz"
    assert markdown.splitlines()[0] == "- **depth of expt**: samtools 1.16.1; 2026-01-01 00:04 UTC"
    assert f"`{fastq}` {sha256(b'source expt.fastq.gz').hexdigest()[:8]}" in markdown
    assert markdown.count(fasta) == 1
    assert "- **reference_genome of references**, as above" in markdown


def test_a_damaged_record_upstream_is_an_error(pipeline: SmallPipeline, tmp_path: Path) -> None:
    (tmp_path / "out" / "references" / "records" / "reference_genome.json").write_text("{")
    with pytest.raises(InputError, match=r"reference_genome\.json is not a record of this version"):
        Lineage(pipeline.ledger).of_file(pipeline.output("expt", "expt.depth.txt"))


def test_a_project_in_s3(s3: str) -> None:
    pipeline = complete_pipeline(s3, "expt")
    pipeline.add_bam("expt", "other bam")
    depth = producer_of(Lineage(pipeline.ledger).of_file(f"{s3}/out/expt/expt.depth.txt"))
    bam, genome = depth.inputs
    assert shape(genome) == {"genome.fa": ["genome.fa.gz"]}
    source = producer_of(genome).inputs[0]
    assert source.content is not None
    assert source.content.startswith("etag:")
    assert bam.uri == f"{s3}/out/expt/expt.bam"
