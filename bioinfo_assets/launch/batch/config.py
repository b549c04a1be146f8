"""The settings of AWS Batch; importing them imports nothing of AWS."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

INTERVAL_S_PER_JOB: Final = 0.01
MAX_STRETCHED_INTERVAL_S: Final = 60.0


def stretch_interval(interval_s: float, jobs: int) -> float:
    """Return an interval of polls or submissions that grows with the number of a run's jobs, up to a minute.

    All runs of an account share its calls of AWS Batch, 50 in a second. Of thousands of jobs, many end in the same
    minute: they are described and submitted together then, in calls for 100 jobs and for an array.
    """
    return max(interval_s, min(INTERVAL_S_PER_JOB * jobs, MAX_STRETCHED_INTERVAL_S))


class BatchConfig(BaseModel):
    """How jobs use AWS Batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    log_group: str = Field(default="/aws/batch/job", description="CloudWatch log group of the jobs.")
    scratch_volume: str = Field(
        default="/scratch",
        description="Folder on the machines' disk in which jobs work; empty: the container's own file system.",
    )
    array_min_size: int = Field(
        default=5, ge=2, le=10_000, description="Minimum number of similar jobs that are submitted as one array."
    )
    array_max_size: int = Field(default=10_000, ge=2, le=10_000, description="Maximum number of jobs in one array.")
    poll_interval_s: float = Field(
        default=5.0, gt=0, description="Seconds between two polls of the jobs; more with over 500 jobs."
    )
    queue_timeout_s: float = Field(
        default=86_400.0,
        gt=0,
        description="Seconds that a job may wait for a machine while nothing runs in its queue; then it goes to "
        "`fallback_queue`, or fails.",
    )
    reclaims_before_fallback: int = Field(
        default=2,
        ge=1,
        le=9,
        description="Attempts in its queue after which a job that lost its machine goes to `fallback_queue`.",
    )
    misconfiguration_grace_s: float = Field(
        default=1_800.0,
        ge=0,
        description="Seconds after which a job fails because AWS Batch calls its queue misconfigured.",
    )
    poll_error_timeout_s: float = Field(
        default=21_600.0,
        gt=0,
        description="Seconds for which AWS may refuse or not answer before a run gives up; its jobs are left running.",
    )
    orphan_grace_s: float = Field(
        default=21_600.0,
        ge=0,
        description="Seconds after a run has failed before Dagit's sensor terminates the jobs that are left of it.",
    )
    max_memory_mib: int = Field(
        default=196_608, ge=4, description="Upper limit in MiB for retries after running out of memory."
    )
    batching_delay_s: float = Field(
        default=0.5,
        gt=0,
        description="Seconds without a new job after which the collected jobs are submitted; with over 50 jobs, more.",
    )
    visibility_grace_s: float = Field(
        default=60.0, ge=0, description="Seconds for which AWS Batch may not yet list a job that was just submitted."
    )
