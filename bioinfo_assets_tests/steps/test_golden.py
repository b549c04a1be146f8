"""The complete script of every step, for review.

To change one on purpose, write `JOBS[NAME].script` to `GOLDEN / "NAME.sh"` from a Python prompt, and read `git diff`.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bioinfo_assets.launch.job import Job
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.alignment import align
from bioinfo_assets.steps.contamination import estimate_contamination
from bioinfo_assets.steps.cram import compress
from bioinfo_assets.steps.duplicates import mark_duplicates
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.fingerprint import Comparison, take_fingerprint
from bioinfo_assets.steps.genome_metrics import genome_metrics
from bioinfo_assets.steps.known_sites import KnownSites, fetch_known_sites
from bioinfo_assets.steps.metrics import alignment_metrics, depth, insert_size_metrics
from bioinfo_assets.steps.read_quality import measure_read_quality
from bioinfo_assets.steps.reads import merge_reads
from bioinfo_assets.steps.recalibration import Recalibration, recalibrate
from bioinfo_assets.steps.reference import Aligner, fetch_reference, index_reference
from bioinfo_assets.steps.report import multiqc
from bioinfo_assets.steps.trimming import trim_reads
from bioinfo_assets_tests.steps.builders import (
    OPTICAL_DISTANCE,
    QUANTIZED_QUALS,
    TRIMMING,
    bam,
    lane,
    read_group,
    reads,
    reference,
    sites,
    somewhere,
)

GOLDEN = Path(__file__).parent / "golden"


def jobs(layout: OutputLayout, size: int = 1000) -> Mapping[str, Job]:
    """A job of each step; `size` is the size of its largest input."""
    fasta = somewhere("/results/references/chr22.fa", size)
    lanes = [lane(), lane("FC2.1", "/reads/it's_FC2_L1")]
    groups = [read_group("FC2.1"), read_group()]
    marked = replace(bam(), bam=somewhere("/results/expt/expt.mark_dup.bam", size))
    reference_source = somewhere("https://example.org/chr22.fa.gz", size)
    known = [KnownSites(somewhere("gs://public/mills.vcf.gz", size), somewhere("gs://public/mills.vcf.gz.tbi"))]
    aligned = somewhere("/results/expt/expt.aln.bam", size)
    trimming = replace(TRIMMING, five_prime_1=somewhere("/x/a.fa"), poly_g=True)
    recalibration = Recalibration((sites(),), QUANTIZED_QUALS, Engine.GATK)
    no_sites = Recalibration((), QUANTIZED_QUALS, Engine.GATK)
    native = replace(recalibration, engine=Engine.NATIVE)
    return {
        "reference_genome": fetch_reference(reference_source, layout),
        "reference_index": index_reference(fasta, somewhere("/refs/hg38.alt"), Aligner.BWA_MEM2, layout),
        "known_sites": fetch_known_sites(known, reference().fai, layout),
        "merged_reads": merge_reads("expt", lanes, layout, Engine.GATK),
        "merged_reads.native": merge_reads("expt", lanes, layout, Engine.NATIVE),
        "trimmed_reads": trim_reads("expt", reads(), trimming, layout),
        "aligned_bam": align("expt", reads(), groups, reference(alt=True), layout, Engine.GATK),
        "aligned_bam.native": align("expt", reads(), groups, reference(alt=True), layout, Engine.NATIVE),
        "marked_bam": mark_duplicates(
            "expt", aligned, reference(), layout, optical_distance=OPTICAL_DISTANCE, engine=Engine.GATK
        ),
        "marked_bam.native": mark_duplicates(
            "expt", aligned, reference(), layout, optical_distance=OPTICAL_DISTANCE, engine=Engine.NATIVE
        ),
        "recalibrated_bam": recalibrate("expt", marked, reference(), recalibration, layout),
        "recalibrated_bam.native": recalibrate("expt", marked, reference(), native, layout),
        "recalibrated_bam.without_sites": recalibrate("expt", marked, reference(), no_sites, layout),
        "recalibrated_cram": compress("expt", bam("recalib.bam"), reference(), layout, embedded=True),
        "recalibrated_cram.external": compress("expt", bam("recalib.bam"), reference(), layout, embedded=False),
        "contamination": estimate_contamination("expt", bam("recalib.bam"), somewhere("/data/common.vcf.gz"), layout),
        "fingerprint": take_fingerprint("expt", bam("recalib.bam"), reference(), somewhere("/data/map.txt"), layout),
        "read_quality": measure_read_quality("expt", reads(), layout),
        "alignment_metrics": alignment_metrics("expt", marked, reference(), layout, Engine.GATK),
        "alignment_metrics.native": alignment_metrics("expt", marked, reference(), layout, Engine.NATIVE),
        "genome_metrics": genome_metrics("expt", bam("recalib.bam"), reference(), layout),
        "insert_size_metrics": insert_size_metrics("expt", marked, layout, Engine.GATK),
        "insert_size_metrics.native": insert_size_metrics("expt", marked, layout, Engine.NATIVE),
        "depth": depth("expt", marked, layout, genome=size),
        "multiqc_report": multiqc({"expt": [somewhere("/results/expt/expt.alignment_metrics.txt")]}, layout),
        "multiqc_report.identity": multiqc(
            {"expt": [somewhere("/results/expt/expt.fingerprint.vcf")]},
            layout,
            comparison=Comparison(somewhere("/data/map.txt"), {"expt": "it's", "other": None}),
        ),
    }


JOBS = jobs(OutputLayout("/results"))


@pytest.mark.parametrize("name", JOBS)
def test_the_script_equals_the_golden_file(name: str) -> None:
    assert JOBS[name].script == (GOLDEN / f"{name}.sh").read_text(encoding="utf-8")


def test_every_golden_file_has_a_step() -> None:
    assert {path.stem for path in GOLDEN.glob("*.sh")} == set(JOBS)


def test_scripts_do_not_depend_on_addresses_and_resources() -> None:
    other = jobs(OutputLayout("s3://bucket/run7"), size=10**11)
    assert other["marked_bam"].resources != JOBS["marked_bam"].resources
    assert {name: job.script for name, job in other.items()} == {name: job.script for name, job in JOBS.items()}


def test_every_output_is_published_under_its_local_name() -> None:
    assert all(output.uri.endswith(f"/{output.local}") for job in JOBS.values() for output in job.outputs)
