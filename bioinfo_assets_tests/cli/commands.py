"""Calls of the command line in tests, and small inputs for them."""

import gzip
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from typer.testing import CliRunner

from bioinfo_assets.cli.main import app
from bioinfo_assets_tests.data_sets import na12878

COMMAND = str(Path(sys.executable).parent / "bioinfo-assets")


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The exit code and the output of a command."""

    exit_code: int
    stdout: str
    stderr: str


def call(*arguments: object) -> CommandResult:
    """Run a command in this process; an exception other than an exit is raised."""
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    return CommandResult(result.exit_code, result.stdout, result.stderr)


def call_process(*arguments: object, env: Mapping[str, str] | None = None) -> CommandResult:
    """Run a command in a process of its own, as a user does."""
    completed = subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=None if env is None else {**env},
    )
    return CommandResult(completed.returncode, completed.stdout, completed.stderr)


def take_lanes(folder: Path, *lanes: str, sample: str = "NA12878") -> Path:
    """Copy real lanes, such as `HJYFJ_L4`, into a folder, under a sample's name."""
    folder.mkdir(parents=True, exist_ok=True)
    for lane in lanes:
        for read in (1, 2):
            target = folder / f"{sample}_{lane}_{read}.fastq.gz"
            shutil.copyfile(na12878().fastqs / f"NA12878_{lane}_{read}.fastq.gz", target)
    return folder


def list_folders(samples_file: Path, *folders: Path) -> Path:
    """Write a samples file of folders."""
    samples_file.write_text("".join(f"{folder}\n" for folder in folders))
    return samples_file


def write_fastq(path: Path, names: Sequence[str], *, seed: int = 1, length: int = 50) -> Path:
    """Write reads of random bases and qualities, which compress badly."""
    rng = Random(seed)  # noqa: S311 - reproducible, and not for cryptography
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt") as file:
        for name in names:
            bases = "".join(rng.choices("ACGT", k=length))
            qualities = "".join(rng.choices("#+5?F", k=length))
            file.write(f"@{name}\n{bases}\n+\n{qualities}\n")
    return path


def write_pair(folder: Path, sample: str = "expt", *, pairs: int = 20, lane: int = 1) -> tuple[Path, Path]:
    """Write a lane of simulated pairs."""
    names = [f"M1:1:FC1:{lane}:1101:{number}:1" for number in range(1, pairs + 1)]
    first, second = (
        write_fastq(folder / f"{sample}_FC1_L{lane}_{read}.fastq.gz", names, seed=10 * lane + read) for read in (1, 2)
    )
    return first, second


def write_vcf(path: Path, *header: str, sites: Sequence[str] = ()) -> Path:
    """Write a bgzipped VCF and its index."""
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    text = "\n".join(["##fileformat=VCFv4.2", *header, columns, *sites]) + "\n"
    with path.open("wb") as file:
        subprocess.run(["bgzip", "-c"], input=text.encode(), stdout=file, check=True)
    subprocess.run(["tabix", "-p", "vcf", str(path)], check=True)
    return path
