"""GATK's and Picard's own results, which the engine's are compared with."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bioinfo_assets_tests.engine.awkward_reads import Inputs
from bioinfo_assets_tests.engine.java import Java

QUANTIZED = (10, 20, 30)


@dataclass(frozen=True)
class Originals:
    """Runs each original once on a set of reads, as the project's scripts do, when its result is asked for."""

    make: Callable[[Path], Inputs]
    folder: Path
    java: Java

    @cached_property
    def inputs(self) -> Inputs:
        return self.make(self.folder)

    @cached_property
    def table(self) -> Path:
        """Of BaseRecalibrator."""
        path = self.inputs.folder / "gatk.table"
        sites = [word for vcf in self.inputs.known_sites for word in ("--known-sites", vcf)]
        self.java.run("BaseRecalibrator", *self._common, *sites, "--output", path)
        return path

    @cached_property
    def recalibrated(self) -> Path:
        """Of ApplyBQSR, with quantized qualities."""
        path = self.inputs.folder / "gatk.bam"
        levels = [word for quality in QUANTIZED for word in ("--static-quantized-quals", str(quality))]
        self._apply(path, *levels)
        return path

    @cached_property
    def recalibrated_exactly(self) -> Path:
        """Of ApplyBQSR, without rounding."""
        path = self.inputs.folder / "gatk.exact.bam"
        self._apply(path)
        return path

    @cached_property
    def alignment(self) -> Path:
        path = self.inputs.folder / "picard.alignment.txt"
        reference = ("--REFERENCE_SEQUENCE", self.inputs.reference)
        self._picard("CollectAlignmentSummaryMetrics", "--OUTPUT", path, *reference)
        return path

    @cached_property
    def insert_sizes(self) -> Path:
        """Of CollectInsertSizeMetrics; empty if it wrote none."""
        path = self.inputs.folder / "picard.inserts.txt"
        pdf = ("--Histogram_FILE", self.inputs.folder / "picard.pdf")
        self._picard("CollectInsertSizeMetrics", "--OUTPUT", path, *pdf)
        path.touch()
        return path

    @property
    def _common(self) -> tuple[str | Path, ...]:
        original = "--use-original-qualities"
        return "--input", self.inputs.bam, "--reference", self.inputs.reference, original

    def _apply(self, path: Path, *options: str) -> None:
        table = ("--bqsr-recal-file", self.table, "--allow-missing-read-group", "--create-output-bam-index", "false")
        self.java.run("ApplyBQSR", *self._common, *table, *options, "--output", path)

    def _picard(self, tool: str, *options: str | Path) -> None:
        silent = ("--VALIDATION_STRINGENCY", "SILENT")
        self.java.run(tool, "--INPUT", self.inputs.bam, *silent, *options)
