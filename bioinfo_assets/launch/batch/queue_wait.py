"""How long a job may wait for a machine: a queue that works through a backlog is not one that starts nothing."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.launch.batch.client import Client
from bioinfo_assets.launch.batch.config import BatchConfig

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

NO_MACHINE: Final = "no machine: "
"""How the reason begins with which a job that gets no machine is terminated."""

_HAS_MACHINE: Final = frozenset({"STARTING", "RUNNING"})


class QueueWait:
    """Decides when a job has waited too long; safe for threads.

    A job may wait for weeks in a queue that runs other jobs, of this run or of others. Time counts against
    `queue_timeout_s` only while nothing runs in the queue. A reason that begins with `MISCONFIGURATION:` is what Batch
    infers of a job that it cannot place, and somebody may be repairing the queue, so it counts after
    `misconfiguration_grace_s` (AWS Batch user guide, jobs stuck in RUNNABLE).

    Args:
        client: Client for Batch.
        config: The two limits.
        clock: The time in seconds since 1970; tests replace it.
    """

    def __init__(self, client: Client, config: BatchConfig, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._config = config
        self._clock = clock
        self._lock = threading.Lock()
        self._active_at: dict[str, float] = {}
        self._misconfigured_since: dict[str, float] = {}

    def reason_to_give_up(self, detail: "JobDetailTypeDef") -> str:
        """Why a job will get no machine; empty if it may still get one, or has one."""
        with self._lock:
            if detail["status"] in _HAS_MACHINE:
                self._active_at[detail["jobQueue"]] = self._clock()
            if detail["status"] != "RUNNABLE":
                return ""
            reason = detail.get("statusReason", "")
            if reason.startswith("MISCONFIGURATION:"):
                since = self._misconfigured_since.setdefault(detail["jobId"], self._clock())
                is_over = self._clock() - since >= self._config.misconfiguration_grace_s
                return f"{NO_MACHINE}{reason}" if is_over else ""
            self._misconfigured_since.pop(detail["jobId"], None)
            waited_s = self._idle_s(detail)
            if waited_s <= self._config.queue_timeout_s:
                return ""
        return f"{NO_MACHINE}nothing ran in its queue for {waited_s:.0f} s{f', {reason}' if reason else ''}"

    def _idle_s(self, detail: "JobDetailTypeDef") -> float:
        """How long the job has waited while nothing ran in its queue, in seconds.

        Batch is asked what runs there only when the timeout would be over otherwise. If it does not answer, the job is
        not given up.
        """
        queue = detail["jobQueue"]
        stops = (attempt.get("stoppedAt", 0) for attempt in detail.get("attempts", ()))
        waiting_since = max(detail["createdAt"], *stops, 0) / 1000
        idle_s = self._clock() - max(waiting_since, self._active_at.get(queue, 0.0))
        if idle_s <= self._config.queue_timeout_s:
            return idle_s
        try:
            is_active = self._client.is_running_jobs(queue)
        except BioinfoAssetsError:
            return 0.0
        if is_active:
            self._active_at[queue] = self._clock()
        return 0.0 if is_active else idle_s
