"""The engine's program, built from its sources."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets_tests.engine.awkward_reads import Inputs
from bioinfo_assets_tests.engine.originals import QUANTIZED

SOURCES: Final = Path(__file__).parents[2] / "engine"


@dataclass(frozen=True, slots=True)
class Engine:
    """A build of the program, and how many threads it is given."""

    program: Path
    threads: int = 1

    def run(self, *words: str | Path) -> None:
        """Run the program, which must succeed and print nothing."""
        result = self.result(*words)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

    def result(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.program, *words], check=False, capture_output=True, text=True)

    def table(self, inputs: Inputs, output: Path) -> Path:
        self.run(*table_words(inputs, output), "-@", str(self.threads))
        return output

    def apply(self, inputs: Inputs, table: Path, output: Path, qualities: tuple[int, ...] = QUANTIZED) -> Path:
        """Malformed records are left out, as GATK does."""
        levels = [word for quality in qualities for word in ("-q", str(quality))]
        self.run("apply", "-w", "-i", inputs.bam, "-t", table, "-o", output, *levels, "-@", str(self.threads))
        return output

    def metrics(self, inputs: Inputs, alignment: Path, insert_sizes: Path) -> None:
        words = ("-i", inputs.bam, "-r", inputs.reference, "-a", alignment, "-s", insert_sizes)
        self.run("metrics", *words, "-@", str(self.threads))


def table_words(inputs: Inputs, output: Path) -> list[str | Path]:
    sites = [word for vcf in inputs.known_sites for word in ("-k", vcf)]
    return ["table", "-i", inputs.bam, "-r", inputs.reference, *sites, "-o", output]


def build(sanitizers: str | None = None) -> Path:
    """Make the program if a source is newer, for `memory` or `threads` with sanitizers; workers wait for each other."""
    options = [f"SANITIZE={sanitizers}"] if sanitizers else []
    command: list[str | Path] = ["flock", SOURCES / "Makefile", "make", "--silent", f"--directory={SOURCES}", *options]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return SOURCES / (f"build-{sanitizers}" if sanitizers else "build") / "bioinfo-assets-engine"
