"""All contigs of a human genome in number and names, a thousandth of its length: in the ordinary tests."""

from pathlib import Path

import pytest

from bioinfo_assets.steps.engine import Engine
from bioinfo_assets_tests.genome_shaped.chain import Inputs, Runner, run_bam_steps, run_depth_and_report
from bioinfo_assets_tests.genome_shaped.genome import all_contigs, write_aligned_bam, write_genome, write_known_sites

pytestmark = pytest.mark.xdist_group("docker")


def test_every_step_after_alignment_takes_all_contigs_within_what_it_asks_for(runner: Runner, tmp_path: Path) -> None:
    genome = write_genome(tmp_path, all_contigs(1000))
    aligned = write_aligned_bam(genome, tmp_path / "expt.aln.bam", pairs=7_000)
    sites = write_known_sites(genome, tmp_path / "sites.vcf.gz", per_contig=50)
    inputs = Inputs(aligned, genome.reference, sites)
    depth_and_report = run_depth_and_report(runner, inputs, run_bam_steps(runner, inputs, Engine.NATIVE))
    summary = Path(depth_and_report["depth"].files["summary"].uri).read_text(encoding="utf-8")
    names = {line.split("\t")[0] for line in summary.splitlines()}
    assert {contig.name for contig in genome.contigs} <= names
