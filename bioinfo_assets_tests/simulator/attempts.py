"""The active attempts: their containers, and the faults that affect them."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from bioinfo_assets_tests.simulator.container import Container
from bioinfo_assets_tests.simulator.errors import ApiError
from bioinfo_assets_tests.simulator.event_queue import EventQueue
from bioinfo_assets_tests.simulator.faults import (
    CONTAINER_EXITED,
    NEVER_STARTED,
    CannotInspectContainer,
    CannotPullContainer,
    Drained,
    JobFault,
    Kill,
    NotStarted,
    OutOfMemory,
)
from bioinfo_assets_tests.simulator.job import Attempt, Job, Status
from bioinfo_assets_tests.simulator.logs import Logs, now_ms
from bioinfo_assets_tests.simulator.played import PlayedContainer
from bioinfo_assets_tests.simulator.queues import SimulatorConfig
from bioinfo_assets_tests.simulator.retry import AttemptResult

MAX_PLAYED = 8  # at the same time
TIMED_OUT = "Job attempt duration exceeded timeout"  # nf-core/rnaseq#340
START_ERROR = "CannotStartContainerError: Error response from daemon: "


@dataclass(eq=False)
class ActiveAttempt:
    """An active attempt.

    Attributes:
        job: The job.
        attempt: The attempt.
        faults: The faults that affect it.
        container: Its container, once it was started.
        cause: Its result, from its exit code, if it does not end by itself.
        is_lost: Whether its machine is gone without Batch noticing.
    """

    job: Job
    attempt: Attempt
    faults: list[JobFault]
    container: Container | PlayedContainer | None = None
    cause: Callable[[int], AttemptResult] | None = None
    is_lost: bool = False


class Attempts:
    """Starts and ends attempts; each takes a slot when it starts.

    Args:
        config: Where and how they run.
        logs: Receives their output.
        events: Its lock is held whenever anything changes here.
        on_over: Called at the end of each attempt.
        disk_of: Returns the disk of the machine that holds a job.
    """

    def __init__(
        self,
        config: SimulatorConfig,
        logs: Logs,
        events: EventQueue,
        on_over: Callable[[Job, AttemptResult], None],
        disk_of: Callable[[Job], Path | None],
    ) -> None:
        self._disk_of = disk_of
        self._config, self._logs, self._events, self._on_over = config, logs, events, on_over
        self._active: dict[Job, ActiveAttempt] = {}
        self._containers: list[Container | PlayedContainer] = []
        self._players = ThreadPoolExecutor(MAX_PLAYED, thread_name_prefix="played jobs")
        self._slots_taken = 0
        self._closing = False

    @property
    def has_free_slot(self) -> bool:
        return self._slots_taken < self._config.max_running

    def begin(self, job: Job, faults: list[JobFault], starting_s: float) -> None:
        """Set a job to STARTING."""
        self._slots_taken += 1
        job.status, job.status_reason = Status.STARTING, None
        job.attempts.append(Attempt(len(job.attempts) + 1, uuid.uuid4().hex))
        self._active[job] = active = ActiveAttempt(job, job.attempt, faults)
        self._events.after(starting_s, lambda: self._start(active))

    def end(self, job: Job, cause: Callable[[int], AttemptResult], *, at_once: bool = False) -> None:
        """End the active attempt of a job, if it has one: SIGTERM, the grace period, SIGKILL."""
        active = self._active.get(job)
        if active is None:
            return
        if active.container is None or active.is_lost:
            self._finish(active, replace(cause(0), exit_code=None))
        elif active.cause is None:
            active.cause = cause
            active.container.stop(0 if at_once else self._config.grace_s)

    def close(self) -> None:
        """Kill all processes and wait for their threads."""
        with self._events.lock:
            self._closing = True
        for container in self._containers:
            container.kill()
            container.join()
        self._players.shutdown()

    def _start(self, active: ActiveAttempt) -> None:
        """Set a job to RUNNING, or fail its attempt."""
        settings = active.job.settings
        if self._active.get(active.job) is not active:
            return
        failures = [fault.result() for fault in active.faults if isinstance(fault, NotStarted)]
        if self._config.images is not None and settings.container["image"] not in self._config.images:
            failures.append(CannotPullContainer().result())
        if settings.task_error:
            failures.insert(0, AttemptResult(settings.task_error, is_final=True))
        if failures:
            self._finish(active, failures[0])
            return
        try:
            active.container = self._start_container(active)
        except OSError as error:
            reason = f'exec: "{settings.command[0]}": {error.strerror}: unknown'
            self._finish(active, AttemptResult(NEVER_STARTED, START_ERROR + reason, 127))
        except ApiError as error:
            reason = f"failed to create Cloudwatch log stream: {error.code}: {error.message}"
            self._finish(active, AttemptResult(NEVER_STARTED, START_ERROR + reason))
        else:
            self._set_running(active, active.container)

    def _start_container(self, active: ActiveAttempt) -> Container | PlayedContainer:
        job, settings = active.job, active.job.settings
        if settings.creates_log_group:
            self._logs.create_group(settings.log_group)
        self._logs.create(settings.log_group, active.attempt.stream_of(settings))
        if self._config.play is not None:
            return PlayedContainer(
                self._config.play,
                settings.command,
                self._environment(active),
                self._players,
                lambda line: self._on_line(active, line),
                lambda code: self._on_exit(active, code),
            )
        return Container(
            active.attempt.task,
            settings.command,
            self._environment(active),
            self._config.folder / job.job_id.replace(":", "-") / str(active.attempt.number),
            lambda line: self._on_line(active, line),
            lambda code: self._on_exit(active, code),
        )

    def _environment(self, active: ActiveAttempt) -> dict[str, str]:
        job, queue = active.job, self._config.queues[active.job.queue_arn]
        index = {} if job.index is None else {"AWS_BATCH_JOB_ARRAY_INDEX": str(job.index)}
        disk = self._disk_of(job)
        return {
            **self._config.environment,
            **job.settings.environment,
            **index,
            **({} if disk is None else {"JOB_DISK": str(disk)}),
            "AWS_BATCH_JOB_ID": job.job_id,
            "AWS_BATCH_JOB_ATTEMPT": str(active.attempt.number),
            "AWS_BATCH_JQ_NAME": queue.name,
            "AWS_BATCH_CE_NAME": queue.environment_name,
        }

    def _set_running(self, active: ActiveAttempt, container: Container | PlayedContainer) -> None:
        job, attempt = active.job, active.attempt
        attempt.log_stream = attempt.stream_of(job.settings)
        attempt.started, job.status = now_ms(), Status.RUNNING
        self._containers.append(container)
        if job.settings.timeout:
            seconds = job.settings.timeout["attemptDurationSeconds"] * self._config.second_s
            self._events.after(seconds, lambda: self._time_out(active))
        for fault in active.faults:
            if isinstance(fault, Kill) and fault.after_line is None:
                self._schedule_fault(active, fault)
        container.watch()

    def _on_line(self, active: ActiveAttempt, line: bytes) -> None:
        self._logs.write(active.job.settings.log_group, active.attempt.stream_of(active.job.settings), line)
        for fault in active.faults:
            if isinstance(fault, Kill) and fault.after_line is not None and fault.after_line.encode() in line:
                self._schedule_fault(active, fault)

    def _schedule_fault(self, active: ActiveAttempt, fault: Kill) -> None:
        if isinstance(fault, OutOfMemory) and fault.is_enough(active.job.settings.memory_mib):
            return
        self._events.after(fault.after_s, lambda: self._apply_fault(active, fault))

    def _apply_fault(self, active: ActiveAttempt, fault: Kill) -> None:
        if self._active.get(active.job) is not active or active.container is None or active.cause is not None:
            return
        if isinstance(fault, Drained):
            self.end(active.job, fault.stopped_result)
            return
        result = fault.result()
        if result is None:
            active.is_lost = True
        else:
            active.cause = lambda _: result
        active.container.kill()

    def _time_out(self, active: ActiveAttempt) -> None:
        if self._active.get(active.job) is active:
            self.end(active.job, lambda code: AttemptResult(TIMED_OUT, None, code, is_final=True))

    def _on_exit(self, active: ActiveAttempt, code: int) -> None:
        with self._events.lock:
            if self._closing:
                return
            if active.is_lost:
                self._slots_taken -= 1
            elif active.cause is not None:
                self._finish(active, active.cause(code))
            else:
                uninspected = [fault.result() for fault in active.faults if isinstance(fault, CannotInspectContainer)]
                self._finish(active, (uninspected or [AttemptResult(CONTAINER_EXITED, None, code)])[0])

    def _finish(self, active: ActiveAttempt, result: AttemptResult) -> None:
        del self._active[active.job]
        if not active.is_lost:
            self._slots_taken -= 1
        active.attempt.result, active.attempt.stopped = result, now_ms()
        self._on_over(active.job, result)
