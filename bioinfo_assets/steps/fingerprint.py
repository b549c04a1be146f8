"""Which samples are one person's, by Picard: the genotypes of each at a few thousand common variants, compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.launch.job import Input, Job, StoredFile
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.steps import resources
from bioinfo_assets.steps.files import IndexedBam, sample_output
from bioinfo_assets.steps.reference import IndexedReference
from bioinfo_assets.steps.script import Value, render

VERSION: Final = "1"

LOD_THRESHOLD: Final = -5
"""Two fingerprints below it are of two people, and above its opposite of one; in between nothing is known. A LOD is
the decimal logarithm of how much more likely one person is than two; -5 is the value in Picard's own examples."""

MAP_NAME: Final = "haplotypes.txt"
"""The local name of the haplotype map."""


def take_fingerprint(
    sample: str, bam: IndexedBam, reference: IndexedReference, haplotypes: StoredFile, layout: OutputLayout
) -> Job:
    """Take a sample's genotype likelihoods at the variants of a haplotype map, and compare its lanes by them.

    Facts: `sites`, the variants with reads; `lowest_lane_lod` and `lowest_lanes`, how likely the two read groups that
    agree least are one person's (see `LOD_THRESHOLD`), and their names; both absent with one read group. The script
    fails with a message if the map is of another reference.

    Args:
        sample: The sample.
        bam: Its final BAM.
        reference: The reference that it is aligned to.
        haplotypes: Picard's haplotype map: SAM header lines with the reference's contigs, then a table of SNPs.
        layout: Where results are published.
    """
    local = f"{sample}.recalib.bam"
    fingerprint, lanes = fingerprint_name(sample), f"{sample}.lane_identity.tsv"
    return Job(
        key=ResultKey("fingerprint", sample),
        version=VERSION,
        script=render(
            "fingerprint",
            "java",
            sample=sample,
            bam=local,
            map=MAP_NAME,
            fasta=reference.name,
            threshold=LOD_THRESHOLD,
            fingerprint=fingerprint,
            lanes=lanes,
        ),
        inputs=(*bam.inputs(local), *reference.inputs(), Input(MAP_NAME, haplotypes, shared=True)),
        outputs=(
            sample_output(layout, "fingerprint", sample, "fingerprint.vcf"),
            sample_output(layout, "lanes", sample, "lane_identity.tsv"),
        ),
        tools=("picard", "samtools"),
        resources=resources.for_fingerprint(bam.bam.size, reference.fasta.size),
    )


def fingerprint_name(sample: str) -> str:
    """The file name of a sample's fingerprint."""
    return f"{sample}.fingerprint.vcf"


def stated_person(sample: str, patient: str | None) -> str:
    """Whose a sample is by the samplesheet, with its name; whoever has no patient is a person of their own.

    >>> stated_person("a", "P1"), stated_person("P1", None)
    ('a: patient P1', 'P1: sample P1')
    """
    return f"{sample}: {_person(sample, patient)}"


def _person(sample: str, patient: str | None) -> str:
    # Prefixes, so that a patient who has the name of another sample is not taken for it.
    return f"patient {patient}" if patient else f"sample {sample}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the report needs to compare the fingerprints of its samples.

    Attributes:
        haplotypes: The haplotype map that they were taken with.
        patients: By sample with a fingerprint, its patient; None where the samplesheet names none.
    """

    haplotypes: StoredFile
    patients: Mapping[str, str | None]

    def people(self) -> tuple[str, ...]:
        """Whose each sample is by the samplesheet."""
        return tuple(stated_person(name, self.patients[name]) for name in sorted(self.patients))

    def variables(self) -> dict[str, Value | Sequence[Value]]:
        """The variables of the script `sample_identity`."""
        names = sorted(self.patients)
        people = [_person(name, self.patients[name]) for name in names]
        return {"map": MAP_NAME, "threshold": LOD_THRESHOLD, "samples": names, "people": people}
