"""The recalibration table is that of GATK's BaseRecalibrator, byte for byte."""

import subprocess
from pathlib import Path

import pytest

from bioinfo_assets_tests.engine.awkward_reads import write_inputs
from bioinfo_assets_tests.engine.data import GROUP, SITE, SMALL, head, record
from bioinfo_assets_tests.engine.originals import Originals
from bioinfo_assets_tests.engine.program import Engine, table_words


def test_the_table_has_the_bytes_of_gatk(engine: Engine, originals: Originals, tmp_path: Path) -> None:
    assert engine.table(originals.inputs, tmp_path / "table").read_text() == originals.table.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


@pytest.mark.parametrize(
    ("info", "plain"), [(";", "."), (";AC=1", "."), (";;END=140", "END=140"), ("DB;;END=140;", "END=140")]
)
def test_an_info_with_empty_entries_is_read(program: Path, tmp_path: Path, info: str, plain: str) -> None:
    """htsjdk reads them too; scripts make them that add an entry to an empty INFO."""
    tables = []
    for name, text in (("awkward", info), ("plain", plain)):
        site = SITE.removesuffix(".") + text
        reads = write_inputs(tmp_path / name, SMALL, head(GROUP), [record("r", 0, 60)], [[site]])
        command = [program, *table_words(reads, tmp_path / f"{name}.table")]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        tables.append((tmp_path / f"{name}.table").read_text())
    assert tables[0] == tables[1]
