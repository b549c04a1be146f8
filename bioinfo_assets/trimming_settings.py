"""The settings of trimming: which adapters are cut, and which reads are dropped."""

from pydantic import BaseModel, ConfigDict, Field


class TrimmingSettings(BaseModel):
    """What cutadapt trims; by default nothing, as most sequencers deliver reads without adapters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    truseq: bool = Field(default=False, description="Cut Illumina's TruSeq adapters from the 3' ends.")
    three_prime_1: str | None = Field(default=None, description="3' adapter of read 1: a sequence, or a FASTA file.")
    three_prime_2: str | None = Field(default=None, description="3' adapter of read 2.")
    five_prime_1: str | None = Field(default=None, description="5' adapter of read 1.")
    five_prime_2: str | None = Field(default=None, description="5' adapter of read 2.")
    poly_g: bool = Field(
        default=False,
        description="Cut the runs of G that two-colour Illumina instruments (NextSeq, NovaSeq) write past the end "
        "of a fragment, and 3' ends below quality 20.",
    )
    max_n: float = Field(default=0.1, ge=0, le=1, description="Drop a pair if either read has a larger fraction of Ns.")
    minimum_length: int = Field(
        default=20, ge=1, description="Drop pairs in which one read is shorter after trimming, in bases."
    )
