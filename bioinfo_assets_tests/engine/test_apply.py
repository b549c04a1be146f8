"""Recalibrated records are those of GATK's ApplyBQSR; index and MD5 are those of the BAM."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pytest

from bioinfo_assets.steps import canonical
from bioinfo_assets_tests.engine.originals import Originals
from bioinfo_assets_tests.engine.program import Engine
from bioinfo_assets_tests.steps.bench import samtools


def records(bam: Path) -> Iterator[tuple[list[str], list[str]]]:
    """The fields of each record, and its tags in one order: GATK writes them in another than it reads."""
    for line in samtools("view", str(bam)):
        fields = line.split("\t")
        yield fields[:11], sorted(fields[11:])


@pytest.fixture(scope="session")
def made_before() -> dict[tuple[Engine, Path], Path]:
    """The BAMs of each build, by the folder of the inputs."""
    return {}


@pytest.fixture
def made(
    engine: Engine,
    originals: Originals,
    made_before: dict[tuple[Engine, Path], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    key = (engine, originals.folder)
    if key not in made_before:
        folder = tmp_path_factory.mktemp("made")
        made_before[key] = engine.apply(originals.inputs, originals.table, folder / "made.bam")
    return made_before[key]


def test_all_records_are_those_of_gatk(made: Path, originals: Originals) -> None:
    for mine, theirs in zip_longest(records(made), records(originals.recalibrated)):
        assert mine == theirs


def canonical_bytes(bam: Path) -> bytes:
    """What the digest of a recorded BAM is of: bins and types of tags too, which SAM text does not show."""
    command = ["bash", "-euo", "pipefail", "-c", canonical.BAM]
    with bam.open("rb") as source:
        return subprocess.run(
            command, stdin=source, capture_output=True, check=True, env={**os.environ, "JOB_CPUS": "1"}
        ).stdout


def test_all_bytes_are_those_of_gatk(made: Path, originals: Originals) -> None:
    assert canonical_bytes(made) == canonical_bytes(originals.recalibrated)


def test_qualities_are_those_of_gatk_without_rounding(engine: Engine, originals: Originals, tmp_path: Path) -> None:
    made = engine.apply(originals.inputs, originals.table, tmp_path / "made.bam", qualities=())
    for mine, theirs in zip_longest(records(made), records(originals.recalibrated_exactly)):
        assert mine == theirs


def test_index_and_md5_are_those_of_the_bam(made: Path, tmp_path: Path) -> None:
    assert sorted(path.name for path in made.parent.iterdir()) == ["made.bam", "made.bam.bai", "made.bam.md5"]
    assert Path(f"{made}.md5").read_text() == hashlib.md5(made.read_bytes()).hexdigest()  # noqa: S324 # that is what the file has
    copied = Path(shutil.copy(made, tmp_path / "copied.bam"))
    subprocess.run(["samtools", "index", copied], check=True)
    assert Path(f"{made}.bai").read_bytes() == (tmp_path / "copied.bam.bai").read_bytes()


def test_a_program_line_names_the_method(made: Path, originals: Originals) -> None:
    before = samtools("view", "-H", "--no-PG", str(originals.inputs.bam))
    added = [line for line in samtools("view", "-H", "--no-PG", str(made)) if line not in before]
    tags = dict(field.split(":", 1) for field in added[-1].split("\t")[1:])
    assert added[-1].startswith("@PG\tID:bioinfo-assets-engine")
    assert tags["CL"].startswith("bioinfo-assets-engine apply -w -i ")
    assert "GATK 4.6.2 ApplyBQSR" in tags["DS"]
