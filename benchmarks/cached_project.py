"""A project like the seed's, computed once by this project's `run`, and by redun with the same scripts.

Steps, files, scripts and records are real. The data are not, because only reruns are timed, which compute nothing: a
hundred samples of a few reads each, and stand-ins for GATK, Picard and R, whose starts alone would take most of an
hour. Aligner, samtools, bgzip, tabix, cutadapt, mosdepth and MultiQC are the real ones.
"""

import gzip
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from random import Random
from typing import Final

from benchmarks import redun_plan
from benchmarks.bench import REPOSITORY, Figures
from benchmarks.other_tools import REDUN, SNAKEMAKE, ensure_installed
from benchmarks.processes import run
from bioinfo_assets.genomics.simulated_reads import LaneLibrary, Sequencer
from bioinfo_assets.genomics.simulation import compress_sites, haplotypes, simulate_contigs, simulate_sites, vcf_text

_GENOME_LENGTH: Final = 20_000
_PAIRS_PER_LANE: Final = 60
_LANES: Final = (("FC1", 1), ("FC1", 2))
_BARCODES: Final = tuple(map("".join, product("ACGT", repeat=4)))
_REMOVED_VARIABLES: Final = ("BIOINFO_", "DAGSTER_", "PYTHONDONTWRITEBYTECODE")
_STAND_INS: Final = str(Path(__file__).parent / "stand_ins")


@dataclass(frozen=True)
class CachedProject:
    """A project in its own folder.

    Attributes:
        folder: The folder of the data, our output path and redun's.
        samples: The number of samples.
    """

    folder: Path
    samples: int

    def prepare(self) -> None:
        """Simulate data and compute the results by this project and by redun.

        Raises:
            RuntimeError: A command failed.
        """
        self._simulate()
        self._run_ours()
        self._prepare_redun(self.folder / "redun")

    def rerun_ours(self) -> Figures:
        """Rerun our command.

        Raises:
            RuntimeError: A job was run.
        """
        figures, output = self._run_ours()
        jobs = json.loads(output)["jobs"].values()
        cached, total = (sum(row[key] for row in jobs) for key in ("cached", "total"))
        if not cached == total == self.jobs:
            raise RuntimeError(f"{cached} of {total} of our jobs were cached, of {self.jobs} that should have been")
        return figures

    def rerun_redun(self) -> Figures:
        """Rerun redun's command.

        Raises:
            RuntimeError: A job was run.
        """
        figures, log = self._run_redun()
        table = redun_plan.job_counts(log)
        scripts = table["redun.script"]
        if not scripts["CACHED"] == scripts["TOTAL"] == self.jobs or table["ALL"]["CACHED"] != table["ALL"]["TOTAL"]:
            raise RuntimeError(f"redun ran jobs that should have been cached: {table}")
        return figures

    def rerun_snakemake(self) -> Figures:
        """Run Snakemake on the results of redun.

        Raises:
            RuntimeError: Snakemake did not take all results for up to date.
        """
        program = str(ensure_installed(SNAKEMAKE) / "snakemake")
        command = [program, "--snakefile", str(REPOSITORY / "benchmarks" / "Snakefile"), "--cores", "2"]
        figures, _, log = run(command, self.folder / "redun", self.environment)
        if "Nothing to be done" not in log:
            raise RuntimeError(f"Snakemake did not take all results for up to date:\n{log[-4000:]}")
        return figures

    @property
    def jobs(self) -> int:
        """The number of scripts: three for the references, eight for each sample, one report."""
        return 3 + 8 * self.samples + 1

    def our_command(self, *more: str) -> list[str]:
        """The command line of our run, with more options."""
        data = self.folder / "data"
        program = Path(sys.executable).parent / "bioinfo-assets"
        sites = [word for vcf in sorted(data.glob("*.vcf.gz")) for word in ("--known-sites", str(vcf))]
        files = ["--samples-file", str(data / "samples.txt"), "--reference", str(data / "simulated.fa.gz"), *sites]
        return [str(program), "run", "--output-path", str(self.folder / "ours"), *files, *more]

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """Variables that put a stand-in before the real R, for us by `tool_path`, and let Python cache bytecode."""
        path = os.pathsep.join([_STAND_INS, str(Path(sys.executable).parent), os.environ["PATH"]])
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_REMOVED_VARIABLES)}
        return {**kept, "PATH": path, "BIOINFO_ASSETS_TOOL_PATH": _STAND_INS}

    def _run_ours(self) -> tuple[Figures, str]:
        figures, output, _ = run(self.our_command("--json"), self.folder, self.environment)
        return figures, output

    def _prepare_redun(self, folder: Path) -> None:
        marker = folder / "is-complete"
        if not marker.exists():  # redun cannot resume after an interruption: its database has folders that were removed
            shutil.rmtree(folder, ignore_errors=True)
        plan = redun_plan.of_records(self.folder / "ours", folder / "results")
        for records in (self.folder / "ours").glob("*/records"):
            (folder / "results" / records.parent.name).mkdir(parents=True, exist_ok=True)
        (folder / "jobs.json").write_text(json.dumps(plan))
        self._run_redun()
        marker.touch()
        # redun's first rerun runs a Python task again: its arguments have another hash when read from the database.
        self._run_redun()

    def _run_redun(self) -> tuple[Figures, str]:
        program = str(ensure_installed(REDUN) / "redun")
        workflow = str(REPOSITORY / "benchmarks" / "redun_workflow.py")
        command = [program, "run", workflow, "main", "--jobs", "jobs.json"]
        figures, out, log = run(command, self.folder / "redun", self.environment)
        return figures, out + log

    def _simulate(self) -> None:
        data = self.folder / "data"
        if (data / "samples.txt").exists():
            return
        data.mkdir(parents=True)
        rng = Random(7)  # noqa: S311 - the data must be reproducible
        contigs = simulate_contigs(rng, _GENOME_LENGTH)
        sites = simulate_sites(rng, contigs)
        fasta = "".join(f">{name}\n{sequence}\n" for name, sequence in contigs.items())
        (data / "simulated.fa.gz").write_bytes(gzip.compress(fasta.encode()))
        for name, is_snp in (("snps", True), ("indels", False)):
            vcf = data / f"simulated.{name}.vcf"
            vcf.write_text(vcf_text(contigs, [site for site in sites if site.is_snp is is_snp]))
            compress_sites(vcf)
        names = [f"sample{number:04}" for number in range(1, self.samples + 1)]
        for name, barcode in zip(names, _BARCODES, strict=False):
            sequences = [sequence for haplotype in haplotypes(rng, contigs, sites) for sequence in haplotype]
            for file, text in _fastqs(name, barcode, Sequencer(rng, sequences)):
                path = data / "samples" / name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(gzip.compress(text.encode()))
        (data / "samples.txt").write_text("".join(f"samples/{name}\n" for name in names))


def _fastqs(name: str, barcode: str, sequencer: Sequencer) -> Iterator[tuple[str, str]]:
    for flowcell, number in _LANES:
        pairs = list(sequencer.pairs(LaneLibrary(flowcell, number, barcode * 2), _PAIRS_PER_LANE))
        for read in (1, 2):
            yield f"{name}_{flowcell}_L{number}_{read}.fastq.gz", "".join(pair[read - 1] for pair in pairs)
