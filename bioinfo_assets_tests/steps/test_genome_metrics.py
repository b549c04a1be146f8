"""Coverage, GC bias and qualities by cycle: by real Picard, compared with what samtools prints of the same reads."""

import subprocess
from pathlib import Path
from statistics import fmean

import pytest

from bioinfo_assets.genomics.metrics import picard_numbers, qualities_by_cycle
from bioinfo_assets.launch.job import Job
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.files import IndexedBam
from bioinfo_assets.steps.genome_metrics import genome_metrics
from bioinfo_assets.steps.report import multiqc
from bioinfo_assets_tests.steps.bench import Bench, StepResult, samtools, stored
from bioinfo_assets_tests.steps.chain import SAMPLE, Chain


def job(chain: Chain, folder: Path, bam: IndexedBam | None = None) -> Job:
    layout = OutputLayout(str(folder / "out"))
    return genome_metrics(SAMPLE, bam or chain.recalibrated, chain.reference, layout)


@pytest.fixture(scope="module")
def result(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> StepResult:
    folder = tmp_path_factory.mktemp("genome")
    return Bench(folder / "scratch").run(job(chain, folder))


def test_coverage_is_that_of_samtools(chain: Chain, result: StepResult) -> None:
    """Without duplicates, bases and alignments below 20, and the second read of an overlap; at most 250 at a place."""
    numbers = picard_numbers(result.path("wgs").read_text())
    options = ("-a", "-s", "-q", "20", "-Q", "20", "-G", "0x704")
    depths = [int(line.split("\t")[2]) for line in samtools("depth", *options, chain.recalibrated.bam.uri)]
    known = sum(
        line.count(base) for line in samtools("faidx", chain.reference.fasta.uri, "chrM")[1:] for base in "ACGT"
    )
    assert numbers["genome_territory"] == known == len(depths) - 1  # the human mitochondrion has an N
    assert numbers["mean_coverage"] == pytest.approx(fmean(min(depth, 250) for depth in depths), rel=0.03)
    assert numbers["frac_10x"] == pytest.approx(fmean(depth >= 10 for depth in depths), abs=0.02)


def test_qualities_are_those_of_each_cycle_of_both_reads(chain: Chain, result: StepResult) -> None:
    qualities = qualities_by_cycle(result.path("qualities").read_text())
    first_bases = [fields[10][-1 if int(fields[1]) & 16 else 0] for fields in primary_reads(chain, "0x40")]
    assert qualities[0] == pytest.approx(fmean(ord(base) - 33 for base in first_bases), abs=0.01)
    assert len(qualities) == sum(
        max(len(fields[9]) for fields in primary_reads(chain, read)) for read in ("0x40", "0x80")
    )


def primary_reads(chain: Chain, flag: str) -> list[list[str]]:
    return [line.split("\t") for line in samtools("view", "-f", flag, "-F", "0x900", chain.recalibrated.bam.uri)]


def test_gc_bias_is_that_of_all_aligned_reads(chain: Chain, result: StepResult) -> None:
    numbers = picard_numbers(result.path("gc_summary").read_text())
    assert numbers["window_size"] == 100
    assert numbers["aligned_reads"] == len(samtools("view", "-F", "4", chain.recalibrated.bam.uri))
    assert {"at_dropout", "gc_dropout"} <= numbers.keys()
    assert "GcBiasDetailMetrics" in result.path("gc_detail").read_text()


@pytest.mark.long
def test_the_report_shows_them(result: StepResult, bench: Bench, tmp_path: Path) -> None:
    report = bench.run(multiqc({SAMPLE: list(result.files.values())}, OutputLayout(str(tmp_path / "out"))))
    names, values = (line.split("\t") for line in report.path("table").read_text().splitlines())
    row = dict(zip(names, values, strict=True))
    mean = picard_numbers(result.path("wgs").read_text())["mean_coverage"]
    assert [float(value) for name, value in row.items() if "MEAN_COVERAGE" in name] == [pytest.approx(mean, abs=0.01)]
    text = report.path("report").read_text()
    assert "GC Coverage Bias" in text
    assert "Mean Base Quality by Cycle" in text


@pytest.mark.long
def test_a_sample_without_aligned_reads_has_metrics(chain: Chain, bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "empty.bam"
    text = "\n".join([*samtools("view", "-H", "--no-PG", chain.recalibrated.bam.uri), ""])
    subprocess.run(["samtools", "view", "-b", "--no-PG", "-o", str(path)], input=text, text=True, check=True)
    subprocess.run(["samtools", "index", str(path)], check=True)
    result = bench.run(job(chain, tmp_path, IndexedBam(stored(path), stored(Path(f"{path}.bai")))))
    assert picard_numbers(result.path("wgs").read_text())["mean_coverage"] == 0
    assert picard_numbers(result.path("gc_summary").read_text()) == {}
    assert result.files["gc_detail"].size == 0
    assert qualities_by_cycle(result.path("qualities").read_text()) == ()
