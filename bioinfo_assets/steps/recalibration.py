"""Base quality score recalibration: qualities corrected by what mismatches the reads have away from known variants."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Input, Job
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import resources
from bioinfo_assets.steps.files import IndexedBam
from bioinfo_assets.steps.known_sites import KnownSites
from bioinfo_assets.steps.layout import Layout
from bioinfo_assets.steps.reference import IndexedReference
from bioinfo_assets.steps.script import render

VERSION: Final = "2"


@dataclass(frozen=True, slots=True)
class Recalibration:
    """How base qualities are recalibrated.

    Attributes:
        known_sites: Where mismatches are variants and no errors; none: qualities stay as they are.
        quantized_quals: The few qualities that are kept apart, which makes BAMs small; GATK's whole-genome pipeline has
            10, 20 and 30.

    Raises:
        InputError: A quality is none, 1 to 93.
    """

    known_sites: tuple[KnownSites, ...] = ()
    quantized_quals: tuple[int, ...] = (10, 20, 30)

    def __post_init__(self) -> None:
        if not all(1 <= quality <= 93 for quality in self.quantized_quals):
            raise InputError(f"quantized qualities {self.quantized_quals} are not possible: give numbers from 1 to 93")


def recalibrate(
    sample: str, marked: IndexedBam, reference: IndexedReference, recalibration: Recalibration, layout: Layout
) -> Job:
    """Recalibrate base qualities by read group; without known sites, hand the marked BAM on as it is.

    Original qualities (`OQ`) are used where the reads carry them. Facts: `recalibrated` is `yes` or `no`, `records`,
    `observed_bases` and `observed_bases.PU` of each read group. A warning names read groups below 100 million observed
    bases: GATK's documentation of BQSR expects well over that many for each. The script fails with a sentence when the
    BAM's contigs are not the reference's.
    """
    if not recalibration.known_sites:
        return _copy(sample, marked, reference, layout)
    local, made, table = (f"{sample}.{suffix}" for suffix in ("mark_dup.bam", "recalib.bam", "recalib.recal.table"))
    names = [sites.name for sites in recalibration.known_sites]
    return Job(
        key=ResultKey("recalibrated_bam", sample),
        version=VERSION,
        script=render(
            "recalibrate",
            "java",
            "bam",
            sample=sample,
            marked=local,
            fasta=reference.name,
            dictionary=reference.dictionary_name,
            known_sites=[word for name in names for word in ("--known-sites", name)],
            quantized=[word for qual in recalibration.quantized_quals for word in ("--static-quantized-quals", qual)],
            table=table,
            recalibrated=made,
        ),
        inputs=(*marked.staged(local), *reference.staged(), *_staged(recalibration.known_sites)),
        outputs=(
            *layout.sorted_bam(sample, "recalib.bam"),
            layout.output("table", sample, "recalib.recal.table"),
        ),
        tools=("gatk", "samtools", "bgzip"),
        parameters={"known_sites": tuple(names), "static_quantized_quals": recalibration.quantized_quals},
        resources=resources.walking(marked.bam.size, reference.fasta.size),
    )


def _copy(sample: str, marked: IndexedBam, reference: IndexedReference, layout: Layout) -> Job:
    local, made = f"{sample}.mark_dup.bam", f"{sample}.recalib.bam"
    return Job(
        key=ResultKey("recalibrated_bam", sample),
        version=VERSION,
        script=render("copy_marked", "bam", marked=local, dictionary=reference.dictionary_name, recalibrated=made),
        inputs=(*marked.staged(local), reference.staged_dictionary()),
        outputs=layout.sorted_bam(sample, "recalib.bam"),
        tools=("samtools", "bgzip"),
        parameters={"known_sites": ()},
        resources=resources.streaming(0),
    )


def _staged(known_sites: Sequence[KnownSites]) -> list[Input]:
    vcfs = [Input(sites.name, sites.vcf, shared=True) for sites in known_sites]
    return vcfs + [Input(f"{sites.name}.tbi", sites.tbi, shared=True) for sites in known_sites if sites.tbi]
