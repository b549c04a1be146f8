"""The final alignment as CRAM, checked against the BAM that it is made from."""

from typing import Final

from bioinfo_assets.launch.job import Job
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.result_key import RECALIBRATED_CRAM, ResultKey
from bioinfo_assets.steps import canonical, resources
from bioinfo_assets.steps.files import IndexedBam, sample_output
from bioinfo_assets.steps.reference import IndexedReference
from bioinfo_assets.steps.script import render

VERSION: Final = "1"


def compress(sample: str, bam: IndexedBam, reference: IndexedReference, layout: OutputLayout, *, embedded: bool) -> Job:
    """Write a BAM as CRAM 3.0, and compare the two record by record.

    CRAM stores how reads differ from the reference (CRAM specification, version 3.0), and readers need the same
    sequences again. The script fails with a message unless the CRAM, decoded, has the BAM's header and in each record
    the same fields and tags; the order of the tags may differ. MD and NM are stored, as not all readers compute them.
    It also fails if the BAM does not have the reference's contigs, or if a header without M5s would leave readers
    without a way to find the reference. Fact: `records`, the number that was compared.

    Args:
        sample: The sample.
        bam: Its final BAM.
        reference: The genome that it is aligned to.
        layout: Where results are published.
        embedded: Whether the CRAM contains the parts of the reference that its reads cover. Otherwise readers look for
            each contig by the MD5 in the header (M5), or need the FASTA.
    """
    local, cram = f"{sample}.recalib.bam", f"{sample}.recalib.cram"
    return Job(
        key=ResultKey(RECALIBRATED_CRAM, sample),
        version=VERSION,
        script=render(
            *("compress_cram", "bam"),
            bam=local,
            fasta=reference.name,
            dictionary=reference.dictionary_name,
            embedded=embedded,
            cram=cram,
        ),
        inputs=(*bam.inputs(local), *reference.inputs()),
        outputs=(
            sample_output(layout, "cram", sample, "recalib.cram", canonical.cram(reference.name)),
            sample_output(layout, "crai", sample, "recalib.cram.crai", canonical.DERIVED_FILE),
            sample_output(layout, "md5", sample, "recalib.cram.md5", canonical.DERIVED_FILE),
        ),
        tools=("samtools",),
        parameters={"reference": "embedded" if embedded else "external"},
        resources=resources.for_cram(bam.bam.size, reference.fasta.size),
    )
