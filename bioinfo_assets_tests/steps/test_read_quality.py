"""The quality of reads: by real fastp, on reads whose bases and qualities are set here, and on real ones."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from bioinfo_assets.genomics.metrics import fastp_numbers
from bioinfo_assets.launch.job import Job
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.files import ReadFiles
from bioinfo_assets.steps.read_quality import measure_read_quality
from bioinfo_assets_tests.steps.bench import Bench, stored
from bioinfo_assets_tests.steps.builders import fastq, record
from bioinfo_assets_tests.steps.chain import SAMPLE, Chain

PAIRS = [("ACGTACGTAC", "GGGGGGGGGG"), ("TTTTTTTTTT", "AAAAAAAAAA"), ("ACACACACAC", "CCCCCAAAAA")] * 2
"""Twice the same three pairs."""

QUALITIES = "I" * 5 + "9" * 3 + "#" * 2
"""In Phred+33 (Cock and others 2010): five of 40, three of 24, two of 2."""


def job(folder: Path, first: Path, second: Path) -> Job:
    return measure_read_quality("expt", ReadFiles(stored(first), stored(second)), OutputLayout(str(folder / "out")))


def write_reads(folder: Path, read: int, pairs: list[tuple[str, str]]) -> Path:
    records = (record(f"pair{number}", pair[read - 1], quality=QUALITIES) for number, pair in enumerate(pairs))
    return Path(fastq(folder / f"expt.{read}.fastq.gz", records).uri)


def test_figures_are_those_of_all_reads(bench: Bench, tmp_path: Path) -> None:
    result = bench.run(job(tmp_path, *(write_reads(tmp_path, read, PAIRS) for read in (1, 2))))
    numbers = fastp_numbers(result.path("json").read_text())
    bases = "".join(first + second for first, second in PAIRS)
    assert result.report.facts == {"pairs": "6"}
    assert (numbers["reads"], numbers["bases"]) == (12, len(bases))
    assert numbers["frac_q20"] == pytest.approx(8 / 10)
    assert numbers["frac_q30"] == pytest.approx(5 / 10)
    assert numbers["frac_gc"] == pytest.approx((bases.count("G") + bases.count("C")) / len(bases), abs=1e-6)
    assert numbers["frac_duplication_estimate"] == pytest.approx(1 / 2)
    assert (numbers["reads1_mean_length"], numbers["reads2_mean_length"]) == (10, 10)


def test_no_read_is_filtered_or_trimmed(chain: Chain) -> None:
    """The real reads are those that were merged; a fifth of their bases has a quality below 30."""
    report = json.loads(chain.results["read_quality"].path("json").read_text())
    assert report["summary"]["before_filtering"] == report["summary"]["after_filtering"]
    assert chain.results["read_quality"].report.facts["pairs"] == chain.results["merged_reads"].report.facts["pairs"]
    assert SAMPLE in chain.results["read_quality"].path("html").read_text()


def test_the_report_has_a_column_of_base_qualities(chain: Chain) -> None:
    names, values = (
        line.split("\t") for line in chain.results["multiqc_report"].path("table").read_text().splitlines()
    )
    row = dict(zip(names, values, strict=True))
    numbers = fastp_numbers(chain.results["read_quality"].path("json").read_text())
    assert float(row["fastp-after_filtering_q30_rate"]) == pytest.approx(100 * numbers["frac_q30"], abs=0.01)


NOT_WHOLE = "the two FASTQs of expt are not whole, or differ in their numbers of reads: compute merged_reads again"


@pytest.mark.parametrize("missing", [1, 1000], ids=["a read", "as many as fastp takes at once"])
def test_files_with_different_numbers_of_reads_are_a_failure(bench: Bench, tmp_path: Path, missing: int) -> None:
    """fastp 0.23.2 itself reports on the first ones, with exit code 0."""
    pairs = PAIRS[:1] * 2000
    first, second = write_reads(tmp_path, 1, pairs), write_reads(tmp_path, 2, pairs[missing:])
    assert bench.failure(job(tmp_path, first, second)) == NOT_WHOLE


def test_truncated_files_are_a_failure(bench: Bench, tmp_path: Path) -> None:
    """Here, too, fastp reports on what it has read until then."""
    files = [write_reads(tmp_path, read, PAIRS) for read in (1, 2)]
    for file in files:
        text = subprocess.run(["gzip", "-dc", file], capture_output=True, check=True).stdout
        file.write_bytes(gzip.compress(text[:-5]))
    assert bench.failure(job(tmp_path, *files)) == NOT_WHOLE
