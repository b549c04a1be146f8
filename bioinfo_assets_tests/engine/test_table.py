"""The recalibration table is that of GATK's BaseRecalibrator, byte for byte."""

from pathlib import Path

from bioinfo_assets_tests.engine.originals import Originals
from bioinfo_assets_tests.engine.program import Engine


def test_the_table_has_the_bytes_of_gatk(engine: Engine, originals: Originals, tmp_path: Path) -> None:
    assert engine.table(originals.inputs, tmp_path / "table").read_text() == originals.table.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["table"]
