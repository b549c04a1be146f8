"""`bioinfo-assets log`: all files, the provenance of one, and what was made from it."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from bioinfo_assets.cli.log import _file_versions, log
from bioinfo_assets.provenance.catalog import Entry
from bioinfo_assets_tests.cli.commands import COMMAND, CommandResult
from bioinfo_assets_tests.cli.small_project import call_command, parse_json
from bioinfo_assets_tests.launch.conftest import s3, s3_server
from bioinfo_assets_tests.provenance.small_pipeline import SmallPipeline, complete_pipeline

__all__ = ["s3", "s3_server"]  # fixtures that are used below


@pytest.fixture(autouse=True)
def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture
def pipeline(tmp_path: Path) -> SmallPipeline:
    return complete_pipeline(str(tmp_path), "expt", "toy")


def hex_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def lines(result: CommandResult) -> list[str]:
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.splitlines()


def test_all_files_that_were_read_or_written(pipeline: SmallPipeline, tmp_path: Path) -> None:
    output = lines(call_command(log, "--output-path", tmp_path / "out"))
    rows = [line.split(maxsplit=4) for line in output]
    assert [path.removeprefix(f"{tmp_path}/") for *_, path in rows] == [
        "out/expt/expt.1.fastq.gz",
        "out/expt/expt.bam",
        "out/expt/expt.depth.txt",
        "out/multiqc/multiqc_report.html",
        "out/references/genome.fa",
        "out/toy/toy.1.fastq.gz",
        "out/toy/toy.bam",
        "out/toy/toy.depth.txt",
        "sources/expt.fastq.gz",
        "sources/genome.fa.gz",
        "sources/toy.fastq.gz",
    ]
    assert [role for *_, role, _ in rows] == ["rw", "rw", "rw", "w", "rw", "rw", "rw", "rw", "r", "r", "r"]
    assert output[1] == f"{hex_of('aligned_bam of expt')[:8]}  2026-01-01 00:03:00  rw  {tmp_path}/out/expt/expt.bam"


def test_a_replaced_version_is_listed_if_it_was_read_or_with_past(pipeline: SmallPipeline, tmp_path: Path) -> None:
    pipeline.add_depth("expt")
    pipeline.add_reads("expt", "other")
    output = parse_json(call_command(log, "--output-path", tmp_path / "out", "--json"))
    reads = [line for line in output if line["uri"] == f"{tmp_path}/out/expt/expt.1.fastq.gz"]
    # The BAM was computed from the former reads: they are listed as read, the current ones as written.
    assert {(line["role"], line["content"]) for line in reads} == {
        ("r", f"sha256:{hex_of('merged expt ')}"),
        ("w", f"sha256:{hex_of('merged expt other')}"),
    }
    past = parse_json(call_command(log, "--output-path", tmp_path / "out", "--json", "--past"))
    assert {(line["role"], line["sha256"]) for line in past if line["uri"] == reads[0]["uri"]} == {
        ("rw", hex_of("merged expt ")),
        ("w", hex_of("merged expt other")),
    }


def entry(role: str, time: str, sha256: str | None, size: int = 1, content: str = "sha256:same") -> Entry:
    return Entry("/out/s/s.bam", role, size, sha256, content, f"/out/s/records/{time}.json", False, time)  # noqa: FBT003 - not replaced


def test_versions_of_the_same_content_have_their_own_bytes() -> None:
    """A BAM that was written again with another compression."""
    written = [entry("w", "2026-01-01", "old", 1), entry("w", "2026-03-01", "new", 2)]
    read = [entry("r", "2026-02-01", None), entry("r", "2026-04-01", None)]
    rows = [(row["sha256"], row["size"], row["role"]) for row in _file_versions(iter([*read, *written]))]
    assert rows == [("old", 1, "rw"), ("new", 2, "rw")]
    assert [row["role"] for row in _file_versions(iter([written[1], read[0]]))] == ["rw"]
    assert [row["role"] for row in _file_versions(iter([entry("r", "2026-02-01", None, content="sha256:other")]))] == [
        "r"
    ]


def test_a_reader_that_closes_the_pipe_early_causes_no_traceback(pipeline: SmallPipeline, tmp_path: Path) -> None:
    pipeline.add_report("expt", "toy")
    reader, writer = os.pipe()
    os.close(reader)
    arguments = [COMMAND, "log", "--output-path", str(tmp_path / "out")]
    completed = subprocess.run(arguments, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert "Traceback" not in completed.stderr
    assert "Exception" not in completed.stderr


def test_the_provenance_of_a_file(pipeline: SmallPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.add_result(
        "aligned_bam",
        "expt",
        "expt.bam",
        pipeline.output("expt", "expt.1.fastq.gz"),
        pipeline.output("references", "genome.fa"),
        tools={"samtools": "1.16.1", "bwa": "0.7.17"},
        parameters={"platform": "ILLUMINA", "quals": (10, 20)},
        warnings=("few reads",),
        image="genomics:1",
        attempts=2,
        backend="batch",
        job_id="job-7",
        script="bwa mem\nsamtools sort\n",
    )
    monkeypatch.chdir(tmp_path / "out" / "expt")
    output = lines(call_command(log, "expt.bam"))
    assert output[:13] == [
        f"{tmp_path}/out/expt/expt.bam",
        f"  digest   sha256:{hex_of('aligned_bam of expt')}",
        "  bytes    19",
        "  made by  aligned_bam of expt, version 1",
        "  when     2026-01-01 00:09:00 UTC, in 1.0 s",
        "  by       me on here, batch job job-7, attempt 2",
        "  tools    bwa 0.7.17, samtools 1.16.1",
        "  image    genomics:1",
        "  platform = ILLUMINA",
        "  quals = 10, 20",
        "  warning  few reads",
        f"  record   {tmp_path}/out/expt/records/aligned_bam.json",
        "  script   2 lines of bash: add --script to print them",
    ]
    assert output[13:] == [
        "",
        "made from",
        "aligned_bam of expt  2026-01-01 00:09:00  bwa 0.7.17, samtools 1.16.1",
        f"├── expt.1.fastq.gz {hex_of('merged expt ')[:8]}",
        "│   merged_reads of expt  2026-01-01 00:02:00  samtools 1.16.1",
        f"│   └── {hex_of('source expt.fastq.gz')[:8]}  {tmp_path}/sources/expt.fastq.gz",
        f"└── genome.fa {hex_of('reference_genome of references')[:8]}",
        "    reference_genome of references  2026-01-01 00:01:00  samtools 1.16.1",
        f"    └── {hex_of('source genome.fa.gz')[:8]}  {tmp_path}/sources/genome.fa.gz",
    ]
    assert call_command(log, "expt.bam", "--script").stdout == "bwa mem\nsamtools sort\n\n"


def test_the_inputs_of_a_job_are_shown_once(pipeline: SmallPipeline, tmp_path: Path) -> None:
    result = call_command(log, tmp_path / "out" / "expt" / "expt.depth.txt").stdout
    assert result.count(f"{tmp_path}/sources/genome.fa.gz") == 1
    assert "reference_genome of references  2026-01-01 00:01:00  samtools 1.16.1, as above" in result


def test_the_provenance_of_a_file_as_json(pipeline: SmallPipeline, tmp_path: Path) -> None:
    output = parse_json(call_command(log, f"file://{tmp_path}/out/expt/expt.depth.txt", "--json"))
    records = f"{tmp_path}/out/expt/records"
    assert output["note"] is None
    assert output["file"] == {
        "uri": f"{tmp_path}/out/expt/expt.depth.txt",
        "size": 13,
        "sha256": hex_of("depth of expt"),
        "content": f"sha256:{hex_of('depth of expt')}",
        "made_by": f"{records}/depth.json",
        "source": None,
        "note": None,
    }
    assert set(output["jobs"]) == {
        f"{records}/depth.json",
        f"{records}/aligned_bam.json",
        f"{records}/merged_reads.json",
        f"{tmp_path}/out/references/records/reference_genome.json",
    }
    merged = output["jobs"][f"{records}/merged_reads.json"]
    assert (merged["script"], merged["tools"], merged["replaced"]) == ("true", {"samtools": "1.16.1"}, False)
    assert [(file["uri"], file["source"]) for file in merged["inputs"]] == [
        (f"{tmp_path}/sources/expt.fastq.gz", "raw_reads")
    ]


@pytest.mark.parametrize("template", ["{digest}", "sha256:{digest}", "{short}", "{upper}"])
def test_a_file_is_found_by_its_digest(pipeline: SmallPipeline, tmp_path: Path, template: str) -> None:
    digest = hex_of("aligned_bam of expt")
    argument = template.format(digest=digest, short=digest[:8], upper=digest[:12].upper())
    output = lines(call_command(log, argument, "--output-path", tmp_path / "out"))
    assert output[0] == f"{tmp_path}/out/expt/expt.bam"
    assert output[3] == "  made by  aligned_bam of expt, version 1"


def test_a_replaced_result_is_found_by_its_digest(pipeline: SmallPipeline, tmp_path: Path) -> None:
    pipeline.add_bam("expt", "other")
    output = lines(call_command(log, hex_of("aligned_bam of expt")[:10], "--output-path", tmp_path / "out"))
    assert output[3] == "  note     replaced since"
    assert "/records/history/aligned_bam." in "".join(output)


def test_a_replaced_source_is_found_by_its_digest(pipeline: SmallPipeline, tmp_path: Path) -> None:
    pipeline.add_reads("expt", "other")
    output = lines(call_command(log, hex_of("source expt.fastq.gz")[:10], "--output-path", tmp_path / "out"))
    assert output[0] == f"{tmp_path}/sources/expt.fastq.gz"
    assert "  note     the file has changed since" in output


def test_a_source_and_everything_downstream_of_it(pipeline: SmallPipeline, tmp_path: Path) -> None:
    fastq = tmp_path / "sources" / "expt.fastq.gz"
    output = lines(call_command(log, fastq, "--output-path", tmp_path / "out"))
    assert output[0] == str(fastq)
    assert output[3].startswith("  source   raw_reads of expt, as observed on ")
    assert lines(call_command(log, fastq, "--output-path", tmp_path / "out", "--down")) == [
        f"{fastq} {hex_of('source expt.fastq.gz')[:8]}",
        "└── merged_reads of expt  expt.1.fastq.gz",
        "    └── aligned_bam of expt  expt.bam",
        "        └── depth of expt  expt.depth.txt",
        "            └── multiqc_report of multiqc  multiqc_report.html",
    ]


def test_everything_downstream_as_json(pipeline: SmallPipeline, tmp_path: Path) -> None:
    genome = tmp_path / "out" / "references" / "genome.fa"
    output = parse_json(call_command(log, genome, "--down", "--json"))
    assert output["file"]["uri"] == str(genome)
    results = {(result["asset"], result["scope"]): result for result in output["results"]}
    assert set(results) == {(step, sample) for step in ("aligned_bam", "depth") for sample in ("expt", "toy")} | {
        ("multiqc_report", "multiqc")
    }
    depth, report = results["depth", "expt"], results["multiqc_report", "multiqc"]
    assert depth["files"] == [f"{tmp_path}/out/expt/expt.depth.txt"]
    assert (depth["is_direct_input"], depth["inputs"]) == (True, [f"{tmp_path}/out/expt/records/aligned_bam.json"])
    assert report["is_direct_input"] is False
    assert set(report["inputs"]) == {depth["record"], results["depth", "toy"]["record"]}


def test_many_results_of_one_asset_are_shown_as_one_branch(tmp_path: Path) -> None:
    complete_pipeline(str(tmp_path), *(f"s{number:02}" for number in range(21)))
    genome = tmp_path / "out" / "references" / "genome.fa"
    assert lines(call_command(log, genome, "--down"))[1:] == [
        "├── aligned_bam of 21 samples",
        "│   └── depth of 21 samples",
        "│       └── multiqc_report of multiqc  multiqc_report.html",
        "└── depth of 21 samples  as above",
    ]
    report = lines(call_command(log, tmp_path / "out" / "multiqc" / "multiqc_report.html"))
    assert report[-1] == "└── 21 files of 21 samples: give one of them as FILE for its inputs"


def test_a_file_without_anything_downstream(pipeline: SmallPipeline, tmp_path: Path) -> None:
    output = lines(call_command(log, tmp_path / "out" / "multiqc" / "multiqc_report.html", "--down"))
    assert output[1:] == ["no current result was made from it"]


def test_a_file_that_differs_from_its_record_gets_a_note(pipeline: SmallPipeline, tmp_path: Path) -> None:
    bam = tmp_path / "out" / "expt" / "expt.bam"
    os.utime(bam, ns=(1, 1))  # another time and the same bytes, as in a folder that was copied
    assert lines(call_command(log, bam))[0] == str(bam)
    bam.write_bytes(bam.read_bytes()[::-1])
    assert lines(call_command(log, bam))[0] == "The file has changed since; showing the recorded version."
    bam.unlink()
    assert lines(call_command(log, bam))[0] == "The file no longer exists; showing the recorded version."


def test_a_copy_is_recognised_by_its_checksum(pipeline: SmallPipeline, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere.bam"
    copy.write_bytes((tmp_path / "out" / "toy" / "toy.bam").read_bytes())
    output = lines(call_command(log, copy, "--output-path", tmp_path / "out"))
    assert output[:2] == [f"{copy} has the same checksum as this file.", f"{tmp_path}/out/toy/toy.bam"]


def test_files_with_the_same_bytes_are_named(pipeline: SmallPipeline, tmp_path: Path) -> None:
    """As those of a sample and of its new name: a checksum alone does not distinguish them."""
    for sample in ("expt", "toy"):
        pipeline.add_result("depth", sample, f"{sample}.depth.txt", text="the same")
    copy = tmp_path / "elsewhere.txt"
    copy.write_text("the same")
    first = lines(call_command(log, copy, "--output-path", tmp_path / "out"))[0]
    (other,) = {f"{tmp_path}/out/{sample}/{sample}.depth.txt" for sample in ("expt", "toy")} & set(
        first.removesuffix(".").split()
    )
    assert first == f"{copy} has the same checksum as this file. The same bytes are in {other}."


def test_imported_and_copied_results_are_shown_as_such(pipeline: SmallPipeline, tmp_path: Path) -> None:
    pipeline.add_result("marked_bam", "expt", "expt.marked.bam", imported=True, script="", tools={}, backend="import")
    output = lines(call_command(log, tmp_path / "out" / "expt" / "expt.marked.bam"))
    assert "  made     elsewhere; imported as marked_bam of expt" in output
    assert not [line for line in output if line.startswith(("  script", "  tools"))]
    result = call_command(log, tmp_path / "out" / "expt" / "expt.marked.bam", "--script")
    assert (result.exit_code, result.stdout) == (2, "")
    pipeline.add_result("depth", "toy", "toy.depth.txt", copied_from="/other/toy/records/depth.json")
    output = lines(call_command(log, tmp_path / "out" / "toy" / "toy.depth.txt"))
    assert "  copied   from the result of /other/toy/records/depth.json" in output


def test_bad_input_is_rejected_in_a_sentence(pipeline: SmallPipeline, tmp_path: Path) -> None:
    out, unknown = tmp_path / "out", tmp_path / "unknown.txt"
    unknown.write_text("unknown")
    (out / "expt" / "notes.txt").write_text("notes")
    for arguments, sentence in (
        ((), "give FILE to show its provenance, or only --output-path"),
        (("--output-path", out, "--down"), "give FILE to show its provenance, or only --output-path"),
        (("--output-path", tmp_path / "sources"), "there are no records in"),
        (("--output-path", tmp_path / "nowhere"), f"{tmp_path}/nowhere does not exist: check --output-path"),
        ((unknown,), f"there are no records near {unknown}: give --output-path"),
        ((unknown, "--output-path", out), f"no record under {out} lists {unknown}, or a file with the same"),
        ((out / "expt" / "notes.txt",), f"no record under {out} lists {out}/expt/notes.txt, or a file"),
        ((tmp_path / "gone", "--output-path", out), f"{tmp_path}/gone does not exist"),
        (("0" * 12,), "give --output-path with a digest"),
        (("0" * 12, "--output-path", out), f"no record under {out} lists a file with the digest 000000000000"),
    ):
        result = call_command(log, *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(f"bioinfo-assets: {sentence}"), result.stderr
        assert result.stderr.count("\n") == 1


def test_a_damaged_record_upstream_is_reported(pipeline: SmallPipeline, tmp_path: Path) -> None:
    (tmp_path / "out" / "expt" / "records" / "aligned_bam.json").write_text("{")
    result = call_command(log, tmp_path / "out" / "expt" / "expt.depth.txt")
    assert result.exit_code == 2
    assert "aligned_bam.json is not a record" in result.stderr


def test_the_index_is_stored_in_the_home_of_its_own_project_only(
    pipeline: SmallPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "out" / ".dagster"
    lines(call_command(log, "--output-path", tmp_path / "out"))
    assert not home.exists()
    home.mkdir()
    lines(call_command(log, "--output-path", tmp_path / "out"))
    assert (home / "catalog.sqlite").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "bioinfo-assets.toml").write_text('output_path = "/another"\n')
    monkeypatch.setenv("DAGSTER_HOME", str(other))
    lines(call_command(log, "--output-path", tmp_path / "out"))
    assert [path.name for path in other.iterdir()] == ["bioinfo-assets.toml"]


def test_results_in_s3(s3: str) -> None:
    pipeline = complete_pipeline(s3, "expt")
    output = lines(call_command(log, f"{s3}/out/expt/expt.depth.txt"))
    assert output[0] == f"{s3}/out/expt/expt.depth.txt"
    assert f"{s3}/sources/genome.fa.gz" in "".join(output)
    all_files = lines(call_command(log, "--output-path", f"{s3}/out"))
    assert [line.rsplit(maxsplit=1)[1].removeprefix(f"{s3}/") for line in all_files] == [
        "out/expt/expt.1.fastq.gz",
        "out/expt/expt.bam",
        "out/expt/expt.depth.txt",
        "out/multiqc/multiqc_report.html",
        "out/references/genome.fa",
        "sources/expt.fastq.gz",
        "sources/genome.fa.gz",
    ]
    down = lines(call_command(log, f"{s3}/sources/expt.fastq.gz", "--output-path", f"{s3}/out", "--down"))
    assert down[-1].strip() == "└── multiqc_report of multiqc  multiqc_report.html"
    assert pipeline.minutes == 5


def test_dagster_is_not_imported() -> None:
    program = """
import sys
import bioinfo_assets.cli.log
print([name for name in sys.modules if name.split(".")[0] in {"dagster", "boto3"}])
"""
    completed = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    assert completed.stdout == "[]\n"
