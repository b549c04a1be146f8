"""A job's way through its states, and the processes of its attempts.

SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, then SUCCEEDED or FAILED, or RUNNABLE again for the next attempt. One
lock guards all jobs; what is to happen later stands in one agenda that one thread works off.
"""

import heapq
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final

from bioinfo_assets_tests.simulator.container import Container
from bioinfo_assets_tests.simulator.faults import (
    CONTAINER_EXITED,
    NEVER_STARTED,
    CannotInspectContainer,
    CannotPullContainer,
    Delays,
    Forgotten,
    JobFault,
    Kill,
    NotStarted,
    OutOfMemory,
    Stuck,
)
from bioinfo_assets_tests.simulator.job import Attempt, Job, Status
from bioinfo_assets_tests.simulator.logs import Logs, now_ms
from bioinfo_assets_tests.simulator.machines import Queue
from bioinfo_assets_tests.simulator.retry import Ending, is_retried

GRACE_S: Final = 30  # User Guide, "Job timeouts": from SIGTERM to SIGKILL
TIMED_OUT: Final = "Job attempt duration exceeded timeout"
CHILD_FAILED: Final = "Array Child Job failed"


@dataclass(frozen=True)
class World:
    """What jobs run in.

    Attributes:
        folder: Where each attempt gets a folder.
        environment: The variables of every container, beside Batch's and the job's.
        queues: By ARN.
        max_running: How many jobs may be STARTING or RUNNING at once.
        second_s: How long one second of Batch's timeouts and graces takes.
        images: Those that can be pulled; None: all.
    """

    folder: Path
    environment: Mapping[str, str]
    queues: Mapping[str, Queue]
    max_running: int
    second_s: float
    images: Collection[str] | None


@dataclass
class Run:
    """A started attempt."""

    job: Job
    attempt: Attempt
    faults: list[JobFault]
    container: Container | None = None
    cause: Callable[[int], Ending] | None = None
    is_lost: bool = False


