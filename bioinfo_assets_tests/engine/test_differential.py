"""Cases that hypothesis chooses, and cuts down if the engine's results differ from those of GATK and Picard.

By default the same few in each run. ENGINE_FUZZ_EXAMPLES sets their number, and other ones are then chosen each time
(`make fuzz-engine`). A case that failed is kept below as an `example`.
"""

import os
import random
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from bioinfo_assets_tests.engine.awkward_reads import Generator, Inputs, write_inputs
from bioinfo_assets_tests.engine.awkward_templates import AwkwardReads, write_one_place
from bioinfo_assets_tests.engine.data import GROUP, SITE, SMALL, head, record
from bioinfo_assets_tests.engine.java import Java
from bioinfo_assets_tests.engine.marking import Templates
from bioinfo_assets_tests.engine.originals import Originals
from bioinfo_assets_tests.engine.program import Engine
from bioinfo_assets_tests.engine.test_apply import records
from bioinfo_assets_tests.engine.test_metrics import without_head

EXAMPLES: Final = int(os.environ.get("ENGINE_FUZZ_EXAMPLES", "0"))
SEEDS: Final = st.integers(0, 2**32 - 1)


def differential(function: Callable[..., None]) -> Any:
    """Settings of these tests: an example takes tenths of a second, of which the tools' own work is little."""
    return settings(
        max_examples=EXAMPLES or 12,
        derandomize=not EXAMPLES,
        deadline=None,
        database=None,
        print_blob=True,
        phases=(Phase.explicit, Phase.generate, *((Phase.shrink,) if EXAMPLES else ())),
        suppress_health_check=list(HealthCheck),
    )(function)


@dataclass(frozen=True, slots=True)
class Reads:
    """A genome, and the seeds of templates and known sites on it."""

    genome: int
    templates: tuple[int, ...]
    sites: tuple[int, ...]
    all_duplicates: bool


READS: Final = st.builds(
    Reads,
    st.integers(0, 3),
    st.lists(SEEDS, max_size=60).map(tuple),
    st.lists(SEEDS, max_size=40, unique=True).map(tuple),
    st.sampled_from([False] * 9 + [True]),
)


@differential
@given(case=READS)
def test_recalibration_and_metrics(sanitized: Path, java: Java, case: Reads) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = Generator(case.genome).write_chosen(
            folder / "in", case.templates, case.sites, all_duplicates=case.all_duplicates
        )
        compare_recalibration(inputs, Engine(sanitized), java, folder)


def compare_recalibration(inputs: Inputs, engine: Engine, java: Java, output: Path) -> None:
    """Compare table, recalibrated records and both metrics."""
    originals = Originals(lambda _: inputs, output, java)
    assert engine.table(inputs, output / "table").read_text() == originals.table.read_text()
    made = engine.apply(inputs, originals.table, output / "made.bam", qualities=())
    for mine, theirs in zip_longest(records(made), records(originals.recalibrated_exactly)):
        assert mine == theirs
    engine.metrics(inputs, output / "alignment", output / "inserts")
    assert without_head(output / "alignment") == without_head(originals.alignment)
    assert without_head(output / "inserts") == without_head(originals.insert_sizes)


TEMPLATES: Final = st.lists(st.tuples(SEEDS, st.sampled_from([0, 0, 0, 1, 2, 5, 30])), max_size=40)


@differential
@given(genome=st.integers(0, 3), umis=st.booleans(), chosen=TEMPLATES)
@example(genome=0, umis=False, chosen=[(280, 0), (280, 0)])  # duplicates of which none has a place on a flow cell
def test_marking(sanitized: Path, java: Java, genome: int, umis: bool, chosen: list[tuple[int, int]]) -> None:  # noqa: FBT001 - hypothesis passes it
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        AwkwardReads(genome, 0, umis=umis).write_chosen(folder / "in", chosen)
        compare_marking(Templates(folder / "in", umis), sanitized, java, folder)


def compare_marking(templates: Templates, program: Path, java: Java, output: Path) -> None:
    subprocess.run(["samtools", "faidx", templates.reference], check=True)
    theirs, mine = templates.by_picard(java), templates.by_engine(program, output)
    for ours, original in zip_longest(mine.records(), theirs.records()):
        assert ours == original
    assert mine.table() == theirs.table()


@pytest.mark.long
def test_a_hundred_thousand_duplicates_at_one_place(usual: Path, java: Java, tmp_path: Path) -> None:
    """On as many tiles as a flow cell has: Picard compares each two of a tile."""
    write_one_place(tmp_path / "in", seed=5, pairs=100_000, tiles=400)
    compare_marking(Templates(tmp_path / "in"), usual, java, tmp_path)


@pytest.mark.long
def test_the_recalibration_of_a_hundred_thousand_pairs_at_one_place(usual: Path, java: Java, tmp_path: Path) -> None:
    rng = random.Random(1)  # noqa: S311 - reads to test with
    lines = []
    for number in range(100_000):
        for flag, ends in ((99, (60, 160, 150)), (147, (160, 60, -150))):
            fields = record(f"r{number}", flag, *ends).split("\t")
            bases = "".join(base if rng.random() < 0.99 else rng.choice("ACGTN") for base in fields[9])
            lines.append("\t".join([*fields[:9], bases, "".join(rng.choices("#5IF", k=50)), *fields[11:]]))
    inputs = write_inputs(tmp_path / "in", SMALL, head(GROUP), lines, [[SITE]])
    compare_recalibration(inputs, Engine(usual, threads=2), java, tmp_path)
