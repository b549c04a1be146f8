"""The settings of retention: how long the large files of intermediates are kept."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

KEEP: Final = "keep"
UNTIL_USED: Final = "until_used"
NEVER: Final = "never"


def _check_retention(value: object) -> object:
    """A retention as it is written, or a number of days, which the environment has as text."""
    days = value.strip() if isinstance(value, str) else str(value)
    if value in (KEEP, UNTIL_USED, NEVER):
        return value
    if not isinstance(value, bool) and days.isdecimal() and int(days) > 0:
        return int(days)
    raise PydanticCustomError("retention", "give `keep`, `until_used`, `never`, or a number of days, 1 or more")


Retention = Annotated[Literal["keep", "until_used", "never"] | int, BeforeValidator(_check_retention)]
"""How long the large files of an intermediate are kept."""


class RetentionSettings(BaseModel):
    """How long the large files of each intermediate are kept; `gc` deletes them, a run never does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    merged_reads: Retention = Field(
        default=KEEP,
        description="How long the merged FASTQs are kept: `keep`; `until_used`, until everything computed from them "
        "exists and is up to date; a number of days since their job ended, after which the same is required; or "
        "`never`: like `until_used`, and not published at all where the step that reads them runs in the same job "
        "(`fuse`).",
    )
    trimmed_reads: Retention = Field(default=KEEP, description="How long the trimmed FASTQs are kept.")
    aligned_bam: Retention = Field(default=KEEP, description="How long the BAM as the aligner writes it is kept.")
    marked_bam: Retention = Field(default=KEEP, description="How long the sorted BAM with marked duplicates is kept.")
    recalibrated_bam: Retention = Field(
        default=KEEP,
        description="How long the final BAM is kept; other than `keep` only with a CRAM (`cram`), which then stays.",
    )

    def of(self, asset: str) -> Retention:
        """The retention of an asset; assets that are not named here are kept."""
        value: Retention = getattr(self, asset, KEEP)
        return value
