"""What a result was made from is told from the records beside the data, version by version."""

from hashlib import sha256
from pathlib import Path

import pytest

from bioinfo_assets.errors import InputError
from bioinfo_assets.provenance.lineage import Lineage, TracedFile, TracedJob, as_markdown
from bioinfo_assets.records.record import InputRecord
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets_tests.launch.conftest import s3, s3_server
from bioinfo_assets_tests.provenance.small_pipeline import SmallPipeline, complete_pipeline

__all__ = ["s3", "s3_server"]  # the servers of `launch`, asked for by name below


@pytest.fixture
def flow(tmp_path: Path) -> SmallPipeline:
    return complete_pipeline(str(tmp_path), "expt", "toy")


def made_by(file: TracedFile) -> TracedJob:
    assert file.maker is not None
    return file.maker


def shape(file: TracedFile) -> object:
    """A file's name, and what its maker read."""
    return {file.name: [shape(one) for one in file.maker.inputs]} if file.maker else file.name


def test_a_file_is_traced_to_the_reads_and_the_reference(flow: SmallPipeline):
    genome = {"genome.fa": ["genome.fa.gz"]}
    file = Lineage(flow.ledger).of_file(flow.output("expt", "expt.depth.txt"))
    bam = {"expt.bam": [{"expt.1.fastq.gz": ["expt.fastq.gz"]}, genome]}
    assert shape(file) == {"expt.depth.txt": [bam, genome]}
    assert file.sha256 == sha256(b"depth of expt").hexdigest()
    job = made_by(file)
    assert (job.name, job.past, job.untraced) == ("depth of expt", False, 0)
    assert job.record_uri == flow.ledger.uri(ResultKey("depth", "expt"))


def test_a_source_has_its_observation_and_no_maker(flow: SmallPipeline):
    merged = made_by(Lineage(flow.ledger).of_file(flow.output("expt", "expt.1.fastq.gz")))
    (reads,) = merged.inputs
    assert reads.maker is None
    assert reads.observation is not None
    assert (reads.observation.asset, reads.observation.scope) == ("raw_reads", "expt")
    assert reads.sha256 == sha256(b"source expt.fastq.gz").hexdigest()
    assert reads.digest == sha256(b"source expt.fastq.gz").hexdigest()[:8]
    assert Lineage(flow.ledger).of_source(reads.uri, "expt") == reads
    assert Lineage(flow.ledger).of_source(reads.uri, "toy") is None


def test_what_two_jobs_read_is_traced_once(flow: SmallPipeline):
    depth = made_by(Lineage(flow.ledger).of_file(flow.output("expt", "expt.depth.txt")))
    bam, genome = depth.inputs
    assert made_by(genome) is made_by(made_by(bam).inputs[1])


def test_the_version_that_was_read_is_traced_and_not_the_one_that_is_there_now(flow: SmallPipeline):
    flow.add_reads("expt", "other")
    flow.add_bam("expt", "other bam")
    lineage = Lineage(flow.ledger)
    depth = made_by(lineage.of_file(flow.output("expt", "expt.depth.txt")))
    bam = depth.inputs[0]
    assert (bam.note, bam.sha256) == ("replaced since", sha256(b"aligned_bam of expt").hexdigest())
    old = made_by(bam)
    assert old.past
    assert "/expt/records/history/aligned_bam." in old.record_uri
    merged = old.inputs[0]
    assert merged.note == "replaced since"
    (reads,) = made_by(merged).inputs
    assert (reads.note, reads.sha256) == ("another file lies there now", None)
    assert reads.content == f"sha256:{sha256(b'source expt.fastq.gz').hexdigest()}"
    now = lineage.of_file(flow.output("expt", "expt.bam"))
    assert (now.note, now.sha256, made_by(now).past) == ("", sha256(b"other bam").hexdigest(), False)
    before = lineage.of_file(now.uri, f"sha256:{sha256(b'aligned_bam of expt').hexdigest()}")
    assert before == bam


def test_a_version_whose_record_is_gone_is_told(flow: SmallPipeline, tmp_path: Path):
    flow.add_bam("expt", "other bam")
    for past in (tmp_path / "out" / "expt" / "records" / "history").iterdir():
        past.unlink()
    bam = made_by(Lineage(flow.ledger).of_file(flow.output("expt", "expt.depth.txt"))).inputs[0]
    assert (bam.maker, bam.note) == (None, "replaced since, and its record is gone")


def test_a_file_that_no_record_names_is_told(flow: SmallPipeline, tmp_path: Path):
    (tmp_path / "out" / "expt" / "notes.txt").write_text("mine")
    for uri in (flow.output("expt", "notes.txt"), flow.output("nobody", "x.bam"), str(tmp_path / "x.bam")):
        assert Lineage(flow.ledger).find(uri) is None
        with pytest.raises(InputError, match=r"no record under .* names"):
            Lineage(flow.ledger).of_file(uri)


