"""Polling of all of a process's jobs together by one thread, and a handle for each thread that waits for a job.

A second thread passes on what jobs print while they run: on AWS Batch, reading a log waits for its turn, and whoever
waits for thousands of jobs must not wait for their logs.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, UnreachableError
from bioinfo_assets.launch.backend import Backend, IsPublished, State, Status, Stream, Submission, never_published
from bioinfo_assets.launch.job import Job

OnChange = Callable[[Status], None]
OnOutput = Callable[[Stream, bytes], None]
OnUpdate = Callable[[], None]

_MAX_WAIT_S: Final = 0.2
"""A thread that waits longer than this in one call would notice an interrupt too late."""

_MAX_LOG_WAIT_S: Final = 5.0
"""How long the end of a process waits for a log that is being read."""

_MAX_DEFECTS: Final = 5
"""Consecutive unexpected errors of a backend's `poll` after which waiting threads raise the last one."""

_MAX_DOUBLINGS: Final = 5
"""How often the time between two polls doubles while polls fail."""

_MIN_PAUSE_IN_POLLS: Final = 4
"""The pause after a poll is so many times as long as the poll, however many jobs end, but no longer than usual."""

_MIN_SHOWN_ERRORS: Final = 2
"""Consecutive failed polls after which people see that polls fail."""


class JobHandle:
    """A submitted job, for the one thread that waits for it.

    Changes are delivered in the thread that calls `wait`, so that what a caller does with them (Dagster's events belong
    to the step's own thread) needs no locks, delays no other job, and raises where it can be caught. Output is
    delivered by the watcher's second thread while the job runs, and the rest of it by `wait` before the end.

    Attributes:
        submission: The backend's submission.
    """

    def __init__(
        self, backend: Backend, submission: Submission, on_change: OnChange, on_output: OnOutput, on_update: OnUpdate
    ) -> None:
        self.submission = submission
        self._backend = backend
        self._on_change = on_change
        self._on_output = on_output
        self._on_update = on_update
        self._output = threading.Lock()
        self._is_output_complete = False
        self._offsets = dict.fromkeys(Stream, 0)
        self._changed = threading.Condition()
        self._updates: deque[Status | Exception] = deque()
        self._status = Status(State.QUEUED)

    def wait(self, timeout: float | None = None) -> Status:
        """Wait for the job's end; deliver all changes, and the rest of the output before that end.

        Args:
            timeout: Seconds to wait at most; None waits to the end.

        Returns:
            The final status, or the present one at the timeout.

        Raises:
            UnreachableError: the backend could not be asked for its timeout. The job may still be running; it can be
                cancelled, and waited for again.
            Exception: what `poll` raised repeatedly because of a defect, or what `read_log` or a callback raised.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self._deliver()
            remaining_s = _MAX_WAIT_S if deadline is None else deadline - time.monotonic()
            if self._status.state.is_over or remaining_s <= 0:
                return self._status
            with self._changed:
                self._changed.wait_for(lambda: self._updates, min(_MAX_WAIT_S, remaining_s))

    @property
    def is_over(self) -> bool:
        """Whether the job is over, although `wait` may still have output to deliver.

        It delivers nothing itself, and any thread may read it.
        """
        with self._changed:
            newest = self._updates[-1] if self._updates else self._status
        return isinstance(newest, Status) and newest.state.is_over

    def cancel(self) -> None:
        """Cancel the job; `wait` then returns the status of its end."""
        self._backend.cancel(self.submission.job_id)

    def _push(self, update: Status | Exception) -> None:
        with self._changed:
            if self._updates and isinstance(self._updates[-1], Exception):
                self._updates.pop()  # it was not delivered yet, and this is newer
            is_new = update != (self._updates[-1] if self._updates else self._status)
            if is_new:
                self._updates.append(update)
                self._changed.notify()
        if is_new:
            self._on_update()

    def _next_update(self) -> Status | Exception | None:
        with self._changed:
            return self._updates.popleft() if self._updates else None

    def _deliver(self) -> None:
        """Deliver all updates; the rest of the output before the change that ends the job."""
        while (update := self._next_update()) is not None:
            if isinstance(update, Exception):
                raise update
            if update == self._status:
                continue
            if update.state.is_over:
                self._deliver_output(is_over=True)
            self._status = update
            self._on_change(update)

    def _deliver_output(self, *, is_over: bool) -> None:
        """Deliver what is new, in any thread; nothing after the job's end was delivered, since it may be gone."""
        with self._output:
            if self._is_output_complete:
                return
            for stream, offset in self._offsets.items():
                data = self._backend.read_log(self.submission.job_id, stream, offset)
                if data:
                    self._offsets[stream] = offset + len(data)
                    self._on_output(stream, data)
            self._is_output_complete = is_over


