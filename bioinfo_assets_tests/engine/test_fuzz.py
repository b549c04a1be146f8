"""Inputs that clang's libFuzzer makes of valid ones, by what they reach in the code: none crashes the program.

Every target of `engine/fuzz/targets` has an input of its own. Reads are BAMs without compression, because a checksum
would refuse what is changed. ENGINE_FUZZ_SECONDS sets the time of each target (`make fuzz-engine`); an input that was
found is kept in `engine/build-fuzz/found`.
"""

import gzip
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from bioinfo_assets_tests.engine.awkward_reads import Generator
from bioinfo_assets_tests.engine.awkward_templates import AwkwardReads
from bioinfo_assets_tests.engine.program import SOURCES, Engine, build

SECONDS: Final = int(os.environ.get("ENGINE_FUZZ_SECONDS", "1"))
SHORT: Final = 10
"""Seconds in which one process does not use up its memory."""

TARGETS: Final = sorted(path.stem for path in (SOURCES / "fuzz" / "targets").glob("*.c"))
FASTQ: Final = "@M:1:FC1:4:1101:10:20{end}\nACGT\n+\nIIII\n@M:1:FC1:4:1101:11:20{end}\nAC\n+x\nII\n"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A folder with what targets read in addition to their input, and an input of each."""

    folder: Path
    inputs: Mapping[str, bytes]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    program = Engine(build())
    folder = tmp_path_factory.mktemp("prepared")
    reads = Generator(1).write(folder, 20)
    sites = gzip.decompress((folder / "sites0.vcf.gz").read_bytes())
    table = program.table(reads, folder / "reads.table")
    AwkwardReads(1, 20, (0, 1, 2)).write(folder / "grouped")
    sam, dictionary = folder / "grouped" / "in.sam", folder / "grouped.dict"
    subprocess.run(["samtools", "dict", "-o", dictionary, folder / "grouped" / "genome.fa"], check=True)
    with (folder / "stream.bam").open("wb") as stream:
        mark: list[str | Path] = ["mark", "-i", sam, "-s", folder / "marked.set", "-m", folder / "metrics.txt"]
        subprocess.run([program.program, *mark], stdout=stream, check=True)
    sort: list[str | Path] = ["samtools", "sort", "--no-PG", "-o", folder / "marked.bam", folder / "stream.bam"]
    subprocess.run(sort, check=True, capture_output=True)
    inputs = {
        "aligned": sam.read_bytes(),
        "mark": sam.read_bytes(),
        "finish": uncompressed(folder / "marked.bam"),
        "duplicate_set": (folder / "marked.set").read_bytes(),
        **dict.fromkeys(("table", "apply", "metrics"), uncompressed(reads.bam)),
        "known_sites": sites,
        "recalibration_table": table.read_bytes(),
        "merge": (FASTQ.format(end="/1") + FASTQ.format(end="/2")).encode(),
    }
    return Prepared(folder, inputs)


def uncompressed(bam: Path) -> bytes:
    return gzip.decompress(bam.read_bytes())


@pytest.fixture(scope="module")
def fuzzers() -> Callable[[str], Path]:
    command: list[str | Path] = ["flock", SOURCES / "fuzz", "make", "-j2", "--silent", f"--directory={SOURCES}", "fuzz"]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return lambda target: SOURCES / "build-fuzz" / target


def test_every_target_has_an_input(prepared: Prepared) -> None:
    assert sorted(prepared.inputs) == TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_no_input_crashes(fuzzers: Callable[[str], Path], prepared: Prepared, tmp_path: Path, target: str) -> None:
    work, corpus, found = tmp_path / "work", tmp_path / "corpus", SOURCES / "build-fuzz" / "found" / target
    shutil.copytree(prepared.folder, work, ignore=shutil.ignore_patterns("grouped"))
    corpus.mkdir()
    found.mkdir(parents=True, exist_ok=True)
    (corpus / "seed").write_bytes(prepared.inputs[target])
    options = [
        f"-max_total_time={SECONDS}",
        "-max_len=65536",
        "-timeout=20",
        "-detect_leaks=0",
        "-print_funcs=0",  # names of functions take a second of the symbolizer for each target
        f"-artifact_prefix={found}/",
    ]
    # What a failed run had allocated is not freed: in a long search, new processes begin when memory is used up.
    process = ["-fork=1", "-ignore_ooms=1", "-ignore_timeouts=0"] if SECONDS > SHORT else []
    process += ["-rss_limit_mb=2500", "-seed=1"]
    variables = {**os.environ, "ASAN_OPTIONS": "allocator_may_return_null=1:max_allocation_size_mb=256:detect_leaks=0"}
    command: list[str | Path] = [fuzzers(target), *options, *process, corpus]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, errors="replace", cwd=work, env=variables
    )
    assert done.returncode == 0, done.stderr[-5000:]
    # The valid input reached code: that of a target that reads nothing would not grow.
    assert len(list(corpus.iterdir())) > 1, done.stderr[-5000:]