def test_an_input_of_which_nothing_is_known_is_told(flow: SmallPipeline):
    uri = flow.write_source("mystery.bed")
    flow.add_result("regions", "expt", "expt.bed", uri)
    (file,) = made_by(Lineage(flow.ledger).of_file(flow.output("expt", "expt.bed"))).inputs
    assert (file.uri, file.maker, file.note) == (uri, None, "nothing is known of it")


def test_an_imported_bam_that_lies_elsewhere_has_its_record(flow: SmallPipeline):
    theirs = flow.write_source("theirs.bam")
    record = flow.add_result("marked_bam", "expt", "x", text="x")
    outputs = tuple(
        one.model_copy(update={"uri": theirs, "content": flow.ledger.store.digest(theirs)}) for one in record.outputs
    )
    flow.ledger.write(record.model_copy(update={"outputs": outputs, "imported": True}))
    flow.add_result("coverage", "expt", "expt.coverage.txt", theirs)
    (file,) = made_by(Lineage(flow.ledger).of_file(flow.output("expt", "expt.coverage.txt"))).inputs
    assert made_by(file).record.imported
    assert "made elsewhere, imported by me" in as_markdown(made_by(file))


def test_records_that_were_made_from_each_other_are_an_error(flow: SmallPipeline):
    record = flow.ledger.read(ResultKey("aligned_bam", "expt"))
    depth = flow.ledger.read(ResultKey("depth", "expt"))
    assert record
    assert depth
    made = depth.outputs[0]
    round_trip = InputRecord(local="x", uri=made.uri, size=made.size, content=made.content)
    flow.ledger.write(record.model_copy(update={"inputs": (round_trip,)}))
    with pytest.raises(InputError, match="was made from itself"):
        Lineage(flow.ledger).of_file(made.uri)


def test_of_more_scopes_than_people_read_the_number_is_told(flow: SmallPipeline):
    report = flow.output("multiqc", "multiqc_report.html")
    both = made_by(Lineage(flow.ledger, widest=2).of_file(report))
    assert both.untraced == 0
    assert [made_by(file).name for file in both.inputs] == ["depth of expt", "depth of toy"]
    one = made_by(Lineage(flow.ledger, widest=1).of_file(report))
    assert one.untraced == 2
    assert [(file.name, file.maker) for file in one.inputs] == [("expt.depth.txt", None), ("toy.depth.txt", None)]
    assert "2 files of 2 samples" in as_markdown(one)


def test_folders_that_were_read_before_are_read_again_where_they_lack_something(flow: SmallPipeline):
    first = Lineage(flow.ledger)
    first.of_file(flow.output("expt", "expt.depth.txt"))
    flow.add_result("coverage", "expt", "expt.coverage.txt", flow.output("expt", "expt.bam"))
    again = Lineage(flow.ledger, folders=first.folders)
    assert made_by(again.of_file(flow.output("expt", "expt.coverage.txt"))).name == "coverage of expt"


def test_markdown_tells_every_job_once_and_every_source_with_its_digest(flow: SmallPipeline):
    told = as_markdown(made_by(Lineage(flow.ledger).of_file(flow.output("expt", "expt.depth.txt"))))
    fastq, fasta = f"{flow.folder}/sources/expt.fastq.gz", f"{flow.folder}/sources/genome.fa.gz"
    assert told.splitlines()[0] == "- **depth of expt**: samtools 1.16.1; 2026-01-01 00:04 UTC"
    assert f"`{fastq}` {sha256(b'source expt.fastq.gz').hexdigest()[:8]}" in told
    assert told.count(fasta) == 1
    assert "- **reference_genome of references**, as above" in told


def test_a_damaged_record_upstream_is_told(flow: SmallPipeline, tmp_path: Path):
    (tmp_path / "out" / "references" / "records" / "reference_genome.json").write_text("{")
    with pytest.raises(InputError, match=r"reference_genome\.json is not a record of this project"):
        Lineage(flow.ledger).of_file(flow.output("expt", "expt.depth.txt"))


def test_a_project_in_s3(s3: str):
    flow = complete_pipeline(s3, "expt")
    flow.add_bam("expt", "other bam")
    depth = made_by(Lineage(flow.ledger).of_file(f"{s3}/out/expt/expt.depth.txt"))
    bam, genome = depth.inputs
    assert shape(genome) == {"genome.fa": ["genome.fa.gz"]}
    source = made_by(genome).inputs[0]
    assert source.content is not None
    assert source.content.startswith("etag:")
    assert bam.uri == f"{s3}/out/expt/expt.bam"
