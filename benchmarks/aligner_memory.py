"""The memory of indexing and alignment on growing genomes, and what it becomes for a human one."""

import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression
from typing import Final

from rich.console import Console
from rich.table import Table

HUMAN_BASES: Final = 3_217_346_917
"""GRCh38 with alternate contigs, decoys and HLA genes, the largest usual reference."""

_BATCHES: Final = 3
"""How many batches of reads are aligned: the aligner reads the next while it aligns one."""

READ_LENGTH: Final = 150
_INSERT: Final = 400
_LINE: Final = 100
_BASES: Final = bytes(b"ACGT"[value % 4] for value in range(256))
_COMPLEMENT: Final = bytes.maketrans(b"ACGT", b"TGCA")
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Peak:
    """The peak of one run.

    Attributes:
        program: `index` or `mem`.
        bases: The bases of the genome.
        threads: The threads.
        mib: The resident memory at its peak in MiB.
        cpu_s: CPU time in seconds.
    """

    program: str
    bases: int
    threads: int
    mib: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Fit:
    """A line through peaks, in MiB.

    Attributes:
        program: `index` or `mem`.
        unit: What the peaks are a function of: `base` or `thread`.
        base_mib: The intercept.
        mib_each: The slope.
        error_mib: The largest distance of a peak from the line.
    """

    program: str
    unit: str
    base_mib: float
    mib_each: float
    error_mib: float

    def __str__(self) -> str:
        each = f"{self.mib_each * _MIB:.2f} bytes" if self.unit == "base" else f"{self.mib_each:.0f} MiB"
        line = f"{self.program}: {self.base_mib:,.0f} MiB + {each} a {self.unit} (within {self.error_mib:,.0f} MiB)"
        human = self.base_mib + self.mib_each * HUMAN_BASES
        return f"{line}; {human:,.0f} MiB for a human genome" if self.unit == "base" else line


@dataclass(frozen=True, slots=True)
class Setup:
    """What is measured: genomes of these sizes, each with these numbers of threads, in batches of this many bases."""

    aligner: str
    megabases: Sequence[int]
    threads: Sequence[int]
    batch_bases: int


def measure(folder: Path, setup: Setup, console: Console) -> list[Peak]:
    """Index random genomes, and align reads to each."""
    peaks = []
    for size in setup.megabases:
        fasta, reads = folder / f"{size}.fa", (folder / f"{size}.1.fq", folder / f"{size}.2.fq")
        write_data(fasta, reads, size * 1_000_000, _BATCHES * setup.batch_bases // (2 * READ_LENGTH))
        console.print(f"{setup.aligner} index, {size} Mb", style="dim")
        peaks.append(_run("index", size, 1, [setup.aligner, "index", str(fasta)]))
        for count in setup.threads:
            console.print(f"{setup.aligner} mem, {size} Mb, {count} threads", style="dim")
            options = ["-t", str(count), "-K", str(setup.batch_bases), "-Y"]
            peaks.append(_run("mem", size, count, [setup.aligner, "mem", *options, str(fasta), *map(str, reads)]))
        for path in folder.glob(f"{size}.*"):
            path.unlink()
    return peaks


def write_data(fasta: Path, reads: tuple[Path, Path], bases: int, pairs: int) -> None:
    """Write a random genome of one contig, and pairs of reads of it in its order, with an error in every tenth."""
    rng = random.Random(bases)  # noqa: S311 - data
    genome = b"".join(rng.randbytes(1_000_000).translate(_BASES) for _ in range(bases // 1_000_000))
    with fasta.open("wb") as file:
        file.write(b">chrT\n")
        file.writelines(genome[start : start + _LINE] + b"\n" for start in range(0, len(genome), _LINE))
    qualities = b"F" * READ_LENGTH
    with reads[0].open("wb") as file1, reads[1].open("wb") as file2:
        for number in range(pairs):
            start = rng.randrange(len(genome) - _INSERT)
            first = bytearray(genome[start : start + READ_LENGTH])
            second = genome[start + _INSERT - READ_LENGTH : start + _INSERT][::-1].translate(_COMPLEMENT)
            if number % 10 == 0:
                first[rng.randrange(READ_LENGTH)] = ord("A")
            file1.write(b"@r%d\n%s\n+\n%s\n" % (number, first, qualities))
            file2.write(b"@r%d\n%s\n+\n%s\n" % (number, second, qualities))


_SUPERVISOR: Final = """
import os, sys
process = os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(process, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss, usage.ru_utime + usage.ru_stime, file=sys.stderr)
"""
"""Runs a program in a small process: until a child runs it, its peak is that of its parent, here of a genome."""


def _run(program: str, megabases: int, threads: int, words: list[str]) -> Peak:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _SUPERVISOR, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    exit_code, peak_kib, cpu_s = done.stderr.splitlines()[-1].split()
    assert exit_code == "0", f"{' '.join(words)} ended with {exit_code}"
    return Peak(program, megabases * 1_000_000, threads, int(peak_kib) / 1024, float(cpu_s))


def fits(peaks: Sequence[Peak]) -> Iterator[Fit]:
    """Lines through the peaks: by bases for both programs, and by threads at the largest genome."""
    aligned = [peak for peak in peaks if peak.program == "mem"]
    fewest, largest = min(peak.threads for peak in aligned), max(peak.bases for peak in aligned)
    yield _fit("index", "base", [(peak.bases, peak.mib) for peak in peaks if peak.program == "index"])
    yield _fit("mem", "base", [(peak.bases, peak.mib) for peak in aligned if peak.threads == fewest])
    by_threads = [(peak.threads, peak.mib) for peak in aligned if peak.bases == largest]
    if len(by_threads) > 1:
        yield _fit("mem", "thread", by_threads)


def _fit(program: str, unit: str, points: Sequence[tuple[int, float]]) -> Fit:
    slope, intercept = linear_regression([x for x, _ in points], [y for _, y in points])
    error = max(abs(y - intercept - slope * x) for x, y in points)
    return Fit(program, unit, intercept, slope, error)


def show(peaks: Sequence[Peak], aligner: str, console: Console) -> None:
    """Print the peaks, the fits, and what they give for a human genome."""
    table = Table("program", "Mb", "threads", "peak MiB", "bytes a base", "CPU s", title=f"memory of {aligner}")
    for peak in peaks:
        each = f"{peak.mib * _MIB / peak.bases:.2f}"
        words = (peak.program, f"{peak.bases // 1_000_000}", f"{peak.threads}", f"{peak.mib:,.0f}", each)
        table.add_row(*words, f"{peak.cpu_s:.0f}")
    console.print(table)
    for fit in fits(peaks):
        console.print(str(fit))
