"""The attempts that are under way: their containers, and what befalls them."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from bioinfo_assets_tests.simulator.agenda import Agenda
from bioinfo_assets_tests.simulator.container import Container
from bioinfo_assets_tests.simulator.errors import ApiError
from bioinfo_assets_tests.simulator.faults import (
    CONTAINER_EXITED,
    NEVER_STARTED,
    CannotInspectContainer,
    CannotPullContainer,
    JobFault,
    Kill,
    NotStarted,
    OutOfMemory,
)
from bioinfo_assets_tests.simulator.job import Attempt, Job, Status
from bioinfo_assets_tests.simulator.logs import Logs, now_ms
from bioinfo_assets_tests.simulator.machines import World
from bioinfo_assets_tests.simulator.retry import Ending

TIMED_OUT = "Job attempt duration exceeded timeout"  # nf-core/rnaseq#340
REFUSED = "CannotStartContainerError: Error response from daemon: "


@dataclass(eq=False)
class Run:
    """An attempt under way.

    Attributes:
        job: The job.
        attempt: Which of its attempts.
        faults: What befalls it.
        container: Once it is started.
        cause: How it ends, by its exit code, where it does not end by itself.
        is_lost: Whether its machine is gone and nobody tells.
    """

    job: Job
    attempt: Attempt
    faults: list[JobFault]
    container: Container | None = None
    cause: Callable[[int], Ending] | None = None
    is_lost: bool = False


class Attempts:
    """Starts and ends attempts; each holds a place from its begin on.

    Args:
        world: What they run in.
        logs: Takes what they print.
        agenda: Its lock is held wherever anything changes here.
        on_over: Told of each attempt's end.
    """

    def __init__(self, world: World, logs: Logs, agenda: Agenda, on_over: Callable[[Job, Ending], None]) -> None:
        self._world, self._logs, self._agenda, self._on_over = world, logs, agenda, on_over
        self._runs: dict[Job, Run] = {}
        self._containers: list[Container] = []
        self._held = 0
        self._closing = False

    @property
    def has_place(self) -> bool:
        return self._held < self._world.max_running

    def begin(self, job: Job, faults: list[JobFault], starting_s: float) -> None:
        """STARTING."""
        self._held += 1
        job.status, job.status_reason = Status.STARTING, None
        job.attempts.append(Attempt(len(job.attempts) + 1, uuid.uuid4().hex))
        self._runs[job] = run = Run(job, job.attempt, faults)
        self._agenda.after(starting_s, lambda: self._start(run))

    def end(self, job: Job, cause: Callable[[int], Ending], *, at_once: bool = False) -> None:
        """Ends the job's attempt, if there is one: SIGTERM, the grace, SIGKILL."""
        run = self._runs.get(job)
        if run is None:
            return
        if run.container is None or run.is_lost:
            self._over(run, replace(cause(0), exit_code=None))
        elif run.cause is None:
            run.cause = cause
            run.container.stop(0 if at_once else self._world.grace_s)

    def close(self) -> None:
        """Kills all processes and waits for their threads."""
        with self._agenda.lock:
            self._closing = True
        for container in self._containers:
            container.kill()
            container.join()

    def _start(self, run: Run) -> None:
        """RUNNING, or not."""
        settings = run.job.settings
        if self._runs.get(run.job) is not run:
            return
        refusals = [fault.ending() for fault in run.faults if isinstance(fault, NotStarted)]
        if self._world.images is not None and settings.container["image"] not in self._world.images:
            refusals.append(CannotPullContainer().ending())
        if settings.flaw:
            refusals.insert(0, Ending(settings.flaw, is_final=True))
        if refusals:
            self._over(run, refusals[0])
            return
        try:
            run.container = self._started(run)
        except OSError as error:
            words = f'exec: "{settings.command[0]}": {error.strerror}: unknown'
            self._over(run, Ending(NEVER_STARTED, REFUSED + words, 127))
        except ApiError as error:
            words = f"failed to create Cloudwatch log stream: {error.code}: {error.message}"
            self._over(run, Ending(NEVER_STARTED, REFUSED + words))
        else:
            self._running(run, run.container)

    def _started(self, run: Run) -> Container:
        job, settings = run.job, run.job.settings
        if settings.creates_log_group:
            self._logs.create_group(settings.log_group)
        self._logs.create(settings.log_group, run.attempt.stream_of(settings))
        return Container(
            run.attempt.task,
            settings.command,
            self._environment(run),
            self._world.folder / job.job_id.replace(":", "-") / str(run.attempt.number),
            lambda line: self._printed(run, line),
            lambda code: self._exited(run, code),
        )

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

    def _running(self, run: Run, container: Container) -> None:
        job, attempt = run.job, run.attempt
        attempt.log_stream = attempt.stream_of(job.settings)
        attempt.started, job.status = now_ms(), Status.RUNNING
        self._containers.append(container)
        if job.settings.timeout:
            seconds = job.settings.timeout["attemptDurationSeconds"] * self._world.second_s
            self._agenda.after(seconds, lambda: self._time_out(run))
        for fault in run.faults:
            if isinstance(fault, Kill) and fault.after_line is None:
                self._strike_later(run, fault)
        container.watch()

    def _printed(self, run: Run, line: bytes) -> None:
        self._logs.write(run.job.settings.log_group, run.attempt.stream_of(run.job.settings), line)
        for fault in run.faults:
            if isinstance(fault, Kill) and fault.after_line is not None and fault.after_line.encode() in line:
                self._strike_later(run, fault)

    def _strike_later(self, run: Run, fault: Kill) -> None:
        if isinstance(fault, OutOfMemory) and fault.is_enough(run.job.settings.memory_mib):
            return
        self._agenda.after(fault.after_s, lambda: self._strike(run, fault))

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
            self.end(run.job, lambda code: Ending(TIMED_OUT, None, code, is_final=True))

    def _exited(self, run: Run, code: int) -> None:
        with self._agenda.lock:
            if self._closing:
                return
            if run.is_lost:
                self._held -= 1
            elif run.cause is not None:
                self._over(run, run.cause(code))
            else:
                unseen = [fault.ending() for fault in run.faults if isinstance(fault, CannotInspectContainer)]
                self._over(run, (unseen or [Ending(CONTAINER_EXITED, None, code)])[0])

    def _over(self, run: Run, ending: Ending) -> None:
        del self._runs[run.job]
        if not run.is_lost:
            self._held -= 1
        run.attempt.ending, run.attempt.stopped = ending, now_ms()
        self._on_over(run.job, ending)
