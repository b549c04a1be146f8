"""The contigs of a human genome at their full lengths, large files, and many samples: `make genome-shaped`.

It takes more than half an hour and some 30 GB of disk space.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from bioinfo_assets.genomics.reference import Contig
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.metrics import depth
from bioinfo_assets.steps.report import multiqc
from bioinfo_assets_tests.genome_shaped.chain import LAYOUT, SAMPLE, Inputs, Runner, run_bam_steps, run_depth_and_report
from bioinfo_assets_tests.genome_shaped.genome import (
    Genome,
    all_contigs,
    chromosomes,
    unread,
    write_aligned_bam,
    write_genome,
    write_known_sites,
    write_unpaired_bam,
)

pytestmark = [pytest.mark.genome_shaped, pytest.mark.xdist_group("docker")]

CONTIGS: Final[Mapping[int, tuple[Contig, ...]]] = {25: chromosomes(), 3366: all_contigs()}
SAMPLES: Final = 1000


@pytest.fixture(params=CONTIGS)
def genome(request: pytest.FixtureRequest, tmp_path: Path) -> Genome:
    return write_genome(tmp_path / "genome", CONTIGS[request.param])


def inputs_of(genome: Genome, folder: Path, pairs: int) -> Inputs:
    aligned = write_aligned_bam(genome, folder / f"{SAMPLE}.aln.bam", pairs)
    return Inputs(aligned, genome.reference, write_known_sites(genome, folder / "sites.vcf.gz", per_contig=1000))


@pytest.mark.parametrize("engine", Engine)
def test_every_step_after_alignment_keeps_within_what_it_asks_for(
    runner: Runner, genome: Genome, tmp_path: Path, engine: Engine
) -> None:
    """With reads on every contig: Picard and mosdepth then read the sequence, or count the bases, of each."""
    inputs = inputs_of(genome, tmp_path, pairs=50_000)
    measurements = run_bam_steps(runner, inputs, engine)
    depth_and_report = run_depth_and_report(runner, inputs, measurements)
    assert Path(depth_and_report["depth"].files["depth"].uri).stat().st_size > 1_000_000_000


def test_mosdepth_keeps_within_the_memory_of_depth_on_unpaired_reads(runner: Runner, tmp_path: Path) -> None:
    """Unpaired reads are its worst case: it then frees none of its arrays of 4 bytes a base, one for each contig."""
    genome = Genome(chromosomes(), "ACGT" * 250, tmp_path)
    bam = write_unpaired_bam(genome, tmp_path / f"{SAMPLE}.recalib.bam", per_contig=400)
    whole = depth(SAMPLE, bam, LAYOUT, genome=sum(contig.length for contig in genome.contigs))
    commands = [line for line in whole.script.splitlines() if line.startswith(("sample=", "bam=", "mosdepth "))]
    assert len(commands) == 3
    outputs = tuple(output for output in whole.outputs if output.key in {"summary", "distribution"})
    measurement = runner.run(replace(whole, script="\n".join(commands), outputs=outputs))
    assert measurement.peak_memory_mib > 4 * 1024


def test_a_report_on_a_thousand_samples_keeps_within_what_it_asks_for(runner: Runner, tmp_path: Path) -> None:
    inputs = inputs_of(write_genome(tmp_path / "genome", chromosomes(1000)), tmp_path, pairs=20_000)
    of_one_sample = run_depth_and_report(runner, inputs, run_bam_steps(runner, inputs, Engine.NATIVE))["multiqc_report"]
    report = runner.run(multiqc(copies_of_metrics(runner.folder, tmp_path / "samples"), LAYOUT), "thousand")
    table = Path(report.files["table"].uri).read_text(encoding="utf-8").splitlines()
    assert len(table) == 1 + SAMPLES
    assert report.peak_memory_mib > of_one_sample.peak_memory_mib


def copies_of_metrics(measured: Path, folder: Path) -> dict[str, list[StoredFile]]:
    """The metrics of the sample that the steps measured, for each of many samples."""
    folder.mkdir()
    originals = [path for path in measured.glob("*/*.outputs/*") if path.suffix in {".txt", ".table"}]
    metrics: dict[str, list[StoredFile]] = {}
    for number in range(SAMPLES):
        name = f"sample{number}"
        metrics[name] = []
        for original in originals:
            copy = folder / original.name.replace(SAMPLE, name)
            copy.write_bytes(original.read_bytes().replace(SAMPLE.encode(), name.encode()))
            metrics[name].append(unread(copy))
    return metrics
