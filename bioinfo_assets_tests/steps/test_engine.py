"""The steps that the native engine computes: the same contents as GATK and Picard, so nothing after them is stale."""

import hashlib
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.alignment import align
from bioinfo_assets.steps.duplicates import mark_duplicates
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import IndexedBam, ReadFiles
from bioinfo_assets.steps.metrics import alignment_metrics, insert_size_metrics
from bioinfo_assets.steps.reads import LaneFiles, merge_reads
from bioinfo_assets.steps.recalibration import Recalibration, recalibrate
from bioinfo_assets.steps.script import read_script
from bioinfo_assets_tests.engine.java import JARS
from bioinfo_assets_tests.steps.bench import Bench, StepResult, samtools, stored
from bioinfo_assets_tests.steps.builders import (
    LAYOUT,
    OPTICAL_DISTANCE,
    QUANTIZED_QUALS,
    fastq,
    read_group,
    record,
)
from bioinfo_assets_tests.steps.chain import LANES, SAMPLE, Chain, lane_files


@pytest.fixture(scope="module")
def native(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, StepResult]:
    """The results of the engine on the same inputs, by asset."""
    folder = tmp_path_factory.mktemp("native")
    layout = OutputLayout(str(folder / "results"))
    recalibration = Recalibration(chain.sites, QUANTIZED_QUALS, Engine.NATIVE)
    lanes = [lane_files(*lane) for lane in LANES]
    groups = [lane.read_group for lane in lanes]
    jobs = [
        merge_reads(SAMPLE, lanes, layout, Engine.NATIVE),
        align(SAMPLE, chain.trimmed, groups, chain.reference, layout, Engine.NATIVE),
        mark_duplicates(
            SAMPLE,
            chain.results["aligned_bam"].files["bam"],
            chain.reference,
            layout,
            optical_distance=OPTICAL_DISTANCE,
            engine=Engine.NATIVE,
        ),
        recalibrate(SAMPLE, chain.marked, chain.reference, recalibration, layout),
        alignment_metrics(SAMPLE, chain.recalibrated, chain.reference, layout, Engine.NATIVE),
        insert_size_metrics(SAMPLE, chain.recalibrated, layout, Engine.NATIVE),
    ]
    results = Bench(folder / "scratch").run_all(jobs)
    return {job.key.asset: result for job, result in zip(jobs, results, strict=True)}


ASSETS = (
    "merged_reads",
    "aligned_bam",
    "marked_bam",
    "recalibrated_bam",
    "alignment_metrics",
    "insert_size_metrics",
)


@pytest.mark.parametrize("asset", ASSETS)
def test_contents_facts_and_warnings_are_those_of_the_originals(
    chain: Chain, native: Mapping[str, StepResult], asset: str
) -> None:
    ours, theirs = native[asset], chain.results[asset]
    assert ours.contents == theirs.contents
    assert ours.report.facts == theirs.report.facts
    assert ours.report.warnings == theirs.report.warnings


