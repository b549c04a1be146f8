"""How much of a sample's DNA is somebody else's, by GATK, from common variants with known frequencies."""

from typing import Final

from bioinfo_assets.genomics.uri import file_name
from bioinfo_assets.launch.job import Input, Job, StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import resources
from bioinfo_assets.steps.files import IndexedBam, sample_output
from bioinfo_assets.steps.script import render

VERSION: Final = "1"


def estimate_contamination(sample: str, bam: IndexedBam, sites: StoredFile, layout: OutputLayout) -> Job:
    """Count the alleles at common variants, and estimate the contamination from those where a sample has the rarer one.

    GATK 4.6.2's GetPileupSummaries takes SNPs of a frequency from 0.01 to 0.2, and CalculateContamination looks at
    those where the sample has only the rarer allele: reads with the other one there are errors or another person's.
    Without such places the estimate is 0 with an error of 1. From about a fifth on the estimate is too low, since the
    sample then seems to have both alleles (docs/guides/quality.md). So the script compares the number of places with
    both alleles with what their frequencies lead to expect of one person.

    Facts: `sites`, places with 10 reads or more; `heterozygous_ratio`, how many times more of these than expected have
    both alleles, each in more than a tenth of the reads (p and 1 - p at a frequency p: Hardy-Weinberg); absent without
    such places. The script fails with a message if the variants have no frequencies, or are of another reference.

    Args:
        sample: The sample.
        bam: Its final BAM.
        sites: A bgzipped VCF of common variants with their allele frequencies (INFO field `AF`).
        layout: Where results are published.
    """
    local, vcf = f"{sample}.recalib.bam", "common_variants.vcf.gz"
    pileups, table = f"{sample}.pileups.table", f"{sample}.contamination.table"
    return Job(
        key=ResultKey("contamination", sample),
        version=VERSION,
        script=render(
            "contamination", "java", bam=local, vcf=vcf, source=file_name(sites.uri), pileups=pileups, table=table
        ),
        inputs=(*bam.inputs(local), Input(vcf, sites, shared=True)),
        outputs=(
            sample_output(layout, "table", sample, "contamination.table"),
            sample_output(layout, "pileups", sample, "pileups.table"),
        ),
        tools=("gatk", "samtools", "tabix"),
        resources=resources.for_contamination(bam.bam.size, sites.size),
    )
