"""All contigs of a human genome in number and names, a hundredth of its length: in the ordinary tests."""

import os
from pathlib import Path

import pytest

from bioinfo_assets_tests.engine import engine, skip_without_engine, tools_image
from bioinfo_assets_tests.genome_shaped.chain import Runner, after_alignment
from bioinfo_assets_tests.genome_shaped.genome import all_contigs, write_aligned_bam, write_genome, write_known_sites

__all__ = ["engine", "tools_image"]
pytestmark = pytest.mark.xdist_group("docker")


@pytest.fixture(scope="module")
def runner(tools_image: str, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    if os.geteuid() != 0:
        skip_without_engine("only root can mount a file system of a given size")
    return Runner(tools_image, tmp_path_factory.mktemp("measured"))


def test_every_step_after_alignment_takes_all_contigs_within_what_it_asks_for(runner: Runner, tmp_path: Path) -> None:
    genome = write_genome(tmp_path, all_contigs(100))
    aligned = write_aligned_bam(genome, tmp_path / "expt.aln.bam", pairs=20_000)
    sites = write_known_sites(genome, tmp_path / "sites.vcf.gz", per_contig=50)
    measurements = {item.asset: item for item in after_alignment(runner, aligned, genome.reference, sites)}
    summary = Path(measurements["depth"].files["summary"].uri).read_text(encoding="utf-8")
    names = {line.split("\t")[0] for line in summary.splitlines()}
    assert {contig.name for contig in genome.contigs} <= names