def test_the_index_and_the_md5_are_of_the_bam(native: Mapping[str, StepResult], tmp_path: Path) -> None:
    result = native["recalibrated_bam"]
    data = result.path("bam").read_bytes()
    assert result.path("md5").read_text() == hashlib.md5(data, usedforsecurity=False).hexdigest()
    records = samtools("view", str(result.path("bam")))
    place = records[len(records) // 2].split("\t")[3]
    found = samtools("view", str(result.path("bam")), f"chrM:{place}-{place}")
    copy = tmp_path / "copy.bam"
    copy.write_bytes(data)
    subprocess.run(["samtools", "index", copy], check=True)
    assert found
    assert found == samtools("view", str(copy), f"chrM:{place}-{place}")


def test_the_program_and_its_method_are_in_the_header(native: Mapping[str, StepResult]) -> None:
    def programs(asset: str) -> list[dict[str, str]]:
        header = samtools("view", "-H", "--no-PG", str(native[asset].path("bam")))
        return [dict(field.split(":", 1) for field in line.split("\t")[1:]) for line in header if line[:3] == "@PG"]

    recalibrated = programs("recalibrated_bam")
    assert [program["ID"] for program in recalibrated] == ["bwa", "MarkDuplicates", "bioinfo-assets-engine"]
    assert recalibrated[-1]["PP"] == "MarkDuplicates"
    assert "ApplyBQSR" in recalibrated[-1]["DS"]
    marked = programs("marked_bam")
    assert [program.get("PP") for program in marked] == [None, *(program["ID"] for program in marked[:-1])]
    assert "MarkDuplicates" in marked[1]["DS"]


def test_what_the_engine_reports_as_wrong_is_why_the_job_fails(chain: Chain, bench: Bench, tmp_path: Path) -> None:
    cut = tmp_path / "cut.bam"
    cut.write_bytes(Path(chain.marked.bam.uri).read_bytes()[:-5000])
    marked = IndexedBam(stored(cut), chain.marked.bai)
    recalibration = Recalibration(chain.sites, QUANTIZED_QUALS, Engine.NATIVE)
    job = recalibrate(SAMPLE, marked, chain.reference, recalibration, OutputLayout(str(tmp_path / "out")))
    reason = bench.failure(job)
    assert reason.startswith(f"{SAMPLE}.mark_dup.bam ")
    assert "truncated" in reason


def test_the_first_program_of_a_pipe_that_fails_has_the_reason(chain: Chain, bench: Bench, tmp_path: Path) -> None:
    """After `mark`, `samtools sort` and `finish` fail as well."""
    apart = tmp_path / "apart.bam"
    aligned = samtools("view", "-h", "--no-PG", chain.results["aligned_bam"].files["bam"].uri)
    header = [line for line in aligned if line[0] == "@"]
    records = sorted((line for line in aligned if line[0] != "@"), key=lambda line: line.split("\t")[1])
    text = "\n".join([*header, *records, ""])
    subprocess.run(["samtools", "view", "-b", "--no-PG", "-o", apart], input=text, text=True, check=True)
    job = mark_duplicates(
        SAMPLE,
        stored(apart),
        chain.reference,
        OutputLayout(str(tmp_path / "out")),
        optical_distance=OPTICAL_DISTANCE,
        engine=Engine.NATIVE,
    )
    reason = bench.failure(job)
    assert reason.startswith(f"{SAMPLE}.aln.bam ")


SORT_FAILS = [
    ("exit 7", "failed with exit code 7"),
    ("kill -9 $$", "probably because memory ran out"),
    ("echo 'samtools sort: failed to write: No space left on device' >&2; exit 1", "ran out of disk space"),
]


@pytest.mark.parametrize(("script", "reason"), SORT_FAILS, ids=["fails", "is killed", "full disk"])
def test_a_sort_that_fails_has_the_reason(chain: Chain, bench: Bench, tmp_path: Path, script: str, reason: str) -> None:
    """Not the programs around it, to which its end looks like a damaged BAM and a full disk."""
    real, fake = shutil.which("samtools"), tmp_path / "bin" / "samtools"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/bash\n[[ $1 == sort ]] || exec {real} "$@"\n{script}\n')
    fake.chmod(0o755)
    job = mark_duplicates(
        SAMPLE,
        chain.results["aligned_bam"].files["bam"],
        chain.reference,
        OutputLayout(str(tmp_path / "out")),
        optical_distance=OPTICAL_DISTANCE,
        engine=Engine.NATIVE,
    )
    found = replace(bench, tool_path=(fake.parent, *bench.tool_path)).failure(job)
    assert reason in found
    assert "check" not in found


def test_the_histogram_is_drawn_by_picards_own_script() -> None:
    with zipfile.ZipFile(next(JARS.glob("picard-*.jar"))) as jar:
        theirs = jar.read("picard/analysis/insertSizeHistogram.R").decode()
    ours = read_script("insert_size_histogram.R")
    assert ours.endswith(theirs)
    assert all(line.startswith("#") or not line for line in ours.removesuffix(theirs).splitlines())


def lane_of(folder: Path, first: list[str], second: list[str], group: str = "FC1.4") -> LaneFiles:
    files = [
        fastq(folder / f"{group}_{number}.fastq.gz", [record(name, bases) for name in names])
        for number, names, bases in ((1, first, "ACGT"), (2, second, "TTGG"))
    ]
    return LaneFiles(read_group(group), *files)


def test_reads_that_are_not_in_pairs_have_the_same_reason_by_both(bench: Bench, tmp_path: Path) -> None:
    lanes = [lane_of(tmp_path, ["x"], ["x"], "FC1.1"), lane_of(tmp_path, ["a", "b"], ["a", "c"])]
    reasons = [bench.failure(merge_reads("expt", lanes, LAYOUT, engine)) for engine in Engine]
    assert reasons[0] == reasons[1]
    assert "record 2 is b in the first and c in the second" in reasons[0]


def test_several_lanes_in_one_file_give_the_same_warning_by_both(bench: Bench, tmp_path: Path) -> None:
    names = [f"M:1:FC1:{number}:1101:{x}:1" for number in (1, 2, 1) for x in (1, 2)]
    lanes, out = [lane_of(tmp_path, names, names)], OutputLayout(str(tmp_path / "out"))
    results = [bench.run(merge_reads("expt", lanes, out, engine)) for engine in Engine]
    assert results[0].report.warnings == results[1].report.warnings
    assert "holds reads of 2 lanes" in results[0].report.warnings[0]


def test_reads_without_a_read_group_have_the_same_reason_by_both(chain: Chain, bench: Bench, tmp_path: Path) -> None:
    files = ReadFiles(*(fastq(tmp_path / f"{read}.fastq.gz", [record("a\tRG:Z:FC9.9")]) for read in (1, 2)))
    jobs = [align("expt", files, [read_group()], chain.reference, LAYOUT, engine) for engine in Engine]
    reasons = [bench.failure(job) for job in jobs]
    assert reasons == ["2 of 2 records of expt have none of its read groups: merge its reads again"] * 2


@pytest.mark.parametrize("engine", Engine)
def test_an_aligner_that_is_killed_is_the_reason(chain: Chain, bench: Bench, tmp_path: Path, engine: Engine) -> None:
    """Not the broken stream, which whatever reads from it finds."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "bwa").write_text("#!/bin/bash\nprintf '@SQ\\tSN:chrM\\tLN:16569\\nr\\t0\\tch'\nkill -9 $$\n")
    (tools / "bwa").chmod(0o755)
    broken = replace(bench, tool_path=(tools, *bench.tool_path))
    groups = [lane_files(*lane).read_group for lane in LANES]
    reason = broken.failure(align(SAMPLE, chain.trimmed, groups, chain.reference, LAYOUT, engine))
    assert "step aligned_bam of NA12878 was killed by the system" in reason


def test_a_sample_without_pairs_has_no_insert_sizes(chain: Chain, bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "unpaired.bam"
    header = [line for line in samtools("view", "-H", chain.recalibrated.bam.uri) if line[:3] != "@PG"]
    sam = "\n".join([*header, "r\t4\t*\t0\t0\t*\t*\t0\t0\tACGT\tIIII\tRG:Z:HJYFJ.4", ""])
    subprocess.run(["samtools", "view", "-b", "-o", path], input=sam.encode(), check=True)
    bam, out = IndexedBam(stored(path), stored(path)), OutputLayout(str(tmp_path / "out"))
    result = bench.run(insert_size_metrics("expt", bam, out, Engine.NATIVE))
    assert result.path("status").read_text() == "fail\n"
    assert result.path("metrics").read_bytes() == result.path("histogram").read_bytes() == b""


def test_without_r_there_is_a_reason(chain: Chain, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "Rscript").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "Rscript").chmod(0o755)
    broken = replace(bench, tool_path=(tmp_path, *bench.tool_path))
    reason = broken.failure(insert_size_metrics(SAMPLE, chain.recalibrated, LAYOUT, Engine.NATIVE))
    assert reason == "R does not run, so NA12878 has no insert-size histogram: install r-base-core"
