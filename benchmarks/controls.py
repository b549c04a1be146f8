"""Controls: our results without what the seed does not do, one change after the other, to count what still differs."""

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
    """The results of both chains, and of the controls between them.

    Attributes:
        bench: Ran both chains.
        ours: Our chain.
        fasta: The seed's reference.
    """

    bench: Bench
    ours: Ours
    fasta: Path

    def our(self, step: str, key: str) -> Path:
        """A file of our results."""
        return Path(self.ours.outputs[step][key].uri)

    def seeds(self, suffix: str) -> Path:
        """A file of the seed's results."""
        return self.bench.plain / f"{self.ours.sample}.{suffix}"

    def with_our_options(self, suffix: str) -> Path:
        """A file of the seed's chain with our -K and -Y for its aligner."""
        return self._folder_with_our_options / f"{self.ours.sample}.{suffix}"

    def count_by_control(self, count_differences: Callable[[Path, Callable[[str], Path]], int]) -> str:
        """Describe how many differences are left in each control, until there are none.

        Args:
            count_differences: Counts them between a BAM of ours and the seed's files by suffix.
        """
        counts = []
        for control, bam, seeds in self._controls():
            count = count_differences(bam, seeds)
            counts.append(f"{control}: {count:,} differ")
            if not count:
                break
        return "; and ".join(counts)

    @cached_property
    def final(self) -> Differences:
        """The differences between the recalibrated BAMs."""
        return compare(self.our("recalibrated_bam", "bam"), self.seeds("recalib.bam"))

    @cached_property
    def aligned_with_our_options(self) -> Differences:
        """The differences between our alignment and that of the seed's bwa with our -K and -Y."""
        return compare(self.our("aligned_bam", "bam"), self.with_our_options("aln.bam"))

    def _controls(self) -> Iterator[tuple[str, Path, Callable[[str], Path]]]:
        ours = self._one_group
        yield "our lanes as one read group", ours, self.seeds
        if self.final.duplicates["supplementary, ours only"]:
            ours = self._unflagged
            yield "supplementary duplicates unflagged", ours, self.seeds
        yield "-K and -Y for the seed's bwa", ours, self.with_our_options

    @cached_property
    def _folder_with_our_options(self) -> Path:
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
        regrouped = self.seeds("control1.mark_dup.bam")
        self._regroup(self.our("marked_bam", "bam"), regrouped)
        return self._recalibrate(regrouped)

    @cached_property
    def _unflagged(self) -> Path:
        source, unflagged = self.seeds("control1.mark_dup.bam"), self.seeds("control2.mark_dup.bam")
        awk = """BEGIN { FS = OFS = "\\t" } !/^@/ && int($2 / 2048) % 2 && int($2 / 1024) % 2 { $2 -= 1024 } 1"""
        self._script(f"samtools view -h {source} | awk {shlex.quote(awk)} | samtools view -b -o {unflagged} -")
        return self._recalibrate(unflagged)

    def table_of(self, bam: Path) -> Path:
        """The recalibration table of a control."""
        return bam.with_suffix(".table")

    def picard(self, tool: str, bam: Path) -> Cells:
        """The cells of a metrics tool on a BAM."""
        table = bam.with_suffix(f".{tool}.txt")
        self._script(f"picard {tool} --INPUT {bam} --OUTPUT {table} --REFERENCE_SEQUENCE {self.fasta}")
        return picard_cells(table)

    def duplication_as_one_group(self) -> Cells:
        """The cells of MarkDuplicates on our alignment with its lanes as one read group."""
        regrouped, table = self.seeds("control.aln.bam"), self.seeds("control.markdup.txt")
        self._regroup(self.our("aligned_bam", "bam"), regrouped)
        self._script(
            f"picard MarkDuplicates --INPUT {regrouped} --OUTPUT /dev/null --METRICS_FILE {table}"
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

    def _regroup(self, bam: Path, output: Path) -> None:
        group = f"@RG\\tID:{self.ours.sample}\\tSM:{self.ours.sample}\\tPL:illumina"
        self._script(f"samtools addreplacerg -w -m overwrite_all -r $'{group}' -O bam -o {output} {bam}")

    def _recalibrate(self, marked: Path) -> Path:
        output = marked.with_suffix(".recalib.bam")
        sites = shlex.join(word for vcf in self.ours.reads.known_sites for word in ("--known-sites", str(vcf)))
        self._script(
            f"samtools index {marked}\n"
            f"gatk BaseRecalibrator --input {marked} --reference {self.fasta} {sites} --use-original-qualities"
            f" --output {self.table_of(output)}\n"
            f"gatk ApplyBQSR --input {marked} --reference {self.fasta} --bqsr-recal-file {self.table_of(output)}"
            f" --output {output} --static-quantized-quals 10 --static-quantized-quals 20 --static-quantized-quals 30"
            " --use-original-qualities\n"
            f"samtools index {output}"
        )
        return output

    def _script(self, text: str) -> None:
        self.bench.script("a control", f"set -euo pipefail\n{text}")
