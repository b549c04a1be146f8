"""How much of the engine's subcommands is left to the thread that reads and writes, with one, two and four threads."""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.reads import simulate_reads

THREADS: Final = (1, 2, 4)
_POLL_S: Final = 0.01
_READ_GROUP: Final = "@RG\\tID:g\\tSM:s\\tLB:l\\tPL:ILLUMINA"


@dataclass(frozen=True, slots=True)
class ThreadFigures:
    """CPU time of a subcommand.

    Attributes:
        subcommand: The subcommand.
        threads: Its option `-@`.
        main_s: CPU time of the first thread, which reads and writes, in seconds.
        all_s: CPU time of all threads in seconds.
    """

    subcommand: str
    threads: int
    main_s: float
    all_s: float


def measure(folder: Path, pairs: int) -> tuple[int, list[ThreadFigures]]:
    """Align simulated reads, and run the subcommands on them; returns the number of records too."""
    simulated = simulate_reads(folder, pairs)
    fasta, sites = folder / "genome.fa", [str(path) for path in simulated.known_sites]
    _bash(folder, f'zcat -f "{simulated.reference}" > "{fasta}"; bwa index "{fasta}" 2> log; samtools faidx "{fasta}"')
    for end in (1, 2):
        files = " ".join(f'"{(lane.read1, lane.read2)[end - 1]}"' for lane in simulated.sample.lanes)
        _bash(folder, f"cat {files} > {end}.fastq.gz")
    _bash(
        folder,
        f"bwa mem -K 100000000 -Y -R '{_READ_GROUP}' \"{fasta}\" 1.fastq.gz 2.fastq.gz 2> log | "
        "samtools view -b -1 -o named.bam -",
    )
    figures = list(_run_all(folder, fasta, sites))
    return int(subprocess.check_output(["samtools", "view", "-c", folder / "named.bam"])), figures


def _run_all(folder: Path, fasta: Path, sites: list[str]) -> Iterator[ThreadFigures]:
    for threads in THREADS:
        yield _run(folder, threads, "mark", "-i", "named.bam", "-s", "set", "-m", "metrics", output="stream.bam")
    _bash(folder, "samtools sort -u --no-PG -o sorted.bam stream.bam")
    for threads in THREADS:
        yield _run(folder, threads, "finish", "-i", "sorted.bam", "-s", "set", "-r", str(fasta), "-o", "marked.bam")
    known = [word for vcf in sites for word in ("-k", vcf)]
    for threads in THREADS:
        yield _run(folder, threads, "table", "-i", "marked.bam", "-r", str(fasta), *known, "-o", "table")
    for threads in THREADS:
        yield _run(folder, threads, "apply", "-w", "-i", "marked.bam", "-t", "table", "-o", "final.bam")


def _run(folder: Path, threads: int, subcommand: str, *words: str, output: str = "stdout") -> ThreadFigures:
    """Run a subcommand; CPU times of its threads are those of the last moment before they ended."""
    command = ["bioinfo-assets-engine", subcommand, *words, "-@", str(threads)]
    seconds: dict[int, float] = {}
    with (folder / output).open("wb") as stream:
        process = psutil.Popen(command, cwd=folder, stdout=stream)
        while process.poll() is None:
            try:
                seconds |= {thread.id: thread.user_time + thread.system_time for thread in process.threads()}
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                break
            time.sleep(_POLL_S)
    if process.wait() != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return ThreadFigures(subcommand, threads, seconds[process.pid], sum(seconds.values()))


def _bash(folder: Path, script: str) -> None:
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=os.environ, check=True)


def show(records: int, figures: list[ThreadFigures], console: Console) -> None:
    """Print the figures, those of the first thread also in microseconds a record."""
    table = Table("subcommand", "threads", "first thread, CPU s", "a record, us", "all, CPU s", title="engine")
    for own in figures:
        a_record = f"{own.main_s / records * 1e6:.2f}"
        table.add_row(own.subcommand, str(own.threads), f"{own.main_s:.2f}", a_record, f"{own.all_s:.2f}")
    console.print(table)
    console.print(f"{records:,} records")