class Scheduler:
    """Runs jobs."""

    def __init__(self, world: World, logs: Logs, delays: Callable[[], Delays], faults: list[JobFault]) -> None:
        self._world, self._logs, self._delays, self._faults = world, logs, delays, faults
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._waiting: list[Job] = []
        self._runs: dict[Job, Run] = {}
        self._containers: list[Container] = []
        self._busy = 0
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="Batch's scheduler")
        self._thread.start()

    def submit(self, job: Job) -> None:
        self._after(self._delays().submitted_s, lambda: self._pend(job))

    def cancel(self, job: Job, reason: str) -> None:
        """CancelJob: what waits fails, what runs goes on."""
        for child in job.children:
            self.cancel(child, reason)
        if job.status.waits:
            job.is_cancelled = True
            job.end_reason = reason
            if not job.children:
                self._fail(job, reason)

    def terminate(self, job: Job, reason: str) -> None:
        """TerminateJob: every state."""
        if job.status.is_over:
            return
        job.is_terminated = True
        job.end_reason = reason
        for child in job.children:
            self.terminate(child, reason)
        if not job.children:
            self._end(job, lambda code: Ending(reason, None, code, is_final=True), GRACE_S * self._world.second_s)

    def reclaim(self, job: Job, ending: Ending) -> None:
        """Takes the machine of a running job away."""
        self._end(job, lambda _: ending, 0)

    def wake(self) -> None:
        """Looks again at what waits."""
        with self.lock:
            self._changed.notify_all()

    def close(self) -> None:
        """Kills all processes and joins all threads."""
        with self.lock:
            self._closing = True
            self._changed.notify_all()
            containers = list(self._containers)
        self._thread.join()
        for container in containers:
            container.kill()
            container.join()

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        with self.lock:
            heapq.heappush(self._agenda, (time.monotonic() + seconds, next(self._order), act))
            self._changed.notify_all()

    def _work(self) -> None:
        with self.lock:
            while not self._closing:
                while self._agenda and self._agenda[0][0] <= time.monotonic():
                    heapq.heappop(self._agenda)[2]()
                self._place()
                if self._agenda:
                    self._changed.wait(max(0.0, self._agenda[0][0] - time.monotonic()))
                else:
                    self._changed.wait()

    def _pend(self, job: Job) -> None:
        """A job has no dependencies here; an array spawns its children."""
        if job.status is not Status.SUBMITTED:
            return
        for index in range(job.size or 0):
            child = replace(
                job,
                job_id=f"{job.job_id}:{index}",
                size=None,
                parent=job,
                index=index,
                status=Status.PENDING,
                created=now_ms(),
                attempts=[],
                children=[],
                unfinished=0,
            )
            job.children.append(child)
            job.unfinished += 1
            self._later_runnable(child)
        job.status = Status.PENDING
        if not job.size:
            self._later_runnable(job)

    def _later_runnable(self, job: Job) -> None:
        self._after(self._delays().pending_s, lambda: self._wait(job))

    def _wait(self, job: Job) -> None:
        if job.status.is_over:
            return
        job.status = Status.RUNNABLE
        self._after(self._delays().runnable_s, lambda: self._waiting.append(job))

    def _place(self) -> None:
        """Gives free places to the jobs that wait, in their order."""
        held: list[Job] = []
        for position, job in enumerate(self._waiting):
            if self._busy >= self._world.max_running:
                held += self._waiting[position:]
                break
            if job.status is Status.RUNNABLE and not self._placed(job):
                held.append(job)
        self._waiting = held

    def _placed(self, job: Job) -> bool:
        queue = self._world.queues[job.queue_arn]
        faults = self._befalling(job, len(job.attempts) + 1)
        stuck = [fault.status_reason for fault in faults if isinstance(fault, Stuck)]
        if float(job.settings.requirements["VCPU"]) > queue.max_vcpus:
            stuck.append(Stuck.MAX_RESOURCE)
        if stuck:
            job.status_reason = stuck[0]
        if stuck or not queue.starts_machines:
            return False
        self._busy += 1
        job.status, job.status_reason = Status.STARTING, None
        job.attempts.append(Attempt(len(job.attempts) + 1, uuid.uuid4().hex))
        self._runs[job] = run = Run(job, job.attempt, faults)
        self._after(self._delays().starting_s, lambda: self._start(run))
        return True

    def _befalling(self, job: Job, attempt: int) -> list[JobFault]:
        return [fault for fault in self._faults if fault.befalls(job.name, attempt, job.index)]

    def _start(self, run: Run) -> None:
        job = run.job
        if self._runs.get(job) is not run:
            return
        if job.settings.flaw:
            self._over(run, Ending(job.settings.flaw, is_final=True))
            return
        refusals = [fault for fault in run.faults if isinstance(fault, NotStarted)]
        if self._world.images is not None and job.settings.container["image"] not in self._world.images:
            refusals.append(CannotPullContainer())
        if refusals:
            self._over(run, refusals[0].ending())
            return
        self._launch(run)

    def _launch(self, run: Run) -> None:
        job, attempt = run.job, run.attempt
        stream = f"{job.settings.log_prefix}/default/{attempt.task}"
        self._logs.create(job.settings.log_group, stream)
        try:
            run.container = Container(
                attempt.task,
                job.settings.command,
                self._environment(run),
                self._world.folder / job.job_id.replace(":", "-") / str(attempt.number),
                lambda line: self._printed(run, stream, line),
                lambda code: self._exited(run, code),
            )
        except (OSError, IndexError) as error:
            words = f"CannotStartContainerError: Error response from daemon: {error}"
            self._over(run, Ending(NEVER_STARTED, words, 127))
            return
        attempt.log_stream, attempt.started, job.status = stream, now_ms(), Status.RUNNING
        self._containers.append(run.container)
        if job.settings.timeout:
            seconds = job.settings.timeout["attemptDurationSeconds"] * self._world.second_s
            self._after(seconds, lambda: self._time_out(run))
        for fault in run.faults:
            if isinstance(fault, Kill) and fault.after_line is None:
                self._later_strike(run, fault)
        run.container.watch()

    def _environment(self, run: Run) -> dict[str, str]:
        job, queue = run.job, self._world.queues[run.job.queue_arn]
        index = {} if job.index is None else {"AWS_BATCH_JOB_ARRAY_INDEX": str(job.index)}
        return {
            **self._world.environment,
            **job.settings.environment,
            **index,
            "AWS_BATCH_JOB_ID": job.job_id,
            "AWS_BATCH_JOB_ATTEMPT": str(run.attempt.number),
            "AWS_BATCH_JQ_NAME": queue.name,
            "AWS_BATCH_CE_NAME": queue.environment_name,
        }

    def _printed(self, run: Run, stream: str, line: bytes) -> None:
        self._logs.write(run.job.settings.log_group, stream, line)
        for fault in run.faults:
            if isinstance(fault, Kill) and fault.after_line is not None and fault.after_line.encode() in line:
                self._later_strike(run, fault)

    def _later_strike(self, run: Run, fault: Kill) -> None:
        enough = isinstance(fault, OutOfMemory) and fault.below_mib is not None
        if not (enough and run.job.settings.memory_mib >= fault.below_mib):
            self._after(fault.after_s, lambda: self._strike(run, fault))

    def _strike(self, run: Run, fault: Kill) -> None:
        if self._runs.get(run.job) is not run or run.container is None or run.cause is not None:
            return
        ending = fault.ending()
        if ending is None:
            run.is_lost = True
        else:
            run.cause = lambda _: ending
        run.container.kill()

    def _time_out(self, run: Run) -> None:
        if self._runs.get(run.job) is run:
            self._end(
                run.job, lambda code: Ending(TIMED_OUT, None, code, is_final=True), GRACE_S * self._world.second_s
            )

    def _end(self, job: Job, cause: Callable[[int], Ending], grace_s: float) -> None:
        run = self._runs.get(job)
        if run is None:
            self._fail(job, cause(0).status_reason)
        elif run.container is None or run.is_lost:
            self._over(run, replace(cause(0), exit_code=None))
        elif run.cause is None:
            run.cause = cause
            run.container.stop(grace_s)

    def _exited(self, run: Run, code: int) -> None:
        with self.lock:
            if self._closing:
                return
            if run.is_lost:
                self._free()
            elif run.cause is not None:
                self._over(run, run.cause(code))
            else:
                inspected = [fault.ending() for fault in run.faults if isinstance(fault, CannotInspectContainer)]
                self._over(run, (inspected or [Ending(CONTAINER_EXITED, None, code)])[0])

    def _free(self) -> None:
        self._busy -= 1
        self._changed.notify_all()

    def _over(self, run: Run, ending: Ending) -> None:
        """An attempt is over: once more, or the job's end."""
        job, attempt = run.job, run.attempt
        del self._runs[job]
        if not run.is_lost:
            self._free()
        attempt.ending, attempt.stopped = ending, now_ms()
        job.status_reason = ending.status_reason
        if is_retried(job.settings.retry, attempt.number, ending):
            self._wait(job)
        else:
            self._finish(job, Status.SUCCEEDED if ending.succeeded else Status.FAILED)

    def _fail(self, job: Job, reason: str) -> None:
        job.status_reason = reason
        self._finish(job, Status.FAILED)

    def _finish(self, job: Job, status: Status) -> None:
        job.status, job.stopped = status, now_ms()
        attempt = max(1, len(job.attempts))
        job.is_forgotten |= any(isinstance(fault, Forgotten) for fault in self._befalling(job, attempt))
        parent = job.parent
        if parent is not None:
            parent.unfinished -= 1
        if parent is not None and parent.unfinished == 0:
            failed = any(child.status is Status.FAILED for child in parent.children)
            parent.status_reason = parent.end_reason or (CHILD_FAILED if failed else None)
            self._finish(parent, Status.FAILED if failed else Status.SUCCEEDED)
