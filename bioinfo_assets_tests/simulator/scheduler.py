"""The statuses of a job, one after the other.

SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, then SUCCEEDED or FAILED, or RUNNABLE again for the next attempt. An
array's parent is PENDING while its children run and FAILED if one of them is (User Guide, "Array jobs").
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from bioinfo_assets_tests.simulator.attempts import Attempts
from bioinfo_assets_tests.simulator.event_queue import EventQueue
from bioinfo_assets_tests.simulator.faults import Delays, Forgotten, JobFault, Stuck
from bioinfo_assets_tests.simulator.job import Job, Status
from bioinfo_assets_tests.simulator.logs import Logs, now_ms
from bioinfo_assets_tests.simulator.machines import Fleet
from bioinfo_assets_tests.simulator.queues import SimulatorConfig
from bioinfo_assets_tests.simulator.retry import AttemptResult, is_retried

CHILD_FAILED: Final = "Array Child Job failed"


class Scheduler:
    """Runs jobs; `lock` must be held to call it or to read a job."""

    def __init__(
        self, config: SimulatorConfig, logs: Logs, delays: Callable[[], Delays], faults: list[JobFault]
    ) -> None:
        self._config, self._delays, self._faults = config, delays, faults
        self._waiting: list[Job] = []
        self._is_start_due = False
        self._fleets = {arn: Fleet(queue.machines) for arn, queue in config.queues.items()}
        self._events = EventQueue()
        self._attempts = Attempts(config, logs, self._events, self._on_attempt_over, self._disk_of)
        self.lock = self._events.lock

    def submit(self, job: Job) -> None:
        self._events.after(self._delays().submitted_s, lambda: self._pend(job))

    def cancel(self, job: Job, reason: str) -> None:
        """CancelJob: waiting jobs fail, running ones continue, and so does their array."""
        for child in job.children:
            self.cancel(child, reason)
        if job.status.is_waiting:
            job.is_cancelled, job.end_reason = True, reason
            if not job.children:
                self._fail(job, reason)

    def terminate(self, job: Job, reason: str) -> None:
        """TerminateJob: jobs of any status fail."""
        if job.status.is_over:
            return
        job.is_terminated, job.end_reason = True, reason
        for child in job.children:
            self.terminate(child, reason)
        if job.status in {Status.STARTING, Status.RUNNING}:
            self._attempts.end(job, lambda code: AttemptResult(reason, None, code, is_final=True))
        elif not job.children:
            self._fail(job, reason)

    def reclaim(self, job: Job, result: AttemptResult) -> None:
        """Interrupt a running job."""
        if job.status is not Status.RUNNING:
            raise ValueError(f"job {job.job_id} is {job.status.value} and has no machine")
        self._attempts.end(job, lambda _: result, at_once=True)

    def start_waiting_jobs(self) -> None:
        """Start the waiting jobs that can run now."""
        self._events.after(0, self._start_all)

    def close(self) -> None:
        """Stop all processes and threads."""
        self._events.close()
        self._attempts.close()

    def _pend(self, job: Job) -> None:
        """Set a job to PENDING, for no longer than a delay: there are no dependencies. An array gets its children."""
        if job.status is not Status.SUBMITTED:
            return
        job.status = Status.PENDING
        for index in range(job.size or 0):
            child = replace(
                job,
                job_id=f"{job.job_id}:{index}",
                size=None,
                parent=job,
                index=index,
                created=now_ms(),
                attempts=[],
                children=[],
            )
            job.children.append(child)
        job.unfinished = len(job.children)
        for waiting in job.children or [job]:
            self._release(waiting)

    def _release(self, job: Job) -> None:
        self._events.after(self._delays().pending_s, lambda: self._become_runnable(job))

    def _become_runnable(self, job: Job) -> None:
        if not job.status.is_over:
            job.status = Status.RUNNABLE
            self._events.after(self._delays().runnable_s, lambda: self._queue(job))

    def _queue(self, job: Job) -> None:
        self._waiting.append(job)
        if not self._is_start_due:  # once for all the jobs of an array
            self._is_start_due = True
            self.start_waiting_jobs()

    def _start_all(self) -> None:
        """Start waiting jobs in their order, as far as there are free slots."""
        self._is_start_due = False
        if not self._attempts.has_free_slot:
            return
        waiting, self._waiting = self._waiting, []
        full: set[str] = set()
        for position, job in enumerate(waiting):
            if not self._attempts.has_free_slot:
                self._waiting += waiting[position:]
                break
            if job.queue_arn in full:
                self._waiting.append(job)
            elif job.status is Status.RUNNABLE and not self._try_start(job):
                self._waiting.append(job)
                if self._fleets[job.queue_arn].could_hold(job) and not job.status_reason:
                    full.add(job.queue_arn)  # whoever is first in a queue goes first

    def _try_start(self, job: Job) -> bool:
        faults = self._matching_faults(job, len(job.attempts) + 1)
        queue = self._config.queues[job.queue_arn]
        stuck = [fault.status_reason for fault in faults if isinstance(fault, Stuck)]
        if float(job.settings.requirements["VCPU"]) > queue.max_vcpus:
            stuck.append(Stuck.MAX_RESOURCE)
        fleet = self._fleets[job.queue_arn]
        if not fleet.could_hold(job):
            stuck.append(Stuck.REQUIREMENT)
        if stuck:
            job.status_reason = stuck[0]
        if stuck or not queue.can_start_machines or not fleet.place(job):
            return False
        self._attempts.begin(job, faults, self._delays().starting_s)
        return True

    def _disk_of(self, job: Job) -> Path | None:
        machine = self._fleets[job.queue_arn].machine_of(job)
        return None if machine is None else machine.disk

    def _matching_faults(self, job: Job, attempt: int) -> list[JobFault]:
        queue = self._config.queues[job.queue_arn].name
        return [fault for fault in self._faults if fault.matches(job.name, attempt, job.index, queue)]

    def _on_attempt_over(self, job: Job, result: AttemptResult) -> None:
        """Retry the job, or finish it."""
        self._fleets[job.queue_arn].release(job)
        job.status_reason = result.status_reason
        if is_retried(job.settings.retry, job.attempt.number, result):
            self._become_runnable(job)
        else:
            self._finish(job, Status.SUCCEEDED if result.is_success else Status.FAILED)
        self.start_waiting_jobs()

    def _fail(self, job: Job, reason: str) -> None:
        job.status_reason = reason
        self._finish(job, Status.FAILED)

    def _finish(self, job: Job, status: Status) -> None:
        job.status, job.stopped = status, now_ms()
        last = max(1, len(job.attempts))
        job.is_forgotten |= any(isinstance(fault, Forgotten) for fault in self._matching_faults(job, last))
        if job.parent is not None:
            job.parent.unfinished -= 1
            if job.parent.unfinished == 0:
                self._finish_parent(job.parent)

    def _finish_parent(self, parent: Job) -> None:
        failed = any(child.status is Status.FAILED for child in parent.children)
        parent.status_reason = parent.end_reason or (CHILD_FAILED if failed else None)
        self._finish(parent, Status.FAILED if failed else Status.SUCCEEDED)
