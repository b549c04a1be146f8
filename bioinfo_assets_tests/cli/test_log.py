"""`bioinfo-assets log`: every file, what made one, and what was made from it."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from bioinfo_assets.cli.log import log
from bioinfo_assets_tests.cli.commands import COMMAND, Said
from bioinfo_assets_tests.cli.upkeep import call_one, documents
from bioinfo_assets_tests.launch.conftest import s3, s3_server
from bioinfo_assets_tests.provenance.small_pipeline import SmallPipeline, complete_pipeline

__all__ = ["s3", "s3_server"]  # the servers of `launch`, asked for by name below


@pytest.fixture(autouse=True)
def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture
def flow(tmp_path: Path) -> SmallPipeline:
    return complete_pipeline(str(tmp_path), "expt", "toy")


def hex_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def lines(said: Said) -> list[str]:
    assert (said.exit_code, said.stderr) == (0, "")
    return said.stdout.splitlines()


def test_every_file_that_was_read_or_written(flow: SmallPipeline, tmp_path: Path):
    told = lines(call_one(log, "--output-path", tmp_path / "out"))
    place = [line.split(maxsplit=4) for line in told]
    assert [path.removeprefix(f"{tmp_path}/") for *_, path in place] == [
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
    assert [role for *_, role, _ in place] == ["rw", "rw", "rw", "w", "rw", "rw", "rw", "rw", "r", "r", "r"]
    assert told[1] == f"{hex_of('aligned_bam of expt')[:8]}  2026-01-01 00:03:00  rw  {tmp_path}/out/expt/expt.bam"


def test_a_version_that_was_replaced_is_told_where_it_was_read_still_and_with_past(flow: SmallPipeline, tmp_path: Path):
    flow.add_depth("expt")
    flow.add_reads("expt", "other")
    told = documents(call_one(log, "--output-path", tmp_path / "out", "--json"))
    reads = [line for line in told if line["uri"] == f"{tmp_path}/out/expt/expt.1.fastq.gz"]
    # The BAM was made of the reads before: they are told as read, those of now as written.
    assert {(line["role"], line["content"]) for line in reads} == {
        ("r", f"sha256:{hex_of('merged expt ')}"),
        ("w", f"sha256:{hex_of('merged expt other')}"),
    }
    past = documents(call_one(log, "--output-path", tmp_path / "out", "--json", "--past"))
    assert {(line["role"], line["sha256"]) for line in past if line["uri"] == reads[0]["uri"]} == {
        ("rw", hex_of("merged expt ")),
        ("w", hex_of("merged expt other")),
    }


def test_a_reader_who_leaves_early_is_no_error(flow: SmallPipeline, tmp_path: Path):
    flow.add_report("expt", "toy")
    ours, theirs = os.pipe()
    os.close(ours)
    arguments = [COMMAND, "log", "--output-path", str(tmp_path / "out")]
    done = subprocess.run(arguments, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    os.close(theirs)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_what_made_a_file_and_all_it_was_made_from(
    flow: SmallPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    flow.add_result(
        "aligned_bam",
        "expt",
        "expt.bam",
        flow.output("expt", "expt.1.fastq.gz"),
        flow.output("references", "genome.fa"),
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
    told = lines(call_one(log, "expt.bam"))
    assert told[:13] == [
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
        "  script   2 lines of bash: add --script to see them",
    ]
    assert told[13:] == [
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
    assert call_one(log, "expt.bam", "--script").stdout == "bwa mem\nsamtools sort\n\n"


def test_a_job_is_told_once(flow: SmallPipeline, tmp_path: Path):
    said = call_one(log, tmp_path / "out" / "expt" / "expt.depth.txt").stdout
    assert said.count(f"{tmp_path}/sources/genome.fa.gz") == 1
    assert "reference_genome of references  2026-01-01 00:01:00  samtools 1.16.1, as above" in said


def test_all_of_it_as_one_document(flow: SmallPipeline, tmp_path: Path):
    told = documents(call_one(log, f"file://{tmp_path}/out/expt/expt.depth.txt", "--json"))
    records = f"{tmp_path}/out/expt/records"
    assert told["note"] is None
    assert told["file"] == {
        "uri": f"{tmp_path}/out/expt/expt.depth.txt",
        "size": 13,
        "sha256": hex_of("depth of expt"),
        "content": f"sha256:{hex_of('depth of expt')}",
        "made_by": f"{records}/depth.json",
        "source": None,
        "note": None,
    }
    assert set(told["jobs"]) == {
        f"{records}/depth.json",
        f"{records}/aligned_bam.json",
        f"{records}/merged_reads.json",
        f"{tmp_path}/out/references/records/reference_genome.json",
    }
    merged = told["jobs"][f"{records}/merged_reads.json"]
    assert (merged["script"], merged["tools"], merged["past"]) == ("true", {"samtools": "1.16.1"}, False)
    assert [(one["uri"], one["source"]) for one in merged["inputs"]] == [
        (f"{tmp_path}/sources/expt.fastq.gz", "raw_reads")
    ]


@pytest.mark.parametrize("given", ["{digest}", "sha256:{digest}", "{short}", "{upper}"])
def test_a_digest(flow: SmallPipeline, tmp_path: Path, given: str):
    digest = hex_of("aligned_bam of expt")
    words = given.format(digest=digest, short=digest[:8], upper=digest[:12].upper())
    told = lines(call_one(log, words, "--output-path", tmp_path / "out"))
    assert told[0] == f"{tmp_path}/out/expt/expt.bam"
    assert told[3] == "  made by  aligned_bam of expt, version 1"


def test_the_digest_of_what_was_replaced(flow: SmallPipeline, tmp_path: Path):
    flow.add_bam("expt", "other")
    told = lines(call_one(log, hex_of("aligned_bam of expt")[:10], "--output-path", tmp_path / "out"))
    assert told[3] == "  note     replaced since"
    assert "/records/history/aligned_bam." in "".join(told)


def test_the_digest_of_reads_that_were_replaced(flow: SmallPipeline, tmp_path: Path):
    flow.add_reads("expt", "other")
    told = lines(call_one(log, hex_of("source expt.fastq.gz")[:10], "--output-path", tmp_path / "out"))
    assert told[0] == f"{tmp_path}/sources/expt.fastq.gz"
    assert "  note     another file lies there now" in told


def test_a_source_and_what_was_made_from_it(flow: SmallPipeline, tmp_path: Path):
    fastq = tmp_path / "sources" / "expt.fastq.gz"
    told = lines(call_one(log, fastq, "--output-path", tmp_path / "out"))
    assert told[0] == str(fastq)
    assert told[3].startswith("  source   raw_reads of expt, as seen on ")
    assert lines(call_one(log, fastq, "--output-path", tmp_path / "out", "--down")) == [
        f"{fastq} {hex_of('source expt.fastq.gz')[:8]}",
        "└── merged_reads of expt  expt.1.fastq.gz",
        "    └── aligned_bam of expt  expt.bam",
        "        └── depth of expt  expt.depth.txt",
        "            └── multiqc_report of multiqc  multiqc_report.html",
    ]


def test_what_was_made_as_a_document(flow: SmallPipeline, tmp_path: Path):
    genome = tmp_path / "out" / "references" / "genome.fa"
    told = documents(call_one(log, genome, "--down", "--json"))
    assert told["file"]["uri"] == str(genome)
    made = {(one["asset"], one["scope"]): one for one in told["made"]}
    assert set(made) == {(step, sample) for step in ("aligned_bam", "depth") for sample in ("expt", "toy")} | {
        ("multiqc_report", "multiqc")
    }
    depth, report = made["depth", "expt"], made["multiqc_report", "multiqc"]
    assert depth["files"] == [f"{tmp_path}/out/expt/expt.depth.txt"]
    assert (depth["read_it"], depth["made_from"]) == (True, [f"{tmp_path}/out/expt/records/aligned_bam.json"])
    assert report["read_it"] is False
    assert set(report["made_from"]) == {depth["record"], made["depth", "toy"]["record"]}


def test_more_results_alike_than_people_read_are_told_together(tmp_path: Path):
    complete_pipeline(str(tmp_path), *(f"s{number:02}" for number in range(21)))
    genome = tmp_path / "out" / "references" / "genome.fa"
    assert lines(call_one(log, genome, "--down"))[1:] == [
        "├── aligned_bam of 21 samples",
        "│   └── depth of 21 samples",
        "│       └── multiqc_report of multiqc  multiqc_report.html",
        "└── depth of 21 samples  as above",
    ]
    report = lines(call_one(log, tmp_path / "out" / "multiqc" / "multiqc_report.html"))
    assert report[-1] == "└── 21 files of 21 samples: ask for one of them"


def test_nothing_was_made_from_it(flow: SmallPipeline, tmp_path: Path):
    told = lines(call_one(log, tmp_path / "out" / "multiqc" / "multiqc_report.html", "--down"))
    assert told[1:] == ["nothing that is there now was made from it"]


def test_a_file_that_is_no_longer_as_it_was_recorded_is_told_first(flow: SmallPipeline, tmp_path: Path):
    bam = tmp_path / "out" / "expt" / "expt.bam"
    os.utime(bam, ns=(1, 1))  # another time and the same bytes: a folder that was copied
    assert lines(call_one(log, bam))[0] == str(bam)
    bam.write_bytes(bam.read_bytes()[::-1])
    assert lines(call_one(log, bam))[0] == "It was changed since: this is told of what was there before."
    bam.unlink()
    assert lines(call_one(log, bam))[0] == "It is gone; this is what was there."


def test_a_copy_that_lies_elsewhere_is_known_by_its_bytes(flow: SmallPipeline, tmp_path: Path):
    copy = tmp_path / "elsewhere.bam"
    copy.write_bytes((tmp_path / "out" / "toy" / "toy.bam").read_bytes())
    told = lines(call_one(log, copy, "--output-path", tmp_path / "out"))
    assert told[:2] == [f"{copy} has the bytes of this file.", f"{tmp_path}/out/toy/toy.bam"]


def test_what_was_imported_or_copied_is_told_so(flow: SmallPipeline, tmp_path: Path):
    changes = {"imported": True, "script": "", "tools": {}, "backend": "import"}
    flow.add_result("marked_bam", "expt", "expt.marked.bam", **changes)
    told = lines(call_one(log, tmp_path / "out" / "expt" / "expt.marked.bam"))
    assert "  made     elsewhere; registered as marked_bam of expt" in told
    assert not [line for line in told if line.startswith(("  script", "  tools"))]
    said = call_one(log, tmp_path / "out" / "expt" / "expt.marked.bam", "--script")
    assert (said.exit_code, said.stdout) == (2, "")
    flow.add_result("depth", "toy", "toy.depth.txt", copied_from="/other/toy/records/depth.json")
    told = lines(call_one(log, tmp_path / "out" / "toy" / "toy.depth.txt"))
    assert "  copied   from what /other/toy/records/depth.json tells of" in told


def test_bad_input_is_one_sentence(flow: SmallPipeline, tmp_path: Path):
    out, mine = tmp_path / "out", tmp_path / "mine.txt"
    mine.write_text("mine")
    (out / "expt" / "notes.txt").write_text("notes")
    for arguments, sentence in (
        ((), "give a file to tell of; or --output-path alone"),
        (("--output-path", out, "--down"), "give a file to tell of; or --output-path alone"),
        (("--output-path", tmp_path / "sources"), "there are no records in"),
        (("--output-path", tmp_path / "nowhere"), f"{tmp_path}/nowhere does not exist: check --output-path"),
        ((mine,), f"{mine} lies beside no records: give --output-path"),
        ((mine, "--output-path", out), f"no record under {out} names {mine}, or a file with its bytes"),
        ((out / "expt" / "notes.txt",), f"no record under {out} names {out}/expt/notes.txt, or a file"),
        ((tmp_path / "gone", "--output-path", out), f"{tmp_path}/gone does not exist"),
        (("0" * 12,), "give --output-path with a digest"),
        (("0" * 12, "--output-path", out), f"no record under {out} names a file with the digest 000000000000"),
    ):
        said = call_one(log, *arguments)
        assert (said.exit_code, said.stdout) == (2, "")
        assert said.stderr.startswith(f"bioinfo-assets: {sentence}"), said.stderr
        assert said.stderr.count("\n") == 1


def test_a_result_upstream_whose_record_is_damaged_is_told(flow: SmallPipeline, tmp_path: Path):
    (tmp_path / "out" / "expt" / "records" / "aligned_bam.json").write_text("{")
    said = call_one(log, tmp_path / "out" / "expt" / "expt.depth.txt")
    assert said.exit_code == 2
    assert "aligned_bam.json is not a record of this project" in said.stderr


def test_the_index_is_kept_in_the_home_and_in_no_other_projects(
    flow: SmallPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home = tmp_path / "out" / ".dagster"
    lines(call_one(log, "--output-path", tmp_path / "out"))
    assert not home.exists()
    home.mkdir()
    lines(call_one(log, "--output-path", tmp_path / "out"))
    assert (home / "catalog.sqlite").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "bioinfo-assets.toml").write_text('output_path = "/another"\n')
    monkeypatch.setenv("DAGSTER_HOME", str(other))
    lines(call_one(log, "--output-path", tmp_path / "out"))
    assert [path.name for path in other.iterdir()] == ["bioinfo-assets.toml"]


def test_results_in_s3(s3: str):
    flow = complete_pipeline(s3, "expt")
    told = lines(call_one(log, f"{s3}/out/expt/expt.depth.txt"))
    assert told[0] == f"{s3}/out/expt/expt.depth.txt"
    assert f"{s3}/sources/genome.fa.gz" in "".join(told)
    all_files = lines(call_one(log, "--output-path", f"{s3}/out"))
    assert [line.rsplit(maxsplit=1)[1].removeprefix(f"{s3}/") for line in all_files] == [
        "out/expt/expt.1.fastq.gz",
        "out/expt/expt.bam",
        "out/expt/expt.depth.txt",
        "out/multiqc/multiqc_report.html",
        "out/references/genome.fa",
        "sources/expt.fastq.gz",
        "sources/genome.fa.gz",
    ]
    down = lines(call_one(log, f"{s3}/sources/expt.fastq.gz", "--output-path", f"{s3}/out", "--down"))
    assert down[-1].strip() == "└── multiqc_report of multiqc  multiqc_report.html"
    assert flow.minutes == 5


def test_dagster_is_not_imported():
    program = """
import sys
import bioinfo_assets.cli.log
print([name for name in sys.modules if name.split(".")[0] in {"dagster", "boto3"}])
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "[]\n"
