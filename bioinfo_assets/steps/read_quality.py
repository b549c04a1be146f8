"""The quality of a sample's reads as they were sequenced, by fastp."""

from typing import Final

from bioinfo_assets.launch.job import Input, Job
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import canonical, resources
from bioinfo_assets.steps.files import ReadFiles, sample_output
from bioinfo_assets.steps.script import render

VERSION: Final = "1"


def measure_read_quality(sample: str, reads: ReadFiles, layout: OutputLayout) -> Job:
    """Measure qualities, GC content, duplication and insert sizes of reads, all of which are counted and none changed.

    Fact: `pairs`. The script fails with a message if a file is truncated, or if the two differ in the number of reads.
    """
    local1, local2 = f"{sample}.1.fastq.gz", f"{sample}.2.fastq.gz"
    report, page = f"{sample}.fastp.json", f"{sample}.fastp.html"
    return Job(
        key=ResultKey("read_quality", sample),
        version=VERSION,
        script=render("read_quality", sample=sample, reads1=local1, reads2=local2, report=report, page=page),
        inputs=(Input(local1, reads.reads1), Input(local2, reads.reads2)),
        outputs=(
            sample_output(layout, "json", sample, "fastp.json", canonical.FASTP_JSON),
            sample_output(layout, "html", sample, "fastp.html", canonical.DERIVED_FILE),
        ),
        tools=("fastp",),
        resources=resources.for_read_quality(reads.size),
    )
