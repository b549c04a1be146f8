"""Tables and histograms are those of Picard's CollectAlignmentSummaryMetrics and CollectInsertSizeMetrics."""

import subprocess
from pathlib import Path

from bioinfo_assets_tests.engine.originals import Originals
from bioinfo_assets_tests.engine.program import Engine


def without_head(path: Path) -> list[str]:
    """The lines but those that name the program and the time."""
    lines = path.read_text().split("\n")
    return [line for line in lines if not line.startswith(("# ", "## htsjdk"))]


def test_all_cells_are_those_of_picard(engine: Engine, originals: Originals, tmp_path: Path) -> None:
    alignment, inserts = tmp_path / "alignment.txt", tmp_path / "inserts.txt"
    engine.metrics(originals.inputs, alignment, inserts)
    assert without_head(alignment) == without_head(originals.alignment)
    assert without_head(inserts) == without_head(originals.insert_sizes)


def test_more_threads_may_be_asked_for_than_are_used(
    program: Path, compared: dict[str, Originals], tmp_path: Path
) -> None:
    """As on a machine of more CPUs than 256."""
    inserts = tmp_path / "inserts.txt"
    Engine(program).run("metrics", "-i", compared["awkward reads"].inputs.bam, "-s", inserts, "-@", "384")
    assert without_head(inserts) == without_head(compared["awkward reads"].insert_sizes)


def test_insert_sizes_that_are_billions_apart_take_no_time(program: Path, tmp_path: Path) -> None:
    """As a damaged file may have them. The widths are around the median, 200; each size is a third of the pairs."""
    sizes = (100, 200, 2_000_000_000)
    header = "@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:c1\tLN:2100000000\n@RG\tID:g\tSM:s\tPL:ILLUMINA\n"
    reads = (f"r{size}\t147\tc1\t50\t60\t4M\t=\t40\t-{size}\tACGT\tIIII\tRG:Z:g\n" for size in sizes)
    bam, inserts = tmp_path / "reads.bam", tmp_path / "inserts.txt"
    subprocess.run(["samtools", "view", "-b", "-o", bam], input=header + "".join(reads), text=True, check=True)
    subprocess.run([program, "metrics", "-i", bam, "-s", inserts], check=True, timeout=20)
    names, values = (line.split("\t") for line in inserts.read_text().split("\n")[6:8])
    row = dict(zip(names, values, strict=True))
    widths = [row[f"WIDTH_OF_{share}_PERCENT"] for share in (10, 30, 40, 60, 70, 99)]
    assert widths == ["1", "1", "201", "201", "3999999601", "3999999601"]
