"""Our results with one thing after another undone that the seed does not do, to count what difference is left."""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from benchmarks import seed
from benchmarks.alignments import Differences, compare
from benchmarks.bench import Bench
from benchmarks.ours import Ours
from benchmarks.tool_tables import Cells, picard_cells

_AFTER_TRIMMING: Final = (
    "align",
    "duplicates, sort, tags",
    "recalibrate",
    "alignment metrics",
    "insert metrics",
    "depth",
)


@dataclass(frozen=True)
class Pair:
    """The results of both chains, and of what lies between them.

    Attributes:
        bench: Where both ran.
        ours: Our chain.
        fasta: The seed's reference.
    """

    bench: Bench
    ours: Ours
    fasta: Path

    def our(self, step: str, key: str) -> Path:
        """A file of ours."""
        return Path(self.ours.made[step][key].uri)

    def seeds(self, suffix: str) -> Path:
        """A file of the seed's."""
        return self.bench.plain / f"{self.ours.sample}.{suffix}"

    def alike(self, suffix: str) -> Path:
        """A file of the seed's whole chain, with -K and -Y for its aligner."""
        return self._alike / f"{self.ours.sample}.{suffix}"

    def left(self, differences: Callable[[Path, Callable[[str], Path]], int]) -> str:
        """What is left of a difference as one thing after the other is undone, until nothing is.

        Args:
            differences: Counts them between one BAM of ours and the seed's files by suffix.
        """
        told = []
        for undone, bam, seeds in self._ladder():
            count = differences(bam, seeds)
            told.append(f"{undone}: {count:,} differ")
            if not count:
                break
        return "; and ".join(told)

    @cached_property
    def final(self) -> Differences:
        """Between the recalibrated BAMs."""
        return compare(self.our("recalibrated_bam", "bam"), self.seeds("recalib.bam"))

    @cached_property
    def alike_aligned(self) -> Differences:
        """Between our alignment and that of the seed's bwa with our two options."""
        return compare(self.our("aligned_bam", "bam"), self.alike("aln.bam"))

    def _ladder(self) -> Iterator[tuple[str, Path, Callable[[str], Path]]]:
        ours = self._one_group
        yield "our lanes as one read group", ours, self.seeds
        if self.final.duplicates["supplementary, ours only"]:
            ours = self._unflagged
            yield "supplementary duplicates unflagged", ours, self.seeds
        yield "-K and -Y for the seed's bwa", ours, self.alike

    @cached_property
    def _alike(self) -> Path:
        bench = Bench(self.bench.folder / "alike")
        bench.plain.mkdir(parents=True)
        for read in (1, 2):
            name = f"{self.ours.sample}.cutadapt.{read}.fastq.gz"
            (bench.plain / name).hardlink_to(self.bench.plain / name)
        scripts = seed.scripts(self.ours.reads, self.fasta)
        for step in _AFTER_TRIMMING:
            bench.script(step, scripts[step].replace("bwa mem ", "bwa mem -K 100000000 -Y "))
        return bench.plain

    @cached_property
    def _one_group(self) -> Path:
        made = self.seeds("control1.mark_dup.bam")
        self._regroup(self.our("marked_bam", "bam"), made)
        return self._recalibrated(made)

    @cached_property
    def _unflagged(self) -> Path:
        source, made = self.seeds("control1.mark_dup.bam"), self.seeds("control2.mark_dup.bam")
        awk = """BEGIN { FS = OFS = "\\t" } !/^@/ && int($2 / 2048) % 2 && int($2 / 1024) % 2 { $2 -= 1024 } 1"""
        self._script(f"samtools view -h {source} | awk {shlex.quote(awk)} | samtools view -b -o {made} -")
        return self._recalibrated(made)

    def table_of(self, bam: Path) -> Path:
        """The recalibration table of a control."""
        return bam.with_suffix(".table")

    def picard(self, tool: str, bam: Path) -> Cells:
        """The cells of a metrics tool on a BAM."""
        table = bam.with_suffix(f".{tool}.txt")
        self._script(f"picard {tool} --INPUT {bam} --OUTPUT {table} --REFERENCE_SEQUENCE {self.fasta}")
        return picard_cells(table)

    def duplication_as_one_group(self) -> Cells:
        """The cells of MarkDuplicates on our alignment, its lanes one read group."""
        made, table = self.seeds("control.aln.bam"), self.seeds("control.markdup.txt")
        self._regroup(self.our("aligned_bam", "bam"), made)
        self._script(
            f"picard MarkDuplicates --INPUT {made} --OUTPUT /dev/null --METRICS_FILE {table}"
            " --ASSUME_SORT_ORDER queryname --OPTICAL_DUPLICATE_PIXEL_DISTANCE 2500 --VALIDATION_STRINGENCY SILENT"
        )
        return picard_cells(table)

    def depth(self, bam: Path) -> Path:
        """The depth of a BAM."""
        table = bam.with_suffix(".depth")
        self._script(f"samtools depth -a {bam} > {table}")
        return table

    def header(self, bam: Path) -> list[str]:
        """A BAM's header lines of sort order and read groups."""
        text = self.seeds("header.txt")
        self._script(f"samtools view -H {shlex.quote(str(bam))} | grep -E '^@(HD|RG)' > {text}")
        return text.read_text().splitlines()

    def _regroup(self, bam: Path, made: Path) -> None:
        group = f"@RG\\tID:{self.ours.sample}\\tSM:{self.ours.sample}\\tPL:illumina"
        self._script(f"samtools addreplacerg -w -m overwrite_all -r $'{group}' -O bam -o {made} {bam}")

    def _recalibrated(self, marked: Path) -> Path:
        made = marked.with_suffix(".recalib.bam")
        sites = shlex.join(word for vcf in self.ours.reads.known_sites for word in ("--known-sites", str(vcf)))
        self._script(
            f"samtools index {marked}\n"
            f"gatk BaseRecalibrator --input {marked} --reference {self.fasta} {sites} --use-original-qualities"
            f" --output {self.table_of(made)}\n"
            f"gatk ApplyBQSR --input {marked} --reference {self.fasta} --bqsr-recal-file {self.table_of(made)}"
            f" --output {made} --static-quantized-quals 10 --static-quantized-quals 20 --static-quantized-quals 30"
            " --use-original-qualities\n"
            f"samtools index {made}"
        )
        return made

    def _script(self, text: str) -> None:
        self.bench.script("a control", f"set -euo pipefail\n{text}")
