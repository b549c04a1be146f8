"""The recalibration table is that of GATK's BaseRecalibrator, byte for byte."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bioinfo_assets_tests.engine.awkward_reads import write_inputs
from bioinfo_assets_tests.engine.data import GROUP, SITE, SMALL, head, record
from bioinfo_assets_tests.engine.originals import Originals
from bioinfo_assets_tests.engine.program import Engine, build, table_words


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


def test_known_sites_do_not_take_memory(tmp_path: Path) -> None:
    """A human chromosome has some hundred million of them in a recent dbSNP. The sanitizers take memory themselves."""
    contig = SMALL["chr1"] * 4000
    sites = [f"chr1\t{place}\t.\tT\tG\t.\t.\t." for place in range(1, len(contig), 2)]
    last = record("last", 0, 60).replace("\t60\t60", f"\t{len(contig) - 580}\t60")
    long_head = head(GROUP).replace(f"LN:{len(SMALL['chr1'])}", f"LN:{len(contig)}")
    inputs = write_inputs(tmp_path, {"chr1": contig}, long_head, [record("first", 0, 60), last], [sites])
    words = table_words(inputs, tmp_path / "table")
    # The contig takes 3 MiB, and 8 bytes for each of the sites would be 10 MiB more.
    subprocess.run(["prlimit", f"--data={8 << 20}", build(), *words], check=True)


def test_known_sites_that_are_not_sorted_are_refused(program: Path, tmp_path: Path) -> None:
    """An index of a file that was sorted does not show it."""
    sites = [SITE.replace("101", place) for place in ("101", "105", "103")]
    inputs = write_inputs(tmp_path / "in", SMALL, head(GROUP), [record("r", 0, 60)], [sorted(sites)])
    (vcf,) = inputs.known_sites
    plain = tmp_path / "sites.vcf"
    plain.write_bytes(subprocess.run(["bgzip", "-dc", vcf], check=True, capture_output=True).stdout)
    lines = plain.read_text().splitlines(keepends=True)
    plain.write_text("".join([*lines[:-2], lines[-1], lines[-2]]))
    subprocess.run(["bgzip", "--force", plain], check=True)
    shutil.copy(f"{plain}.gz", vcf)
    made = subprocess.run(
        [program, *table_words(inputs, tmp_path / "table")], check=False, capture_output=True, text=True
    )
    assert (made.returncode, "sites0.vcf.gz is not sorted" in made.stderr) == (1, True)
    assert not (tmp_path / "table").exists()
