"""All steps in a row on four lanes of NA12878's mitochondrial reads, with the real tools."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bioinfo_assets.genomics.read_group import ReadGroup
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.steps.alignment import align
from bioinfo_assets.steps.duplicates import mark_duplicates
from bioinfo_assets.steps.files import IndexedBam, ReadFiles
from bioinfo_assets.steps.known_sites import KnownSites, fetch_known_sites
from bioinfo_assets.steps.layout import Layout
from bioinfo_assets.steps.metrics import alignment_metrics, depth, insert_size_metrics
from bioinfo_assets.steps.reads import LaneFiles, merge_reads
from bioinfo_assets.steps.recalibration import Recalibration, recalibrate
from bioinfo_assets.steps.reference import Aligner, IndexedReference, fetch_reference, index_reference
from bioinfo_assets.steps.report import multiqc
from bioinfo_assets.steps.trimming import Trimming, trim_reads
from bioinfo_assets_tests.data_sets import na12878
from bioinfo_assets_tests.steps.bench import Bench, Made, stored

LANES = (("HJYFJ", 4), ("HJYFJ", 5), ("HK35M", 1), ("HK3T5", 1))
SAMPLE = "NA12878"


@dataclass(frozen=True, slots=True)
class Chain:
    """What each step made, by the step's name, and the values that later steps read."""

    made: Mapping[str, Made]
    reference: IndexedReference
    sites: tuple[KnownSites, ...]
    trimmed: ReadFiles
    marked: IndexedBam
    recalibrated: IndexedBam

    @property
    def contents(self) -> dict[str, dict[str, str | None]]:
        return {step: made.contents for step, made in self.made.items()}


def lane_files(flowcell: str, number: int) -> LaneFiles:
    stem = na12878().fastqs / f"{SAMPLE}_{flowcell}_L{number}"
    group = ReadGroup(f"{flowcell}.{number}", SAMPLE, SAMPLE, "ILLUMINA", f"{flowcell}.{number}")
    return LaneFiles(group, stored(Path(f"{stem}_1.fastq.gz")), stored(Path(f"{stem}_2.fastq.gz")))


def run_chain(folder: Path, resources: Resources | None = None) -> Chain:
    """Runs every step, the last ones beside one another; `resources` stand for those that the steps ask for."""
    bench, layout, made = Bench(folder / "scratch"), Layout(str(folder / "results")), {}

    def run(*jobs: Job) -> None:
        made.update(zip((job.key.asset for job in jobs), bench.run_all(jobs, resources), strict=True))

    lanes = [lane_files(*lane) for lane in LANES]
    sites = na12878().known_sites[0]
    source = KnownSites(stored(sites), stored(sites.with_name(f"{sites.name}.tbi")))
    run(
        fetch_reference(stored(na12878().reference), layout),
        merge_reads(SAMPLE, lanes, layout),
    )
    fasta = made["reference_genome"].files["fasta"]
    merged = ReadFiles.of(made["merged_reads"].files)
    run(index_reference(fasta, None, Aligner.BWA, layout), trim_reads(SAMPLE, merged, Trimming.truseq(), layout))
    reference = IndexedReference.of(fasta, Aligner.BWA, made["reference_index"].files)
    trimmed = ReadFiles.of(made["trimmed_reads"].files)
    run(
        fetch_known_sites([source], reference.fai, layout),
        align(SAMPLE, trimmed, [lane.read_group for lane in lanes], reference, layout),
    )
    run(mark_duplicates(SAMPLE, made["aligned_bam"].files["bam"], reference, layout))
    marked = IndexedBam.of(made["marked_bam"].files)
    sites = KnownSites.all_of(made["known_sites"].files)
    run(recalibrate(SAMPLE, marked, reference, Recalibration(sites), layout))
    recalibrated = IndexedBam.of(made["recalibrated_bam"].files)
    run(
        alignment_metrics(SAMPLE, recalibrated, reference, layout),
        insert_size_metrics(SAMPLE, recalibrated, layout),
        depth(SAMPLE, recalibrated, layout),
    )
    reported = [
        made["trimmed_reads"].files["log"],
        made["marked_bam"].files["metrics"],
        made["recalibrated_bam"].files["table"],
        made["alignment_metrics"].files["metrics"],
        made["insert_size_metrics"].files["metrics"],
        made["depth"].files["summary"],
    ]
    run(multiqc({SAMPLE: reported}, layout))
    return Chain(made, reference, sites, trimmed, marked, recalibrated)
