"""Tables and histograms are those of Picard's CollectAlignmentSummaryMetrics and CollectInsertSizeMetrics."""

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
