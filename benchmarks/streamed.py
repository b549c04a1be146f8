"""What it would save to merge, trim and align a sample as one stream, without FASTQs in between.

Both chains have the same plain commands on two CPUs, without the checks, digests and records of our steps, which cost
the same in both. So this is the most that a stream could save.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.table import Table

from benchmarks.bench import Bench, Figures
from benchmarks.reads import Reads, simulate_reads

_COMMANDS: Final = r"""
merge() { # 1 or 2: the lanes' first or second files as one, each read with its read group
    while IFS=$'\t' read -r group file1 file2; do
        file=file$1
        gzip -dc "${!file}" |
            awk -v group="RG:Z:$group" 'NR % 4 == 1 { sub(/[ \t].*/, ""); $0 = $0 " " group } { print }'
    done < lanes.tsv
}
trim() { # outputs, inputs
    cutadapt -j 2 --pair-filter=any --max-n 0.1 -o "$1" -p "$2" "$3" "$4" > cutadapt.log
}
align() { # FASTQs, BAM
    bwa mem -t 2 -K 100000000 -Y -C genome.fa "$1" "$2" 2> bwa.log | samtools view -b -@ 2 --no-PG - > "$3"
}
"""
_FILES: Final = r"""
for read in 1 2; do merge $read | bgzip -@ 2 -l 1 > m$read.gz; done
trim t1.gz t2.gz m1.gz m2.gz
align t1.gz t2.gz files.bam
"""
_STREAM: Final = r"""
interleave() { # the lanes' pairs, each read with its read group
    while IFS=$'\t' read -r group file1 file2; do
        paste <(gzip -dc "$file1") <(gzip -dc "$file2") | awk -F '\t' -v group="RG:Z:$group" '
            NR % 4 == 1 { sub(/ .*/, "", $1); sub(/ .*/, "", $2); first = $1 " " group; second = $2 " " group; next }
            { first = first "\n" $1; second = second "\n" $2 }
            NR % 4 == 0 { print first "\n" second }'
    done < lanes.tsv
}
interleave | cutadapt -j 2 --interleaved --pair-filter=any --max-n 0.1 - 2> cutadapt.log |
    bwa mem -p -t 2 -K 100000000 -Y -C genome.fa - 2> bwa.log | samtools view -b -@ 2 --no-PG - > stream.bam
"""
"""cutadapt does not read named pipes: it opens its files twice."""


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """What merging, trimming and alignment took.

    Attributes:
        way: How the reads went from one to the next.
        wall_s: Wall-clock seconds.
        cpu_s: CPU seconds of all processes.
        written_mib: Of the FASTQs in between.
    """

    way: str
    wall_s: float
    cpu_s: float
    written_mib: float


def measure(folder: Path, pairs: int, runs: int) -> Sequence[StreamFigures]:
    """Run both chains alternately on simulated reads; the runs with the least wall time count.

    Raises:
        RuntimeError: The records differ.
    """
    reads = simulate_reads(folder / "data", pairs)
    bench = Bench(folder / "bench")
    _prepare(bench, reads)
    figures: dict[str, list[Figures]] = {"files": [], "stream": []}
    for _ in range(runs):
        for way, script in (("files", _FILES), ("stream", _STREAM)):
            figures[way].append(bench.script(way, f"set -euo pipefail\n{_COMMANDS}{script}"))
    bench.script("compare", "cmp <(samtools view files.bam) <(samtools view stream.bam)")
    between = [bench.plain / name for name in ("m1.gz", "m2.gz", "t1.gz", "t2.gz")]
    written: Mapping[str, float] = {"files": sum(file.stat().st_size for file in between) / 2**20, "stream": 0.0}
    best = {way: min(own, key=lambda run: run.wall_s) for way, own in figures.items()}
    return [StreamFigures(way, own.wall_s, own.cpu_s, written[way]) for way, own in best.items()]


def table(figures: Sequence[StreamFigures]) -> Table:
    """The figures as a table, with ratios to those of the files."""
    shown = Table(title="Merging, trimming and alignment of a sample")
    for column in ("reads go by", "wall s", "ratio", "CPU s", "ratio", "written in between, MiB"):
        shown.add_column(column, justify="left" if column == "reads go by" else "right")
    first = figures[0]
    for own in figures:
        shown.add_row(
            own.way,
            f"{own.wall_s:.1f}",
            f"{own.wall_s / first.wall_s:.2f}",
            f"{own.cpu_s:.1f}",
            f"{own.cpu_s / first.cpu_s:.2f}",
            f"{own.written_mib:.1f}",
        )
    return shown


def _prepare(bench: Bench, reads: Reads) -> None:
    """Index the reference, and list the lanes."""
    reference = shlex.quote(str(reads.reference))
    bench.script("index", f"gzip -dcf {reference} > genome.fa; bwa index genome.fa 2> /dev/null")
    lanes = zip(reads.groups, reads.sample.lanes, strict=True)
    rows = [f"{group.id}\t{lane.read1}\t{lane.read2}\n" for group, lane in lanes]
    (bench.plain / "lanes.tsv").write_text("".join(rows))
