"""A job's way through its states.

SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, then SUCCEEDED or FAILED, or RUNNABLE again for the next attempt. An
array's parent is PENDING while its children run and FAILED if one of them is (User Guide, "Array jobs").
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from bioinfo_assets_tests.simulator.agenda import Agenda
from bioinfo_assets_tests.simulator.attempts import Attempts
from bioinfo_assets_tests.simulator.faults import Delays, Forgotten, JobFault, Stuck
from bioinfo_assets_tests.simulator.job import Job, Status
from bioinfo_assets_tests.simulator.logs import Logs, now_ms
from bioinfo_assets_tests.simulator.machines import World
from bioinfo_assets_tests.simulator.retry import Ending, is_retried

CHILD_FAILED: Final = "Array Child Job failed"


class Scheduler:
    """Runs jobs; whoever calls it, or reads a job, holds `lock`."""

    def __init__(self, world: World, logs: Logs, delays: Callable[[], Delays], faults: list[JobFault]) -> None:
        self._world, self._delays, self._faults = world, delays, faults
        self._waiting: list[Job] = []
        self._agenda = Agenda()
        self._attempts = Attempts(world, logs, self._agenda, self._attempt_over)
        self.lock = self._agenda.lock

    def submit(self, job: Job) -> None:
        self._agenda.after(self._delays().submitted_s, lambda: self._pend(job))

    def cancel(self, job: Job, reason: str) -> None:
        """CancelJob: what waits fails, what runs goes on, and so does its array."""
        for child in job.children:
            self.cancel(child, reason)
        if job.status.waits:
            job.is_cancelled, job.end_reason = True, reason
            if not job.children:
                self._fail(job, reason)

    def terminate(self, job: Job, reason: str) -> None:
        """TerminateJob: every state."""
        if job.status.is_over:
            return
        job.is_terminated, job.end_reason = True, reason
        for child in job.children:
            self.terminate(child, reason)
        if job.status in {Status.STARTING, Status.RUNNING}:
            self._attempts.end(job, lambda code: Ending(reason, None, code, is_final=True))
        elif not job.children:
            self._fail(job, reason)

    def reclaim(self, job: Job, ending: Ending) -> None:
        """Takes the machine of a running job away."""
        if job.status is not Status.RUNNING:
            raise ValueError(f"job {job.job_id} is {job.status.value}, so that it has no machine")
        self._attempts.end(job, lambda _: ending, at_once=True)

    def look_again(self) -> None:
        """Gives places to what can have one now."""
        self._agenda.after(0, self._place)

    def close(self) -> None:
        """Ends all processes and threads."""
        self._agenda.close()
        self._attempts.close()

    def _pend(self, job: Job) -> None:
        """There are no dependencies here, so that nothing waits in PENDING but by a delay; an array gets children."""
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
        self._agenda.after(self._delays().pending_s, lambda: self._become_runnable(job))

    def _become_runnable(self, job: Job) -> None:
        if not job.status.is_over:
            job.status = Status.RUNNABLE
            self._agenda.after(self._delays().runnable_s, lambda: self._queue(job))

    def _queue(self, job: Job) -> None:
        self._waiting.append(job)
        self._place()

    def _place(self) -> None:
        """Gives free places to the jobs that wait, in their order."""
        if not self._attempts.has_place:
            return
        waiting, self._waiting = self._waiting, []
        for position, job in enumerate(waiting):
            if not self._attempts.has_place:
                self._waiting += waiting[position:]
                break
            if job.status is Status.RUNNABLE and not self._placed(job):
                self._waiting.append(job)

    def _placed(self, job: Job) -> bool:
        faults = self._befalling(job, len(job.attempts) + 1)
        queue = self._world.queues[job.queue_arn]
        stuck = [fault.status_reason for fault in faults if isinstance(fault, Stuck)]
        if float(job.settings.requirements["VCPU"]) > queue.max_vcpus:
            stuck.append(Stuck.MAX_RESOURCE)
        if stuck:
            job.status_reason = stuck[0]
        if stuck or not queue.starts_machines:
            return False
        self._attempts.begin(job, faults, self._delays().starting_s)
        return True

    def _befalling(self, job: Job, attempt: int) -> list[JobFault]:
        return [fault for fault in self._faults if fault.befalls(job.name, attempt, job.index)]

    def _attempt_over(self, job: Job, ending: Ending) -> None:
        """Once more, or the job's end."""
        job.status_reason = ending.status_reason
        if is_retried(job.settings.retry, job.attempt.number, ending):
            self._become_runnable(job)
        else:
            self._finish(job, Status.SUCCEEDED if ending.succeeded else Status.FAILED)
        self.look_again()

    def _fail(self, job: Job, reason: str) -> None:
        job.status_reason = reason
        self._finish(job, Status.FAILED)

    def _finish(self, job: Job, status: Status) -> None:
        job.status, job.stopped = status, now_ms()
        last = max(1, len(job.attempts))
        job.is_forgotten |= any(isinstance(fault, Forgotten) for fault in self._befalling(job, last))
        if job.parent is not None:
            job.parent.unfinished -= 1
            if job.parent.unfinished == 0:
                self._finish_parent(job.parent)

    def _finish_parent(self, parent: Job) -> None:
        failed = any(child.status is Status.FAILED for child in parent.children)
        parent.status_reason = parent.end_reason or (CHILD_FAILED if failed else None)
        self._finish(parent, Status.FAILED if failed else Status.SUCCEEDED)
