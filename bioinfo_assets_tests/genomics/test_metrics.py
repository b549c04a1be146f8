"""The tables are written by the real tools, for eleven read pairs whose positions, lengths and errors are set here."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bioinfo_assets.genomics.metrics import (
    cutadapt_numbers,
    depth_distribution,
    insert_size_histogram,
    mosdepth_numbers,
    picard_numbers,
)
from bioinfo_assets_tests.genomics.builders import record

TOOLS = Path(__file__).parents[2] / ".tools/bin"
JAVA = "-Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
LENGTH = 5000
READ = 50
# Pairs at nine positions without overlap, two at the last; six pairs of 200 bases and four of 190.
PAIRS = [(1 + 300 * number, 200 if number < 6 else 190) for number in (*range(9), 8)]


def genome() -> str:
    return ("ACGTTGCATCAGGTACCTGA" * (LENGTH // 20))[:LENGTH]


def sam_lines() -> list[str]:
    lines = ["@HD\tVN:1.6\tSO:unsorted", f"@SQ\tSN:chrT\tLN:{LENGTH}", "@RG\tID:FC1.1\tSM:expt\tLB:expt\tPL:ILLUMINA"]
    for number, (start, insert) in enumerate(PAIRS):
        mate = start + insert - READ
        # The last pair is ten pixels from its copy on the flow cell: an optical duplicate.
        name = f"SIM:1:FC1:1:1101:{1000 + 10 * number}:1000"
        first, second = (genome()[at - 1 : at - 1 + READ] for at in (start, mate))
        if number == 0:
            first = f"{first[:20]}{'A' if first[20] != 'A' else 'C'}{first[21:]}"
        for flag, at, other, size, bases in ((99, start, mate, insert, first), (147, mate, start, -insert, second)):
            fields = (name, flag, "chrT", at, 60, f"{READ}M", "=", other, size, bases, "I" * READ, "RG:Z:FC1.1")
            lines.append("\t".join(map(str, fields)))
    lines += [f"unmapped\t{flag}\t*\t0\t0\t*\t*\t0\t0\t{'G' * READ}\t{'I' * READ}\tRG:Z:FC1.1" for flag in (77, 141)]
    return lines


Run = Callable[..., None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("metrics")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    environment = {**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}", "JAVA_TOOL_OPTIONS": JAVA}

    def run_in_folder(*command: str) -> None:
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)

    return run_in_folder


@pytest.fixture(scope="module")
def bam(folder: Path, run: Run) -> str:
    (folder / "genome.fa").write_text(f">chrT\n{genome()}\n")
    (folder / "pairs.sam").write_text("".join(f"{line}\n" for line in sam_lines()))
    run("samtools", "sort", "--write-index", "-o", "pairs.bam##idx##pairs.bam.bai", "pairs.sam")
    return "pairs.bam"


def test_alignment_metrics_are_those_of_both_reads(folder: Path, run: Run, bam: str) -> None:
    run("picard", "CollectAlignmentSummaryMetrics", f"I={bam}", "O=alignment.txt", "R=genome.fa")
    numbers = picard_numbers((folder / "alignment.txt").read_text())
    assert numbers["total_reads"] == 22
    assert numbers["pf_reads_aligned"] == 20
    assert numbers["frac_pf_reads_aligned"] == pytest.approx(20 / 22, abs=1e-6)
    assert numbers["pf_mismatch_rate"] == pytest.approx(1 / (20 * READ))
    assert all(isinstance(number, int | float) for number in numbers.values())


def test_insert_sizes_are_read_as_metrics_and_as_histogram(folder: Path, run: Run, bam: str) -> None:
    run("picard", "CollectInsertSizeMetrics", f"I={bam}", "O=insert.txt", "H=insert.pdf")
    text = (folder / "insert.txt").read_text()
    numbers = picard_numbers(text)
    names = ("median_insert_size", "read_pairs", "min_insert_size", "max_insert_size")
    assert [numbers[name] for name in names] == [200, 10, 190, 200]
    assert insert_size_histogram(text) == ((190, 4), (200, 6))


def test_duplicates_are_counted(folder: Path, run: Run, bam: str) -> None:
    run("picard", "MarkDuplicates", f"I={bam}", "O=marked.bam", "M=duplicates.txt")
    numbers = picard_numbers((folder / "duplicates.txt").read_text())
    assert numbers["read_pairs_examined"] == 10
    assert numbers["read_pair_duplicates"] == numbers["read_pair_optical_duplicates"] == 1
    assert numbers["unmapped_reads"] == 2
    assert numbers["frac_duplication"] == pytest.approx(0.1)


DUPLICATES = (
    "## htsjdk.samtools.metrics.StringHeader\n# MarkDuplicates\n\n## METRICS CLASS\tpicard.sam.DuplicationMetrics\n"
    "LIBRARY\tUNPAIRED_READS_EXAMINED\tREAD_PAIRS_EXAMINED\tSECONDARY_OR_SUPPLEMENTARY_RDS\tUNMAPPED_READS\t"
    "UNPAIRED_READ_DUPLICATES\tREAD_PAIR_DUPLICATES\tREAD_PAIR_OPTICAL_DUPLICATES\tPERCENT_DUPLICATION\t"
    "ESTIMATED_LIBRARY_SIZE\n"
)


def test_duplicates_of_several_libraries_are_summed() -> None:
    rows = "a\t10\t100\t1\t2\t4\t10\t5\t0.114286\t500\nb\t0\t200\t0\t0\t0\t0\t0\t0\t\n\n"
    numbers = picard_numbers(DUPLICATES + rows)
    assert numbers["read_pairs_examined"] == 300
    # (4 + 2 · 10) of (10 + 2 · 300) reads; library b has no estimate, so the sum is omitted.
    assert numbers["frac_duplication"] == pytest.approx(24 / 610)
    assert "estimated_library_size" not in numbers


def test_the_empty_files_of_a_sample_without_pairs_have_no_metrics() -> None:
    assert picard_numbers("") == {}
    assert insert_size_histogram("") == ()


@pytest.mark.parametrize("text", ["words\n", "## METRICS CLASS\tpicard.analysis.QualityYieldMetrics\n"])
def test_an_unsupported_table_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="is not a supported table"):
        picard_numbers(text)


def test_depths_are_those_of_the_whole_genome(folder: Path, run: Run, bam: str) -> None:
    run("mosdepth", "expt", bam)
    summary = (folder / "expt.mosdepth.summary.txt").read_text()
    numbers = mosdepth_numbers(summary, LENGTH)
    assert numbers == {"genome_length": LENGTH, "mean_depth": 0.2, "min_depth": 0, "max_depth": 2}
    rows = depth_distribution((folder / "expt.mosdepth.global.dist.txt").read_text(), summary, LENGTH)
    # Nine positions have 100 bases with reads, one of them at depth 2.
    assert rows == ((0, 1.0), (1, 0.18), (2, 0.02))


def test_a_summary_without_total_is_an_error() -> None:
    with pytest.raises(ValueError, match="'total'"):
        mosdepth_numbers("chrom\tlength\tbases\tmean\tmin\tmax\n", LENGTH)


def test_pairs_before_and_after_trimming_are_counted(folder: Path, run: Run) -> None:
    reads = [record("a", "ACGTACGTAC"), record("b", "NNNNACGTAC"), record("c", "ACGTAGATCG"), record("d", "ACGTACGTAC")]
    for number in (1, 2):
        (folder / f"{number}.fq").write_text("".join(reads))
    run(
        *("cutadapt", "--json", "report.json", "--max-n", "0.1", "--pair-filter=any", "-a", "AGATCG"),
        *("-o", "t1.fq", "-p", "t2.fq", "1.fq", "2.fq"),
    )
    assert cutadapt_numbers((folder / "report.json").read_text()) == {
        "pairs_in": 4,
        "pairs_kept": 3,
        "bases_in": 80,
        "bases_kept": 54,
        "reads1_with_adapter": 1,
        "pairs_with_many_n": 1,
        "frac_pairs_kept": 0.75,
    }


def test_there_is_no_fraction_of_zero_pairs() -> None:
    report = '{"read_counts": {"input": 0, "output": 0}, "basepair_counts": {"input": 0, "output": 0}}'
    assert "frac_pairs_kept" not in cutadapt_numbers(report)
