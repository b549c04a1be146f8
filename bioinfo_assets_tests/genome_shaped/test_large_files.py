"""Every step on files of some 100 MB, from FASTQs to the report: `make genome-shaped`."""

from pathlib import Path
from typing import Final

import pytest

from bioinfo_assets.genomics.read_group import ReadGroup
from bioinfo_assets.genomics.simulation import LANES, SimulatedData, compress_sites, simulate
from bioinfo_assets.steps.alignment import align
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import ReadFiles
from bioinfo_assets.steps.known_sites import KnownSites, fetch_known_sites
from bioinfo_assets.steps.reads import LaneFiles, merge_reads
from bioinfo_assets.steps.reference import Aligner, IndexedReference, fetch_reference, index_reference
from bioinfo_assets.steps.trimming import trim_reads
from bioinfo_assets_tests.genome_shaped.chain import (
    LAYOUT,
    SAMPLE,
    Inputs,
    Runner,
    run_bam_steps,
    run_depth_and_report,
)
from bioinfo_assets_tests.genome_shaped.genome import unread
from bioinfo_assets_tests.genome_shaped.measured import Measurement
from bioinfo_assets_tests.steps.builders import TRUSEQ

pytestmark = [pytest.mark.genome_shaped, pytest.mark.xdist_group("docker")]

LARGE_MIB: Final = 150
"""Peaks above this do not depend on the space that every step has for small files."""


@pytest.mark.parametrize("by", Engine)
def test_every_step_keeps_within_its_disk_and_uses_two_fifths_of_it_on_large_files(
    runner: Runner, tmp_path: Path, by: Engine
) -> None:
    data = simulate(tmp_path / "data", genome_length=3_000_000, pairs_per_lane=250_000)
    measurements = run_all_steps(runner, data, by)
    large = {item.asset: item for item in measurements.values() if item.peak_disk_mib > LARGE_MIB}
    assert {"merged_reads", "trimmed_reads", "aligned_bam", "marked_bam", "recalibrated_bam"} <= set(large)
    assert [str(item) for item in large.values() if item.disk_mib > 2.5 * item.peak_disk_mib] == []


def run_all_steps(runner: Runner, data: SimulatedData, engine: Engine) -> dict[str, Measurement]:
    """Run every step, and return its measurement."""
    fetched = runner.run(fetch_reference(unread(data.reference), LAYOUT))
    fasta = fetched.files["fasta"]
    indexed = runner.run(index_reference(fasta, None, Aligner.BWA, LAYOUT))
    reference = IndexedReference.of(fasta, Aligner.BWA, indexed.files)
    sources = [KnownSites(unread(vcf), None) for vcf in map(compress_sites, data.known_sites)]
    sites = runner.run(fetch_known_sites(sources, reference.fai, LAYOUT))
    lanes = lanes_of(data)
    runner.run(merge_reads(SAMPLE, lanes[:1], LAYOUT, engine), "one_lane")
    merged = runner.run(merge_reads(SAMPLE, lanes, LAYOUT, engine))
    trimmed = runner.run(trim_reads(SAMPLE, ReadFiles.of(merged.files), TRUSEQ, LAYOUT))
    groups = [lane.read_group for lane in lanes]
    aligned = runner.run(align(SAMPLE, ReadFiles.of(trimmed.files), groups, reference, LAYOUT, engine))
    inputs = Inputs(aligned.files["bam"], reference, KnownSites.all_of(sites.files)[0])
    later = run_bam_steps(runner, inputs, engine)
    later |= run_depth_and_report(runner, inputs, later)
    return {item.asset: item for item in (fetched, indexed, sites, merged, trimmed, aligned)} | later


def lanes_of(data: SimulatedData) -> list[LaneFiles]:
    """The lanes of the first sample."""
    folder = data.samples_file.parent / "samples" / data.samples[0]
    return [
        LaneFiles(
            ReadGroup(f"{flowcell}.{number}", SAMPLE, SAMPLE, "ILLUMINA", f"{flowcell}.{number}"),
            *(unread(folder / f"{folder.name}_{flowcell}_L{number}_{read}.fastq.gz") for read in (1, 2)),
        )
        for flowcell, number in LANES
    ]
