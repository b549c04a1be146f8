"""The contigs of a human genome at their full lengths, large files, and many samples: `make genome-shaped`.

It takes more than half an hour and some 30 GB of disk space.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from bioinfo_assets.genomics.reference import Contig
from bioinfo_assets.launch.job import StoredFile
from bioinfo_assets.steps.files import IndexedBam
from bioinfo_assets.steps.metrics import depth
from bioinfo_assets.steps.report import multiqc
from bioinfo_assets_tests.engine import engine, skip_without_engine, tools_image
from bioinfo_assets_tests.genome_shaped.chain import LAYOUT, SAMPLE, Runner, after_alignment
from bioinfo_assets_tests.genome_shaped.genome import (
    Genome,
    all_contigs,
    chromosomes,
    unread,
    write_aligned_bam,
    write_genome,
    write_known_sites,
)

__all__ = ["engine", "tools_image"]
pytestmark = [pytest.mark.genome_shaped, pytest.mark.xdist_group("docker")]

CONTIGS: Final[Mapping[int, tuple[Contig, ...]]] = {25: chromosomes(), 3366: all_contigs()}
SAMPLES: Final = 1000


@pytest.fixture
def runner(tools_image: str, tmp_path: Path) -> Iterator[Runner]:
    if os.geteuid() != 0:
        skip_without_engine("only root can mount a file system of a given size")
    yield Runner(tools_image, tmp_path / "measured")
    shutil.rmtree(tmp_path)


@pytest.fixture(params=CONTIGS)
def genome(request: pytest.FixtureRequest, tmp_path: Path) -> Genome:
    return write_genome(tmp_path / "genome", CONTIGS[request.param])


def test_every_step_after_alignment_keeps_within_what_it_asks_for(
    runner: Runner, genome: Genome, tmp_path: Path
) -> None:
    """With reads on every contig: Picard and mosdepth then read the sequence, or count the bases, of each."""
    aligned = write_aligned_bam(genome, tmp_path / "expt.aln.bam", pairs=200_000)
    sites = write_known_sites(genome, tmp_path / "sites.vcf.gz", per_contig=1000)
    assets = {measurement.asset for measurement in after_alignment(runner, aligned, genome.reference, sites)}
    assert {"marked_bam", "recalibrated_bam", "depth", "multiqc_report"} <= assets


def test_a_report_on_a_thousand_samples_keeps_within_what_it_asks_for(runner: Runner, tmp_path: Path) -> None:
    genome = write_genome(tmp_path / "genome", chromosomes(1000))
    aligned = write_aligned_bam(genome, tmp_path / "expt.aln.bam", pairs=20_000)
    sites = write_known_sites(genome, tmp_path / "sites.vcf.gz", per_contig=100)
    *_, one = after_alignment(runner, aligned, genome.reference, sites)
    report = runner.run(multiqc(copies_of_metrics(runner.folder, tmp_path / "samples"), LAYOUT), "thousand")
    table = Path(report.files["table"].uri).read_text(encoding="utf-8").splitlines()
    assert len(table) == 1 + SAMPLES
    assert report.peak_memory_mib > one.peak_memory_mib


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


def test_mosdepth_alone_fills_the_memory_of_the_depth_job(runner: Runner, tmp_path: Path) -> None:
    """With a third less than the job asks for it would be killed at a human genome: the request is not excessive."""
    genome = write_genome(tmp_path / "genome", chromosomes())
    aligned = write_aligned_bam(genome, tmp_path / "unsorted.bam", pairs=2_500)
    job = depth(SAMPLE, IndexedBam(aligned, aligned), LAYOUT, genome=genome.fasta.size)
    less = replace(job, resources=replace(job.resources, memory_mib=job.resources.memory_mib * 2 // 3))
    with pytest.raises(AssertionError, match="memory limit"):
        runner.run(less)
