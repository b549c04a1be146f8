"""Metrics of a sample's final BAM: alignment, insert sizes and depth."""

from typing import Final

from bioinfo_assets.launch.job import Input, Job
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import canonical, resources
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import IndexedBam, sample_output
from bioinfo_assets.steps.reference import IndexedReference
from bioinfo_assets.steps.script import read_script, render

ALIGNMENT_VERSION: Final = "1"
INSERT_SIZE_VERSION: Final = "1"
DEPTH_VERSION: Final = "2"


def alignment_metrics(
    sample: str, bam: IndexedBam, reference: IndexedReference, layout: OutputLayout, engine: Engine
) -> Job:
    """Collect Picard's alignment summary: reads aligned, mismatches, read lengths, chimeras."""
    is_native = engine is Engine.NATIVE
    scripts = ("alignment_metrics_native", "engine") if is_native else ("alignment_metrics", "java")
    local, metrics = f"{sample}.recalib.bam", f"{sample}.alignment_metrics.txt"
    return Job(
        key=ResultKey("alignment_metrics", sample),
        version=ALIGNMENT_VERSION,
        script=render(*scripts, bam=local, fasta=reference.name, metrics=metrics),
        inputs=(Input(local, bam.bam), *reference.inputs()),
        outputs=(sample_output(layout, "metrics", sample, "alignment_metrics.txt", canonical.PICARD_METRICS),),
        tools=("bioinfo-assets-engine" if is_native else "picard",),
        parameters={"engine": engine.value},
        resources=resources.for_picard_metrics(bam.bam.size, reference.fasta.size),
    )


def insert_size_metrics(sample: str, bam: IndexedBam, layout: OutputLayout, engine: Engine) -> Job:
    """Collect insert sizes, with their histogram as a PDF.

    A sample without proper pairs gets an empty metrics file and histogram, and the status `fail` instead of `ok`. Fact:
    `has_insert_metrics`, `yes` or `no`.
    """
    is_native = engine is Engine.NATIVE
    scripts = ("engine", "insert_size_metrics_native") if is_native else ("java", "insert_size_metrics")
    draw_histogram = {"draw_histogram": read_script("insert_size_histogram.R")} if is_native else {}
    local, metrics = f"{sample}.recalib.bam", f"{sample}.insert_metrics.txt"
    status, histogram = f"{sample}.insert_metrics.status", f"{sample}.insert_size_histogram.pdf"
    return Job(
        key=ResultKey("insert_size_metrics", sample),
        version=INSERT_SIZE_VERSION,
        script=render(
            *("insert_size_status", *scripts),
            sample=sample,
            bam=local,
            metrics=metrics,
            status=status,
            histogram=histogram,
            **draw_histogram,
        ),
        inputs=(Input(local, bam.bam),),
        outputs=(
            sample_output(layout, "metrics", sample, "insert_metrics.txt", canonical.PICARD_METRICS),
            sample_output(layout, "status", sample, "insert_metrics.status"),
            sample_output(layout, "histogram", sample, "insert_size_histogram.pdf", canonical.PDF),
        ),
        tools=("bioinfo-assets-engine" if is_native else "picard", "Rscript"),
        parameters={"engine": engine.value},
        resources=resources.for_picard_metrics(bam.bam.size, 0),
    )


def depth(sample: str, bam: IndexedBam, layout: OutputLayout, *, genome: int, plain_text: bool = False) -> Job:
    """Compute the depth at every position of the contigs with reads, and a summary of coverage.

    Depth is the output of `samtools depth -a`, bgzipped with a tabix index, or plain text of 19 bytes per base of a
    human genome. The summary is mosdepth's, without contigs that have no reads: it counts a position once where the two
    reads of a pair overlap, samtools counts it twice. Facts: `genome_length`, of all contigs in the header, and
    `mean_depth` over all of them, by mosdepth's count.

    Args:
        sample: The sample.
        bam: Its final BAM.
        layout: Where results are published.
        genome: The bases of the reference, for the memory and disk space that the job asks for. It is no input of the
            job, whose results do not depend on it.
        plain_text: Whether depth is not compressed.
    """
    local = f"{sample}.recalib.bam"
    suffix = "depth.txt" if plain_text else "depth.txt.gz"
    bgzipped = (
        sample_output(layout, "depth", sample, suffix, canonical.BGZIPPED),
        sample_output(layout, "tbi", sample, f"{suffix}.tbi", canonical.DERIVED_FILE),
    )
    return Job(
        key=ResultKey("depth", sample),
        version=DEPTH_VERSION,
        script=render("depth", sample=sample, bam=local, depth=f"{sample}.{suffix}", plain_text=plain_text),
        inputs=bam.inputs(local),
        outputs=(
            *((sample_output(layout, "depth", sample, suffix),) if plain_text else bgzipped),
            sample_output(layout, "summary", sample, "mosdepth.summary.txt"),
            sample_output(layout, "distribution", sample, "mosdepth.global.dist.txt"),
        ),
        tools=("samtools", "bgzip", "tabix", "mosdepth"),
        parameters={"plain_text": plain_text},
        resources=resources.for_depth(bam.bam.size, genome, plain_text=plain_text),
    )
