"""bwa against bwa-mem3, on the same reads: CPU time, wall time, peak, and whether the records are equal."""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.bench import Figures
from benchmarks.processes import medians, run
from benchmarks.reads import simulate_reads
from bioinfo_assets_tests.steps.mem2_index import index_for_mem2

ALIGNERS: Final = ("bwa", "bwa-mem3")
_OPTIONS: Final = ("mem", "-K", "100000000", "-Y", "-t")
_ADDED: Final = ("MQ:i:", "HN:i:")
"""Tags of bwa-mem3 that bwa has not."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The medians of both aligners, the number of bwa's records, and how many of them are others by bwa-mem3."""

    figures: dict[str, Figures]
    records: int
    different: int


def measure(folder: Path, pairs: int, threads: int, runs: int) -> Comparison:
    """Align simulated reads by each aligner in turn, this many times."""
    simulated = simulate_reads(folder, pairs)
    fasta = folder / "genome.fa"
    opener = ["gzip", "-dc"] if simulated.reference.suffix == ".gz" else ["cat"]
    fasta.write_bytes(subprocess.run([*opener, str(simulated.reference)], capture_output=True, check=True).stdout)
    with ProcessPoolExecutor(1) as pool:  # the memory of this process would count for the commands that it starts
        pool.submit(index_for_mem2, fasta, fasta).result()
    subprocess.run(["bwa", "index", str(fasta)], capture_output=True, check=True)
    reads = [folder / f"{end}.fastq.gz" for end in (1, 2)]
    for end, file in enumerate(reads):
        with file.open("wb") as stream:  # members of gzip, one after the other, are one file
            for lane in simulated.sample.lanes:
                stream.write(Path((lane.read1, lane.read2)[end]).read_bytes())
    figures: dict[str, list[Figures]] = {aligner: [] for aligner in ALIGNERS}
    for _ in range(runs):
        for aligner in ALIGNERS:
            command = [aligner, *_OPTIONS, str(threads), str(fasta), *map(str, reads)]
            script = ["bash", "-c", 'out=$1; shift; exec "$@" > "$out"', "bash", str(folder / aligner), *command]
            figures[aligner].append(run(script, folder, os.environ)[0])
    pairs_of_records = zip(*(_records(folder / aligner) for aligner in ALIGNERS), strict=True)
    different = [own != other for own, other in pairs_of_records]
    return Comparison({aligner: medians(figures[aligner]) for aligner in ALIGNERS}, len(different), sum(different))


def _records(file: Path) -> Iterator[list[str]]:
    with subprocess.Popen(["samtools", "view", str(file)], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            yield sorted(field for field in line.rstrip("\n").split("\t") if not field.startswith(_ADDED))


def show(comparison: Comparison, console: Console) -> None:
    """Print the figures, with ratios to those of bwa."""
    table = Table("aligner", "CPU s", "ratio", "wall s", "ratio", "peak MiB", title="aligners")
    bwa = comparison.figures["bwa"]
    for aligner, own in comparison.figures.items():
        ratios = f"{own.cpu_s / bwa.cpu_s:.2f}", f"{own.wall_s / bwa.wall_s:.2f}"
        table.add_row(aligner, f"{own.cpu_s:.1f}", ratios[0], f"{own.wall_s:.1f}", ratios[1], f"{own.peak_mib:.0f}")
    console.print(table)
    console.print(f"{comparison.different:,} of {comparison.records:,} records differ")
