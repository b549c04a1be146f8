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

MISCONFIGURATION: Final = "MISCONFIGURATION:"
"""How Batch's reason begins if it infers that a job will never be placed."""

_QUESTION_INTERVAL_S: Final = 300.0
"""Seconds between two questions to Batch what runs in a queue, at most."""

_QUESTIONS_PER_TIMEOUT: Final = 10

_HAS_MACHINE: Final = frozenset({"STARTING", "RUNNING"})


class QueueWait:
    """Decides when a job has waited too long; safe for threads.

    A job may wait for weeks in a queue that runs other jobs, of this run or of others: it is given up when it has
    waited for `queue_timeout_s`, and nothing was seen to run in its queue for as long. A reason that begins with
    `MISCONFIGURATION:` is what Batch infers of a job that it cannot place, and somebody may be repairing the queue, so
    it counts after `misconfiguration_grace_s` (AWS Batch user guide, jobs stuck in RUNNABLE).

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
        self._idle_since: dict[str, float] = {}
        self._asked_at: dict[str, float] = {}
        self._misconfigured_since: dict[str, float] = {}

    def reason_to_give_up(self, detail: "JobDetailTypeDef") -> str:
        """Why a job will get no machine; empty if it may still get one, or has one."""
        now, queue = self._clock(), detail["jobQueue"]
        with self._lock:
            if detail["status"] in _HAS_MACHINE:
                self._idle_since.pop(queue, None)
                self._asked_at[queue] = now
            is_waiting, reason = detail["status"] == "RUNNABLE", detail.get("statusReason", "")
            if is_waiting and reason.startswith(MISCONFIGURATION):
                since = self._misconfigured_since.setdefault(detail["jobId"], now)
                is_over = now - since >= self._config.misconfiguration_grace_s
                return f"{NO_MACHINE}{reason}" if is_over else ""
            self._misconfigured_since.pop(detail["jobId"], None)
            if not is_waiting:
                return ""
            self._ask_what_runs(queue, now)
            idle_s = min(now - _waiting_since(detail), now - self._idle_since.get(queue, now))
        if idle_s <= self._config.queue_timeout_s:
            return ""
        return f"{NO_MACHINE}nothing ran in its queue for {idle_s:.0f} s{f', {reason}' if reason else ''}"

    def _ask_what_runs(self, queue: str, now: float) -> None:
        """Note whether anything runs in a queue; without an answer nothing is known, and no job is given up for it."""
        interval_s = min(_QUESTION_INTERVAL_S, self._config.queue_timeout_s / _QUESTIONS_PER_TIMEOUT)
        if now - self._asked_at.get(queue, 0.0) < interval_s:
            return
        self._asked_at[queue] = now
        try:
            is_active = self._client.is_running_jobs(queue)
        except BioinfoAssetsError:
            is_active = True
        if is_active:
            self._idle_since.pop(queue, None)
        else:
            self._idle_since.setdefault(queue, now)


def _waiting_since(detail: "JobDetailTypeDef") -> float:
    stops = (attempt.get("stoppedAt", 0) for attempt in detail.get("attempts", ()))
    return max(detail["createdAt"], *stops, 0) / 1000
