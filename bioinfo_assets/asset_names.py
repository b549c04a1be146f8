"""The names of assets that are needed below the pipeline; `pipeline.graph` has the graph of all of them."""

from typing import Final

RAW_READS: Final = "raw_reads"
REFERENCE_SOURCE: Final = "reference_source"
KNOWN_SITES_SOURCE: Final = "known_sites_source"

REFERENCE_INDEX: Final = "reference_index"
MERGED_READS: Final = "merged_reads"
TRIMMED_READS: Final = "trimmed_reads"
ALIGNED_BAM: Final = "aligned_bam"
MARKED_BAM: Final = "marked_bam"
RECALIBRATED_BAM: Final = "recalibrated_bam"
