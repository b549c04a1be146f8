"""Counts of a deep genome: mawk, which Debian has for awk, prints numbers from 2^31 on as 3e+09 unless told."""

import re
import subprocess

import pytest

from bioinfo_assets.steps.script import read

MANY = 3_000_000_000
IDXSTATS = f"chr1\t100\t{MANY}\t1\n*\t0\t0\t2"
FLAGSTAT = f"{MANY}\t0\ttotal (QC-passed reads + QC-failed reads)\n{MANY - 1}\t4\tprimary mapped"
REPORT = f'{{\n  "read_counts": {{\n    "input": {MANY},\n    "output": {MANY - 1}\n  }}\n}}'


@pytest.mark.parametrize(
    ("script", "called", "table", "count"),
    [
        ("bam.sh", "indexed_records /dev/null", IDXSTATS, MANY + 3),
        ("align.sh", "flagstat total", FLAGSTAT, MANY),
        ("align.sh", "flagstat 'primary mapped'", FLAGSTAT, MANY + 3),
        ("trim_reads.sh", "pairs input", REPORT, MANY),
        ("trim_reads.sh", "pairs output", REPORT, MANY - 1),
    ],
)
def test_counts_of_billions_are_told_in_full(tmp_path, script, called, table, count):
    (tmp_path / "flagstat.tsv").write_text(table)
    name = called.partition(" ")[0]
    defined = re.search(rf"^{name}\(\) {{.*}}$", read(script), re.MULTILINE)
    assert defined
    # The table stands for the tool's: no test has three billion reads.
    text = f"samtools() {{ cat flagstat.tsv; }}\nreport=flagstat.tsv\n{defined[0]}\n{called}"
    told = subprocess.run(["bash", "-euc", text], cwd=tmp_path, capture_output=True, check=True, text=True).stdout
    assert told == f"{count}\n"


def test_pairs_of_billions_are_told_in_full(tmp_path):
    for number in (1, 2):
        (tmp_path / f"read.{number}").write_text("@a\nACGT\n+\nIIII\n")
    before = f"BEGIN {{ NR = {4 * MANY} }}\n"
    subprocess.run(["awk", before + read("pair_reads.awk"), "read.1"], cwd=tmp_path, check=True)
    assert (tmp_path / "verdict").read_text() == f"pairs {MANY + 1}\n"
