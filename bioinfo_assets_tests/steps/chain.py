"""All steps on four lanes of NA12878's mitochondrial reads, with the real tools."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bioinfo_assets.genomics.read_group import ReadGroup
from bioinfo_assets.launch.job import Job, Resources
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.steps.alignment import align
from bioinfo_assets.steps.cram import compress
from bioinfo_assets.steps.duplicates import mark_duplicates
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import IndexedBam, ReadFiles
from bioinfo_assets.steps.known_sites import KnownSites, fetch_known_sites
from bioinfo_assets.steps.metrics import alignment_metrics, depth, insert_size_metrics
from bioinfo_assets.steps.read_quality import measure_read_quality
from bioinfo_assets.steps.reads import LaneFiles, merge_reads
from bioinfo_assets.steps.recalibration import Recalibration, recalibrate
from bioinfo_assets.steps.reference import Aligner, IndexedReference, fetch_reference, index_reference
from bioinfo_assets.steps.report import multiqc
from bioinfo_assets.steps.trimming import trim_reads
from bioinfo_assets_tests.data_sets import na12878
from bioinfo_assets_tests.steps.bench import Bench, StepResult, stored
from bioinfo_assets_tests.steps.builders import OPTICAL_DISTANCE, QUANTIZED_QUALS, TRUSEQ

LANES = (("HJYFJ", 4), ("HJYFJ", 5), ("HK35M", 1), ("HK3T5", 1))
SAMPLE = "NA12878"


@dataclass(frozen=True, slots=True)
class Chain:
    """The result of each step by its asset, and the values that later steps read."""

    results: Mapping[str, StepResult]
    reference: IndexedReference
    sites: tuple[KnownSites, ...]
    trimmed: ReadFiles
    marked: IndexedBam
    recalibrated: IndexedBam

    @property
    def contents(self) -> dict[str, dict[str, str | None]]:
        return {step: result.contents for step, result in self.results.items()}


def lane_files(flowcell: str, number: int) -> LaneFiles:
    stem = na12878().fastqs / f"{SAMPLE}_{flowcell}_L{number}"
    group = ReadGroup(f"{flowcell}.{number}", SAMPLE, SAMPLE, "ILLUMINA", f"{flowcell}.{number}")
    return LaneFiles(group, stored(Path(f"{stem}_1.fastq.gz")), stored(Path(f"{stem}_2.fastq.gz")))


def run_chain(folder: Path, engine: Engine, resources: Resources | None = None) -> Chain:
    """Run every step, independent ones concurrently; `resources` replace the steps' own.

    Jobs work in folders with a name that no tool may stumble over: scratch is in the output folder, which users name.
    """
    bench, layout = Bench(folder / 'Bob\'s "run" #1 [50%] {a}?'), OutputLayout(str(folder / "results"))
    results: dict[str, StepResult] = {}

    def run(*jobs: Job) -> None:
        results.update(zip((job.key.asset for job in jobs), bench.run_all(jobs, resources), strict=True))

    lanes = [lane_files(*lane) for lane in LANES]
    vcf = na12878().known_sites[0]
    source = KnownSites(stored(vcf), stored(vcf.with_name(f"{vcf.name}.tbi")))
    run(
        fetch_reference(stored(na12878().reference), layout),
        merge_reads(SAMPLE, lanes, layout, engine),
    )
    fasta = results["reference_genome"].files["fasta"]
    merged = ReadFiles.of(results["merged_reads"].files)
    run(
        index_reference(fasta, None, Aligner.BWA, layout),
        trim_reads(SAMPLE, merged, TRUSEQ, layout),
        measure_read_quality(SAMPLE, merged, layout),
    )
    reference = IndexedReference.of(fasta, Aligner.BWA, results["reference_index"].files)
    trimmed = ReadFiles.of(results["trimmed_reads"].files)
    run(
        fetch_known_sites([source], reference.fai, layout),
        align(SAMPLE, trimmed, [lane.read_group for lane in lanes], reference, layout, engine),
    )
    aligned = results["aligned_bam"].files["bam"]
    run(mark_duplicates(SAMPLE, aligned, reference, layout, optical_distance=OPTICAL_DISTANCE, engine=engine))
    marked = IndexedBam.of(results["marked_bam"].files)
    sites = KnownSites.all_of(results["known_sites"].files)
    run(recalibrate(SAMPLE, marked, reference, Recalibration(sites, QUANTIZED_QUALS, engine), layout))
    recalibrated = IndexedBam.of(results["recalibrated_bam"].files)
    run(
        alignment_metrics(SAMPLE, recalibrated, reference, layout, engine),
        insert_size_metrics(SAMPLE, recalibrated, layout, engine),
        depth(SAMPLE, recalibrated, layout, genome=fasta.size),
        compress(SAMPLE, recalibrated, reference, layout, embedded=True),
    )
    reported = [
        results["trimmed_reads"].files["log"],
        results["marked_bam"].files["metrics"],
        results["recalibrated_bam"].files["table"],
        results["read_quality"].files["json"],
        results["alignment_metrics"].files["metrics"],
        results["insert_size_metrics"].files["metrics"],
        results["depth"].files["summary"],
    ]
    run(multiqc({SAMPLE: reported}, layout))
    return Chain(results, reference, sites, trimmed, marked, recalibrated)
