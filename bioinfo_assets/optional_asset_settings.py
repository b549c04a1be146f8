"""Settings of the assets that are off by default."""

from pydantic import BaseModel, Field


class OptionalAssetSettings(BaseModel):
    """Which assets are computed in addition."""

    read_quality: bool = Field(
        default=False,
        description="Whether fastp measures the quality of reads before trimming, for Dagit and the report.",
    )
    genome_metrics: bool = Field(
        default=False,
        description="Whether Picard collects WGS metrics, GC bias and base qualities by cycle of each final BAM.",
    )
    contamination_sites: str | None = Field(
        default=None,
        description="A bgzipped VCF of common variants with their frequencies (`AF`), to estimate contamination from.",
    )
    haplotype_map: str | None = Field(
        default=None,
        description="A haplotype map of Picard: common variants by which samples are recognized as one person's.",
    )
