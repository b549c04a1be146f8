"""The steps after alignment, each in a container with the memory and the disk that it asks for."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bioinfo_assets.launch.job import Job, StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.duplicates import mark_duplicates
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


def after_alignment(
    runner: Runner, aligned: StoredFile, reference: IndexedReference, sites: KnownSites
) -> Iterator[Measurement]:
    """Run each step after alignment, and recalibration without known sites too."""
    marked = runner.run(mark_duplicates(SAMPLE, aligned, reference, LAYOUT, optical_distance=OPTICAL_DISTANCE))
    yield marked
    bam, without, with_sites = (
        IndexedBam.of(marked.files),
        Recalibration((), ()),
        Recalibration((sites,), QUANTIZED_QUALS),
    )
    yield runner.run(recalibrate(SAMPLE, bam, reference, without, LAYOUT), "without_sites")
    recalibrated = runner.run(recalibrate(SAMPLE, bam, reference, with_sites, LAYOUT))
    yield recalibrated
    final = IndexedBam.of(recalibrated.files)
    alignment = runner.run(alignment_metrics(SAMPLE, final, reference, LAYOUT))
    inserts = runner.run(insert_size_metrics(SAMPLE, final, LAYOUT))
    depths = runner.run(depth(SAMPLE, final, LAYOUT, genome=reference.fasta.size))
    reported = [
        marked.files["metrics"],
        recalibrated.files["table"],
        alignment.files["metrics"],
        inserts.files["metrics"],
        depths.files["summary"],
        depths.files["distribution"],
    ]
    yield from (alignment, inserts, depths, runner.run(multiqc({SAMPLE: reported}, LAYOUT)))
