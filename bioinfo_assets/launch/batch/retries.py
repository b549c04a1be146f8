"""Which jobs are tried again: by Batch in their queue, or submitted again, with more memory or to another queue."""

from typing import TYPE_CHECKING, Final

from bioinfo_assets.launch.backend import Outcome
from bioinfo_assets.launch.batch.batch_job import JobState, Resubmission
from bioinfo_assets.launch.batch.classify_outcome import (
    HOST_GONE,
    NOT_STARTED,
    STOPPED,
    TRY_AGAIN,
    memory_mib,
    termination_reason,
)
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.batch.queue_wait import MISCONFIGURATION

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

RETRY_RULES: Final = (
    {"onStatusReason": f"{HOST_GONE}*", "action": "RETRY"},
    {"onStatusReason": f"{NOT_STARTED}*", "action": "RETRY"},
    {"onExitCode": str(STOPPED), "action": "RETRY"},
    {"onExitCode": str(TRY_AGAIN), "action": "RETRY"},
    {"onReason": "*", "action": "EXIT"},
)
"""When Batch itself retries a job. Without the last rule it would retry anything; five rules are the maximum (AWS Batch
user guide, automated job retries)."""


def attempts_in_queue(job: JobState, config: BatchConfig) -> int:
    """How often Batch may start a job in its queue: all attempts that are left, or those before the fallback queue."""
    left = job.max_attempts - job.spent
    options = job.job.options
    if options.fallback_queue in {None, options.queue}:
        return left
    return min(left, config.reclaims_before_fallback)


def resubmission(
    job: JobState, detail: "JobDetailTypeDef", outcome: Outcome, config: BatchConfig
) -> tuple[Resubmission | None, str]:
    """How to submit a job with attempts left again, and why; None if that would not help."""
    if outcome is Outcome.OUT_OF_MEMORY:
        had_mib = memory_mib(job.job, detail)
        if had_mib >= config.max_memory_mib:
            return None, ""
        retry_mib = min(2 * had_mib, config.max_memory_mib)
        reason = f"ran out of memory with {had_mib} MiB: submitted again with {retry_mib} MiB"
        return Resubmission(memory_mib=retry_mib), reason
    options = job.job.options
    if options.fallback_queue not in {None, options.queue} and _may_succeed_in_another_queue(detail, outcome):
        reason = detail.get("statusReason", "").removeprefix(termination_reason(""))
        cause = reason.rstrip(".") or outcome.value
        return Resubmission(queue=options.fallback_queue), f"{cause}: submitted again to {options.fallback_queue}"
    return None, ""


def _may_succeed_in_another_queue(detail: "JobDetailTypeDef", outcome: Outcome) -> bool:
    """Whether a job may succeed in the fallback queue, after Batch has tried it in its own by `RETRY_RULES`.

    One that got no machine may get one there, unless Batch found its own queue misconfigured: that is repaired.
    """
    if outcome is Outcome.UNSCHEDULABLE:
        return MISCONFIGURATION not in detail.get("statusReason", "")
    if outcome in {Outcome.RECLAIMED, Outcome.IMAGE_MISSING, Outcome.KILLED}:
        return outcome is Outcome.RECLAIMED
    is_not_started = detail.get("statusReason", "").startswith(NOT_STARTED)
    return is_not_started or detail.get("container", {}).get("exitCode") == TRY_AGAIN
