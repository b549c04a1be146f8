"""The key of a result: which asset, and of which scope.

A scope is what a result is about, and its folder under the output path: a sample's name, `references` for what all
samples share, or `multiqc` for the report on all samples. Projects without genomes have partitions instead of samples,
and `shared` for what has no partition.
"""

import re
from dataclasses import dataclass
from typing import Final

REFERENCES: Final = "references"
"""The scope of what all samples share."""

COHORT: Final = "multiqc"
"""The scope of the report on all samples."""

SHARED: Final = "shared"
"""The scope of results without a partition, in projects without genomes."""

SHARED_SCOPES: Final = frozenset({REFERENCES, COHORT, SHARED})
"""The scopes that are no sample; `genomics.sample` keeps samples from being named so."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def is_name(text: str) -> bool:
    """Whether a text can be the asset or the scope of a key.

    >>> is_name("NA12878"), is_name("my sample"), is_name(".")
    (True, False, False)
    """
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, order=True)
class ResultKey:
    """What identifies a result within an output path.

    Attributes:
        asset: The asset, such as `aligned_bam`.
        scope: A sample's name, or one of `SHARED_SCOPES`.

    Raises:
        ValueError: one of them cannot name files and jobs.

    >>> key = ResultKey("aligned_bam", "NA12878")
    >>> key.label, key.job_name, key.partition_key
    ('aligned_bam of NA12878', 'aligned_bam-NA12878', 'NA12878')
    >>> ResultKey("reference_index", REFERENCES).partition_key is None
    True
    """

    asset: str
    scope: str

    def __post_init__(self) -> None:
        for name in (self.asset, self.scope):
            if not is_name(name):
                raise ValueError(f"{name!r} cannot name a result: letters, digits, '.', '_' and '-' only")

    @property
    def partition_key(self) -> str | None:
        """Dagster's partition key: the sample, or None for an asset without partitions."""
        return None if self.scope in SHARED_SCOPES else self.scope

    @property
    def label(self) -> str:
        """The result's name in sentences."""
        return f"{self.asset} of {self.scope}"

    @property
    def job_name(self) -> str:
        """The name of the job that makes it, for file names and AWS."""
        return f"{self.asset}-{self.scope}"


RAW_READS: Final = "raw_reads"
REFERENCE_SOURCE: Final = "reference_source"
KNOWN_SITES_SOURCE: Final = "known_sites_source"
COHORT_SOURCE: Final = "cohort"

REFERENCE_INDEX: Final = "reference_index"
MERGED_READS: Final = "merged_reads"
TRIMMED_READS: Final = "trimmed_reads"
ALIGNED_BAM: Final = "aligned_bam"
MARKED_BAM: Final = "marked_bam"
RECALIBRATED_BAM: Final = "recalibrated_bam"
RECALIBRATED_CRAM: Final = "recalibrated_cram"
