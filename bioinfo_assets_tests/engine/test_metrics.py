"""Tables and histograms are those of Picard's CollectAlignmentSummaryMetrics and CollectInsertSizeMetrics."""

from pathlib import Path

import pytest

from bioinfo_assets_tests.engine.originals import Originals
from bioinfo_assets_tests.engine.program import Engine


def without_head(path: Path) -> list[str]:
    """The lines but those that name the program and the time."""
    lines = path.read_text().split("\n")
    return [line for line in lines if not line.startswith(("# ", "## htsjdk"))]


@pytest.fixture
def made(engine: Engine, originals: Originals, tmp_path: Path) -> Path:
    engine.metrics(originals.inputs, tmp_path / "alignment.txt", tmp_path / "inserts.txt")
    return tmp_path


def test_all_cells_of_alignments_are_those_of_picard(made: Path, originals: Originals) -> None:
    assert without_head(made / "alignment.txt") == without_head(originals.alignment)


def test_all_cells_of_insert_sizes_are_those_of_picard(made: Path, originals: Originals) -> None:
    assert without_head(made / "inserts.txt") == without_head(originals.insert_sizes)
