"""Base quality score recalibration: qualities corrected by the mismatches outside of known variants."""

from dataclasses import dataclass
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Input, Job
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import resources
from bioinfo_assets.steps.engine import Engine
from bioinfo_assets.steps.files import IndexedBam, sample_output, sorted_bam_outputs
from bioinfo_assets.steps.known_sites import KnownSites
from bioinfo_assets.steps.reference import IndexedReference
from bioinfo_assets.steps.script import render

VERSION: Final = "2"


@dataclass(frozen=True, slots=True)
class Recalibration:
    """How base qualities are recalibrated.

    Attributes:
        known_sites: Variants, where mismatches are not errors; without known sites the qualities are not changed.
        quantized_quals: The qualities to which recalibrated ones are rounded, which makes BAMs small; GATK's
            whole-genome pipeline uses 10, 20 and 30.
        engine: The program.

    Raises:
        InputError: A quality is not between 1 and 93.
    """

    known_sites: tuple[KnownSites, ...]
    quantized_quals: tuple[int, ...]
    engine: Engine

    def __post_init__(self) -> None:
        if not all(1 <= quality <= 93 for quality in self.quantized_quals):
            raise InputError(f"quantized qualities {self.quantized_quals} are not valid: give numbers from 1 to 93")


def recalibrate(
    sample: str, marked: IndexedBam, reference: IndexedReference, recalibration: Recalibration, layout: OutputLayout
) -> Job:
    """Recalibrate base qualities by read group; without known sites, copy the marked BAM.

    Original qualities (`OQ`) are used where the reads have them. The script warns of read groups with fewer than 100
    million observed bases: GATK's documentation of BQSR expects well over that many for each. It fails with a message
    if the BAM does not have the reference's contigs. Facts: `recalibrated`, `yes` or `no`, `records`, `observed_bases`,
    and `observed_bases.PU` of each read group.
    """
    if not recalibration.known_sites:
        return _copy(sample, marked, reference, layout)
    local, recalibrated, table = (
        f"{sample}.{suffix}" for suffix in ("mark_dup.bam", "recalib.bam", "recalib.recal.table")
    )
    names = [sites.name for sites in recalibration.known_sites]
    vcfs = [Input(sites.name, sites.vcf, shared=True) for sites in recalibration.known_sites]
    indexes = [Input(f"{sites.name}.tbi", sites.tbi, shared=True) for sites in recalibration.known_sites if sites.tbi]
    is_native = recalibration.engine is Engine.NATIVE
    scripts = ("bam", "engine", "recalibrate_native") if is_native else ("java", "bam", "recalibrate")
    sites_option, quality_option = ("-k", "-q") if is_native else ("--known-sites", "--static-quantized-quals")
    return Job(
        key=ResultKey("recalibrated_bam", sample),
        version=VERSION,
        script=render(
            "recalibration_facts",
            *scripts,
            sample=sample,
            marked=local,
            fasta=reference.name,
            dictionary=reference.dictionary_name,
            known_sites=[word for name in names for word in (sites_option, name)],
            quantized=[word for quality in recalibration.quantized_quals for word in (quality_option, quality)],
            table=table,
            recalibrated=recalibrated,
        ),
        inputs=(*marked.inputs(local), *reference.inputs(), *vcfs, *indexes),
        outputs=(
            *sorted_bam_outputs(layout, sample, "recalib.bam"),
            sample_output(layout, "table", sample, "recalib.recal.table"),
        ),
        tools=("bioinfo-assets-engine" if is_native else "gatk", "samtools", "bgzip"),
        parameters={
            "engine": recalibration.engine.value,
            "known_sites": tuple(names),
            "static_quantized_quals": recalibration.quantized_quals,
        },
        resources=resources.for_recalibration(marked.bam.size, reference.fasta.size, recalibration.engine),
    )


def _copy(sample: str, marked: IndexedBam, reference: IndexedReference, layout: OutputLayout) -> Job:
    local, copy = f"{sample}.mark_dup.bam", f"{sample}.recalib.bam"
    return Job(
        key=ResultKey("recalibrated_bam", sample),
        version=VERSION,
        script=render("copy_marked", "bam", marked=local, dictionary=reference.dictionary_name, recalibrated=copy),
        inputs=(*marked.inputs(local), reference.dictionary_input()),
        outputs=sorted_bam_outputs(layout, sample, "recalib.bam"),
        tools=("samtools", "bgzip"),
        parameters={"known_sites": ()},
        resources=resources.for_copying(marked.bam.size),
    )