class Watcher:
    """Polls a backend for all its jobs, in one call and one thread, and passes the statuses to their handles.

    A poll that fails is repeated after exponentially longer waits. A service that does not answer, or refuses because
    credentials have expired, shows nothing about the jobs, which go on running: such polls are repeated for hours, and
    only then do waiting threads get an `UnreachableError`. A defect of the backend is raised after a few polls. Every
    job is polled until it is over, so that the end of a cancelled job is delivered too.

    Args:
        backend: Whose jobs.
        interval_s: Seconds between two polls; the backend's own interval if None.
        error_timeout_s: Seconds for which polls may fail; the backend's own timeout if None.
        sleep: Waits that long; tests replace it to control the time.
    """

    def __init__(
        self,
        backend: Backend,
        interval_s: float | None = None,
        error_timeout_s: float | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._backend = backend
        self._interval_s = backend.interval_s if interval_s is None else interval_s
        self._error_timeout_s = backend.poll_error_timeout_s if error_timeout_s is None else error_timeout_s
        self._poll_s = 0.0
        self._failing_since: float | None = None
        self._defects = 0
        self._problem = ""
        self._closed = threading.Event()
        self._sleep = sleep or self._pause
        self._lock = threading.Lock()
        self._handles: dict[str, JobHandle] = {}
        self._errors = 0
        self._work = threading.Event()
        self._running: tuple[JobHandle, ...] = ()
        self._was_polled = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"{backend.name} jobs", daemon=True)
        self._thread.start()
        self._output_thread = threading.Thread(target=self._pass_output, name=f"{backend.name} logs", daemon=True)
        self._output_thread.start()

    def submit(
        self,
        job: Job,
        fingerprint: str = "",
        on_change: OnChange | None = None,
        on_output: OnOutput | None = None,
        is_published: IsPublished = never_published,
        on_update: OnUpdate | None = None,
        followers: Sequence[Job] = (),
    ) -> JobHandle:
        """Submit a job to the backend.

        Args:
            job: The job.
            fingerprint: Identifies its result (see `Backend.submit`).
            on_change: Called with each new status, in the thread that waits for the handle.
            on_output: Called with what the job printed, in any thread, one call after the other.
            is_published: Whether another process has published its result (see `Backend.submit`).
            on_update: Called in any thread when `wait` has something to deliver. A thread that waits for many jobs then
                calls `wait(0)` of this one.
            followers: Jobs that run after it (see `Backend.submit`); each is polled once it is passed to `follow`.

        Raises:
            ResourceError: the job needs more resources than the backend can ever provide.
        """
        submission = self._backend.submit(job, fingerprint, is_published, followers)
        return self.follow(submission, on_change, on_output, on_update)

    def follow(
        self,
        submission: Submission,
        on_change: OnChange | None = None,
        on_output: OnOutput | None = None,
        on_update: OnUpdate | None = None,
    ) -> JobHandle:
        """Poll a job that was submitted already; the callbacks are those of `submit`."""
        handle = JobHandle(self._backend, submission, on_change or _ignore, on_output or _ignore, on_update or _ignore)
        with self._lock:
            self._handles[handle.submission.job_id] = handle
            self._work.set()
        return handle

    @property
    def problem(self) -> str:
        """Why the jobs cannot be polled at present; empty while they can."""
        return self._problem

    def close(self) -> None:
        """Stop polling; unfinished jobs are left to the backend, and threads that wait for one get an error."""
        self._closed.set()
        self._backend.job_ended.set()
        self._work.set()
        self._was_polled.set()
        self._thread.join()
        self._output_thread.join(_MAX_LOG_WAIT_S)
        for handle in self._handles.values():
            handle._push(RuntimeError("the watcher was closed before the job was over"))  # noqa: SLF001 - as above

    def _watch(self) -> None:
        while self._work.wait() and not self._closed.is_set():
            self._backend.job_ended.clear()
            began = time.monotonic()
            self._poll()
            self._poll_s = time.monotonic() - began
            self._sleep(self._interval_s * 2 ** min(self._errors, _MAX_DOUBLINGS))

    def _pause(self, seconds: float) -> None:
        """Wait until the next poll is due: after so many seconds, or when a job has ended."""
        began = time.monotonic()
        if not self._closed.is_set() and self._backend.job_ended.wait(seconds):
            pause_s = min(_MIN_PAUSE_IN_POLLS * self._poll_s, seconds)
            self._closed.wait(max(0.0, began + pause_s - time.monotonic()))

    def _pass_output(self) -> None:
        """Pass on what the jobs have printed that were running at the last poll, once in each interval."""
        while self._was_polled.wait() and not self._closed.is_set():
            self._was_polled.clear()
            began = time.monotonic()
            for handle in self._running:
                if self._closed.is_set():
                    return
                try:
                    handle._deliver_output(is_over=False)  # noqa: SLF001 - the two classes are one mechanism
                except Exception as error:  # noqa: BLE001 - whoever waits for the job raises it
                    handle._push(error)  # noqa: SLF001 - as above
            self._closed.wait(max(0.0, began + self._interval_s - time.monotonic()))

    def _poll(self) -> None:
        with self._lock:
            handles = dict(self._handles)
        try:
            updates: Mapping[str, Status | Exception] = self._backend.poll(handles.keys())
            self._errors, self._defects, self._failing_since, self._problem = 0, 0, None, ""
        except Exception as error:  # noqa: BLE001 - every waiting thread raises it
            self._errors += 1
            raised = self._error_to_raise(error)
            if raised is None:
                return
            updates = dict.fromkeys(handles, raised)
        with self._lock:  # before the delivery: whoever receives the end of a job may discard it
            for job_id, update in updates.items():
                if not isinstance(update, Exception) and update.state.is_over:
                    del self._handles[job_id]
            if not self._handles and not self._closed.is_set():
                self._work.clear()
        for job_id, handle in handles.items():
            handle._push(updates[job_id])  # noqa: SLF001 - the two classes are one mechanism
        self._running = tuple(handle for job_id, handle in handles.items() if _is_running(updates[job_id]))
        self._was_polled.set()

    def _error_to_raise(self, error: Exception) -> Exception | None:
        """What waiting threads raise after another poll has failed; None while polls are repeated."""
        if not isinstance(error, BioinfoAssetsError):
            self._defects += 1
            return error if self._defects >= _MAX_DEFECTS else None
        self._defects = 0
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        failing_s = time.monotonic() - self._failing_since
        if self._errors >= _MIN_SHOWN_ERRORS:
            self._problem = f"jobs cannot be polled for the moment, and go on running: {error}"
        if failing_s < self._error_timeout_s:
            return None
        return UnreachableError(
            f"gave up after {failing_s / 3600:.1f} h in which jobs could not be polled ({error}): the jobs are left "
            "running; start the run again, and it continues with them"
        )


def _is_running(update: Status | Exception) -> bool:
    return isinstance(update, Status) and update.state is State.RUNNING


def _ignore(*_: object) -> None:
    pass
