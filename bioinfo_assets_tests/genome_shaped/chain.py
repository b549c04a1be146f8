"""The steps after alignment, each in a container with the memory and the disk that it asks for."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.launch.job import Job, StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.cram import compress
from bioinfo_assets.steps.duplicates import mark_duplicates
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import IndexedBam
from bioinfo_assets.steps.known_sites import KnownSites
from bioinfo_assets.steps.metrics import alignment_metrics, depth, insert_size_metrics
from bioinfo_assets.steps.recalibration import Recalibration, recalibrate
from bioinfo_assets.steps.reference import IndexedReference
from bioinfo_assets.steps.report import multiqc
from bioinfo_assets_tests.genome_shaped.measured import Measurement, run_measured
from bioinfo_assets_tests.steps.builders import OPTICAL_DISTANCE, QUANTIZED_QUALS

LAYOUT: Final = OutputLayout("/results")
SAMPLE: Final = "expt"


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs jobs in containers of an image, with files in a folder."""

    image: str
    folder: Path

    def run(self, job: Job, name: str = "") -> Measurement:
        """Run a job, print its measurement, and check that its peaks are within what it asked for."""
        folder = self.folder / (name or job.key.asset)
        shutil.rmtree(folder, ignore_errors=True)
        measurement = run_measured(job, self.image, folder)
        print(measurement, flush=True)  # noqa: T201 - shown by make genome-shaped
        assert measurement.peak_memory_mib <= measurement.memory_mib
        assert measurement.peak_disk_mib <= measurement.disk_mib
        return measurement


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the steps after alignment read."""

    aligned: StoredFile
    reference: IndexedReference
    sites: KnownSites


def run_bam_steps(runner: Runner, inputs: Inputs, engine: Engine) -> dict[str, Measurement]:
    """Run the steps that write a BAM, a CRAM or metrics of it, and recalibration without known sites too."""
    reference = inputs.reference
    marked = runner.run(
        mark_duplicates(SAMPLE, inputs.aligned, reference, LAYOUT, optical_distance=OPTICAL_DISTANCE, engine=engine)
    )
    bam = IndexedBam.of(marked.files)
    runner.run(recalibrate(SAMPLE, bam, reference, Recalibration((), (), engine), LAYOUT), "without_sites")
    sites = Recalibration((inputs.sites,), QUANTIZED_QUALS, engine)
    recalibrated = runner.run(recalibrate(SAMPLE, bam, reference, sites, LAYOUT))
    final = IndexedBam.of(recalibrated.files)
    metrics = [
        runner.run(compress(SAMPLE, final, reference, LAYOUT, embedded=True)),
        runner.run(alignment_metrics(SAMPLE, final, reference, LAYOUT, engine)),
        runner.run(insert_size_metrics(SAMPLE, final, LAYOUT, engine)),
    ]
    return {measurement.asset: measurement for measurement in (marked, recalibrated, *metrics)}


def run_depth_and_report(
    runner: Runner, inputs: Inputs, measurements: dict[str, Measurement]
) -> dict[str, Measurement]:
    """Run the depth of the recalibrated BAM, and the report on all metrics."""
    final = IndexedBam.of(measurements["recalibrated_bam"].files)
    depths = runner.run(depth(SAMPLE, final, LAYOUT, genome=inputs.reference.fasta.size))
    reported = [
        measurements["marked_bam"].files["metrics"],
        measurements["recalibrated_bam"].files["table"],
        measurements["alignment_metrics"].files["metrics"],
        measurements["insert_size_metrics"].files["metrics"],
        depths.files["summary"],
        depths.files["distribution"],
    ]
    report = runner.run(multiqc({SAMPLE: reported}, LAYOUT))
    return {measurement.asset: measurement for measurement in (depths, report)}
