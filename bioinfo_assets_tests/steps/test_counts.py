"""Counts of a deep genome: mawk, the awk of Debian, prints numbers from 2^31 as 3e+09 by default."""

import re
import subprocess
from pathlib import Path

import pytest

from bioinfo_assets.steps.script import read_script

MANY = 3_000_000_000
IDXSTATS = f"chr1\t100\t{MANY}\t1\n*\t0\t0\t2"
FLAGSTAT = f"{MANY}\t0\ttotal (QC-passed reads + QC-failed reads)\n{MANY - 1}\t4\tprimary mapped"
REPORT = f'{{\n  "read_counts": {{\n    "input": {MANY},\n    "output": {MANY - 1}\n  }}\n}}'


@pytest.mark.parametrize(
    ("script", "command", "table", "count"),
    [
        ("bam.sh", "indexed_records /dev/null", IDXSTATS, MANY + 3),
        ("aligned_by_samtools.sh", "flagstat total", FLAGSTAT, MANY),
        ("aligned_by_samtools.sh", "flagstat 'primary mapped'", FLAGSTAT, MANY + 3),
        ("trim_reads.sh", "pairs input", REPORT, MANY),
        ("trim_reads.sh", "pairs output", REPORT, MANY - 1),
    ],
)
def test_counts_of_billions_are_printed_in_full(
    tmp_path: Path, script: str, command: str, table: str, count: int
) -> None:
    (tmp_path / "flagstat.tsv").write_text(table)
    name = command.partition(" ")[0]
    function = re.search(rf"^{name}\(\) {{.*}}$", read_script(script), re.MULTILINE)
    assert function
    # The table replaces the tool's output: no test has three billion reads.
    text = f"samtools() {{ cat flagstat.tsv; }}\nreport=flagstat.tsv\n{function[0]}\n{command}"
    printed = subprocess.run(["bash", "-euc", text], cwd=tmp_path, capture_output=True, check=True, text=True).stdout
    assert printed == f"{count}\n"


def test_billions_of_pairs_are_counted_in_full(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"read.{number}").write_text("@a\nACGT\n+\nIIII\n")
    before = f"BEGIN {{ NR = {4 * MANY} }}\n"
    subprocess.run(["awk", before + read_script("pair_reads.awk"), "read.1"], cwd=tmp_path, check=True)
    assert (tmp_path / "outcome").read_text() == f"pairs {MANY + 1}\n"
